"""Who else used the CPUs just now: read between blocks, in the parent."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

from edgeloop.host.procstat import tick_ns
from edgeloop.host.pseudofile import read_text
from edgeloop.measure.rest import process_cpu_ns

# The kernel counts in ticks of 10 ms for each CPU: over so long a quarter of a CPU is 12 of them.
WINDOW_NS = 500_000_000

# Columns of the `cpu` line of /proc/stat (proc(5)); guest time is part of user and nice.
_IDLE, _IOWAIT, _STEAL, _COLUMNS = 3, 4, 7, 8


@dataclass(frozen=True)
class Neighbours:
    """CPUs that others took; 1.0 is one whole CPU."""

    other_cpus: float
    """By programs that are not of this measurement."""
    stolen_cpus: float
    """By the hypervisor, for other guests."""


@dataclass(frozen=True)
class _Reading:
    taken_ns: int
    busy_ns: int
    stolen_ns: int
    own_ns: int


class NeighbourWatch:
    """Compares the CPU time of the machine with that of the workers and of this process."""

    def __init__(
        self,
        root: Path = Path("/"),
        now_ns: Callable[[], int] = time.monotonic_ns,
        cpu_ns: Callable[[int], Optional[int]] = process_cpu_ns,
    ) -> None:
        self._root = root
        self._now_ns = now_ns
        self._cpu_ns = cpu_ns
        self._own_ns: dict[int, int] = {}
        self._readings: deque[_Reading] = deque()

    def watch(self, pid: int) -> None:
        """Count a worker as ours from now on; what it used before is forgotten."""
        self._own_ns[pid] = self._cpu_ns(pid) or 0
        self._readings.clear()
        self.look()

    def look(self) -> Optional[Neighbours]:
        """Return what others took in the last half second or more; None where it is not known.

        That is also so in the first half second after a worker was started.
        """
        now = self._read()
        if now is None:
            return None
        self._readings.append(now)
        while len(self._readings) > 2 and now.taken_ns - self._readings[1].taken_ns >= WINDOW_NS:
            self._readings.popleft()
        past = self._readings[0]
        passed_ns = now.taken_ns - past.taken_ns
        if passed_ns < WINDOW_NS:
            return None
        others_ns = now.busy_ns - past.busy_ns - (now.own_ns - past.own_ns)
        stolen_ns = now.stolen_ns - past.stolen_ns
        return Neighbours(max(0.0, others_ns / passed_ns), max(0.0, stolen_ns / passed_ns))

    def _read(self) -> Optional[_Reading]:
        for pid, before_ns in self._own_ns.items():
            self._own_ns[pid] = max(before_ns, self._cpu_ns(pid) or 0)  # gone: as it was at last
        line = (read_text(self._root / "proc/stat").value or "").split("\n")[0].split()
        ticks = [int(one) for one in line[1 : 1 + _COLUMNS] if one.isdecimal()]
        if line[:1] != ["cpu"] or len(ticks) < _COLUMNS:
            return None
        idle = ticks[_IDLE] + ticks[_IOWAIT]
        return _Reading(
            taken_ns=self._now_ns(),
            busy_ns=(sum(ticks) - idle - ticks[_STEAL]) * tick_ns(),
            stolen_ns=ticks[_STEAL] * tick_ns(),
            own_ns=sum(self._own_ns.values()) + time.process_time_ns(),
        )
