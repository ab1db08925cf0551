"""Which clock is read, and what reading it costs in each language."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from edgeloop import _core

# Above it a read is a system call (method: arm64 leaves the vDSO where the counter is unusable).
SYSCALL_READ_NS = 400.0

# Stretches of about 50 µs, an odd number: their median is free of the one that was preempted.
_STRETCHES = 21
_READS = 1000


@dataclass(frozen=True)
class ClockInfo:
    """The clock of every loop, with its tick and read costs in ns."""

    id: int
    name: str
    tick_ns: int
    read_ns: float
    """One read from C++."""
    python_read_ns: float
    """One `time.clock_gettime_ns` from a Python loop, the loop itself included."""

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return asdict(self)


def choose_clock() -> ClockInfo:
    """Measure CLOCK_MONOTONIC_RAW, or CLOCK_MONOTONIC where RAW is a system call and it is not."""
    raw = _core.measure_clock(time.CLOCK_MONOTONIC_RAW)
    if raw.read_ns > SYSCALL_READ_NS:
        plain = _core.measure_clock(time.CLOCK_MONOTONIC)
        if plain.read_ns < raw.read_ns / 2:
            return _info(time.CLOCK_MONOTONIC, "CLOCK_MONOTONIC", plain)
    return _info(time.CLOCK_MONOTONIC_RAW, "CLOCK_MONOTONIC_RAW", raw)


def _info(clock_id: int, name: str, cost: _core.ClockCost) -> ClockInfo:
    return ClockInfo(
        id=clock_id,
        name=name,
        tick_ns=cost.tick_ns,
        read_ns=cost.read_ns,
        python_read_ns=_python_read_ns(clock_id),
    )


def _python_read_ns(clock_id: int) -> float:
    stretches_ns = sorted(_stretch_ns(clock_id) for _ in range(_STRETCHES))
    return stretches_ns[_STRETCHES // 2] / _READS


def _stretch_ns(clock_id: int) -> int:
    read = time.clock_gettime_ns
    start = read(clock_id)
    for _ in range(_READS - 1):
        read(clock_id)
    return read(clock_id) - start
