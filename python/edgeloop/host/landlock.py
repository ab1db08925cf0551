"""Give up rights of this process for good, by what Linux offers every user: Landlock.

A ruleset names kinds of access and the files to which they stay; everything else of those kinds is
refused from then on, to children too. Numbers are those of <linux/landlock.h>; what each version
of the interface knows: https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

# One number on every architecture that this runs on.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_GET_VERSION = 1
_PATH_BENEATH = 1

_PR_SET_NO_NEW_PRIVS = 38  # <linux/prctl.h>

# Listing folders stays allowed everywhere: names are not secret.
_WRITE_FILE, _READ_FILE = 1 << 1, 1 << 2
# Remove, make and link whatever there is.
_CHANGE_FOLDER = sum(1 << bit for bit in range(4, 13))
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_OF_FILES = _WRITE_FILE | _READ_FILE | _TRUNCATE
_TCP = 0b11  # bind and connect
_SIGNALS = 0b10

_REFER_SINCE, _TRUNCATE_SINCE, _TCP_SINCE, _SCOPES_SINCE = 2, 3, 4, 6


@dataclass(frozen=True)
class Rights:
    """What stays allowed; files and folders that do not exist are left out."""

    readable: Iterable[Path] = ()
    writable: Iterable[Path] = field(default=())
    """Files, and folders with all that is in them; they are readable, too."""


def landlock_version() -> int:
    """Return the version of the kernel's interface; 0 where it has none or does not offer it."""
    return max(0, _call(_CREATE_RULESET, None, 0, _GET_VERSION))


def give_up_privileges() -> None:
    """Let no program that this process starts gain rights that it lacks, by a set-uid bit say."""
    ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def restrict(rights: Optional[Rights]) -> bool:
    """Keep `rights` to files, None all of them, and give up TCP and signals to other processes.

    Call it before the process has a second thread: it binds the calling one and what that starts.
    Returns whether the kernel did it.
    """
    version = landlock_version()
    if version == 0:
        return False
    give_up_privileges()
    handled = 0 if rights is None else _handled(version)
    network = _TCP if version >= _TCP_SINCE else 0
    signals = _SIGNALS if version >= _SCOPES_SINCE else 0
    if not handled | network | signals:
        return False
    attributes = struct.pack("=QQQ", handled, network, signals)
    known = 24 if version >= _SCOPES_SINCE else 16 if version >= _TCP_SINCE else 8
    ruleset = _call(_CREATE_RULESET, attributes[:known], known, 0)
    if ruleset < 0:
        return False
    try:
        if rights is not None:
            for path in rights.readable:
                _allow(ruleset, path, _READ_FILE)
            for path in rights.writable:
                _allow(ruleset, path, handled)
        return _call(_RESTRICT_SELF, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def _handled(version: int) -> int:
    handled = _WRITE_FILE | _READ_FILE | _CHANGE_FOLDER
    if version >= _REFER_SINCE:
        handled |= _REFER
    if version >= _TRUNCATE_SINCE:
        handled |= _TRUNCATE
    return handled


def _allow(ruleset: int, path: Path, access: int) -> None:
    with suppress(OSError, ValueError):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not stat.S_ISDIR(os.fstat(place).st_mode):
                access &= _OF_FILES
            _call(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", access, place), 0)
        finally:
            os.close(place)


def _call(number: int, *arguments: object) -> int:
    """Make a system call; a negative result says that it failed."""
    wrapped = [
        ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments
    ]
    return int(ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *wrapped))
