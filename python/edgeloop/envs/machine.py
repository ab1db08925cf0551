"""Which wheels this machine can use: the architecture of its interpreter, and its C library."""

from __future__ import annotations

import os
import platform
import struct
from typing import Optional


def architecture() -> str:
    """Return the architecture of this interpreter: a 64-bit kernel may run a 32-bit one."""
    machine = platform.machine().lower()
    if struct.calcsize("P") == 4 and machine in ("aarch64", "armv8l"):
        return "armv7l"
    return machine


def glibc() -> Optional[tuple[int, int]]:
    """Return the version of the GNU C library, None where there is another one."""
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
        major, minor = version.split(".")[:2]
        return (int(major), int(minor)) if name == "glibc" else None
    except (ValueError, OSError):
        return None


def too_old_for(needed: tuple[int, int]) -> Optional[str]:
    """Return the C library of this machine where it is not glibc `needed` or newer, else None."""
    here = glibc()
    if here is None:
        return "another C library"
    return None if here >= needed else f"glibc {here[0]}.{here[1]}"
