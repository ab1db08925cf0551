"""Place this worker process on the machine as it was asked for, before anything starts threads."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Mapping
from typing import Any

# <sys/mman.h>, the same on all architectures that we build for.
_MCL_CURRENT, _MCL_FUTURE = 1, 2


def place(control: Mapping[str, Any]) -> dict[str, Any]:
    """Apply the CPUs, the priority and the memory lock of a `Control`; return what holds now.

    A part that the system refuses is null with its reason; a part that was not asked for is absent.
    """
    done: dict[str, Any] = {}
    if control["cpus"] is not None:
        done.update(_tried("cpus", lambda: _pin(control["cpus"])))
    if control["priority"] is not None:
        done.update(_tried("priority", lambda: _prioritise(control["priority"])))
    if control["mlock"]:
        done.update(_tried("mlock", _lock_memory))
    return done


def _tried(name: str, apply: Any) -> dict[str, Any]:
    try:
        return {name: apply()}
    except OSError as error:
        return {name: None, f"{name}_reason": f"the system refused it: {error.strerror}"}


def _pin(cpus: list[int]) -> list[int]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    held = sorted(os.sched_getaffinity(0))
    missing = sorted(set(cpus) - set(held))
    if missing:  # the kernel takes a mask in which only some CPUs exist
        os.sched_setaffinity(0, before)
        words = ", ".join(str(cpu) for cpu in missing)
        raise OSError(errno.EINVAL, f"CPU {words} is not online")
    return held


def _prioritise(text: str) -> str:
    policy, colon, number = text.partition(":")
    if colon:
        which = os.SCHED_FIFO if policy == "fifo" else os.SCHED_RR
        os.sched_setscheduler(0, which, os.sched_param(int(number)))
    else:
        os.setpriority(os.PRIO_PROCESS, 0, int(text))
    return text


def _lock_memory() -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return True
