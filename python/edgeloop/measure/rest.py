"""Rest: of an idle worker, as its CPU time shows, and of the machine between entries."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from edgeloop.host.processes import read_process_stat
from edgeloop.measure.observer import Observer

# Above the temperature at the start this much is the scatter of a sensor, not heat left over.
_ABOVE_START_C = 3.0

_LOOK_S = 1.0

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


class Rest:
    """Waits between entries; the heat of one must not fall on the next."""

    def __init__(
        self,
        temperature: Callable[[], Optional[float]],
        until_c: Optional[float],
        at_most_s: float,
        observer: Observer,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`temperature` reads °C; `until_c` None: as at the start; `at_most_s` 0: no pause."""
        self._temperature = temperature
        self._at_most_s = at_most_s
        self._observer = observer
        self._sleep = sleep
        start_c = temperature()
        self._until_c = until_c
        if until_c is None and start_c is not None:
            self._until_c = start_c + _ABOVE_START_C

    def take(self) -> float:
        """Wait until it is cool, or for the most that was allowed; return the seconds."""
        waited_s = 0.0
        while self._until_c is not None and waited_s < self._at_most_s:
            now_c = self._temperature()
            if now_c is None or now_c <= self._until_c:
                break
            if not waited_s:
                self._observer.phase(f"cooling down from {now_c:.1f} to {self._until_c:.1f} °C")
            self._sleep(min(_LOOK_S, self._at_most_s - waited_s))
            waited_s += _LOOK_S
        return waited_s
