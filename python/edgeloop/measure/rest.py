"""Is a worker at rest? Its CPU time says so, from outside."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from edgeloop.host.procstat import read_process_stat

# Looked at over this long, a worker that waits for its next request has used nothing.
WINDOW_S = 0.02

# What a framework's own housekeeping may take; a thread that spins takes a hundred times that.
_AT_REST = 0.01

_CPUCLOCK_SCHED = 2  # <linux/posix-timers.h>: the scheduler's own count, in ns


def process_cpu_ns(pid: int) -> Optional[int]:
    """Return the CPU time of all threads of a process, None where it is gone.

    By its CPU clock (clock_getcpuclockid); where a kernel has none, by /proc in its coarse ticks.
    """
    try:
        return time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED)
    except OSError:
        stat = read_process_stat(Path("/proc") / str(pid)).value
        return None if stat is None else stat.cpu_ns


def wants_cpu(pid: int) -> bool:
    """Return whether a thread runs or could: on a busy machine it may wait longer than we look."""
    tasks = Path("/proc").joinpath(str(pid), "task").glob("*")
    stats = (read_process_stat(task).value for task in tasks)
    return any(stat is not None and stat.state == "R" for stat in stats)


@dataclass(frozen=True)
class Look:
    """When a process was looked at, and the CPU time it had taken by then; None: it is gone."""

    at_ns: int
    cpu_ns: Optional[int]


def look(pid: int) -> Look:
    """Look at a process."""
    return Look(time.monotonic_ns(), process_cpu_ns(pid))


def rested(before: Look, after: Look) -> bool:
    """Return whether a process used no CPU between two looks; one that is gone rests."""
    if before.cpu_ns is None or after.cpu_ns is None:
        return True
    return after.cpu_ns - before.cpu_ns <= _AT_REST * (after.at_ns - before.at_ns)


def comes_to_rest(pid: int, timeout_s: float) -> bool:
    """Wait until a process uses no CPU and wants none; False where that takes too long.

    A process that is gone is at rest: its next answer tells what became of it.
    """
    deadline_s = time.monotonic() + timeout_s
    while True:
        before = look(pid)
        time.sleep(WINDOW_S)
        if rested(before, look(pid)) and not wants_cpu(pid):
            return True
        if time.monotonic() >= deadline_s:
            return False
