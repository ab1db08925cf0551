"""The state of the machine while it is measured, read by the parent about once a second."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Optional

from edgeloop.errors import reasoned
from edgeloop.host.frequency import frequency_policies
from edgeloop.host.power.meter import PowerMeter
from edgeloop.host.thermal import cpu_temperature
from edgeloop.host.throttle import throttling
from edgeloop.measure.neighbours import NeighbourWatch

INTERVAL_S = 1.0

# Readings may take this share of one core; on a slow board they are then further apart.
_MOST_SHARE = 0.005


@dataclass(frozen=True)
class HostSample:
    """One reading; what could not be read is None."""

    taken_ns: int
    """CLOCK_MONOTONIC_RAW, the clock of the blocks."""
    temperature_c: Optional[float]
    cpu_hz: tuple[int, ...]
    """What the kernel asks of each frequency policy; the firmware may run slower."""
    throttled: Optional[bool]
    causes: tuple[str, ...]
    power_w: Optional[float]
    power_w_reason: Optional[str] = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        unread = "no sensor could be read"
        return {
            "taken_ns": self.taken_ns,
            **reasoned("temperature_c", self.temperature_c, unread),
            "cpu_hz": list(self.cpu_hz),
            **reasoned("throttled", self.throttled, unread),
            "causes": list(self.causes),
            **reasoned("power_w", self.power_w, self.power_w_reason or "no power meter"),
        }


class Monitor:
    """Reads the machine in a thread of the parent. Use as a context manager.

    A reading that takes long stretches the interval, so that watching costs half a per cent of one
    core at the most. Sensors that fail or vanish are None in the sample.
    """

    def __init__(
        self,
        meter: Optional[PowerMeter] = None,
        root: Path = Path("/"),
        interval_s: float = INTERVAL_S,
    ) -> None:
        self.meter = meter
        self.neighbours = NeighbourWatch(root)
        """Who else uses the CPUs; each worker of the measurement is to be told to it."""
        self._root = root
        self._interval_s = interval_s
        self._samples: list[HostSample] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="host monitor", daemon=True)

    def __enter__(self) -> Monitor:
        self._take()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def latest(self) -> HostSample:
        """The newest reading; there is one as soon as the monitor is entered."""
        return self._samples[-1]

    def between(self, start_ns: int, end_ns: int) -> list[HostSample]:
        """Return the readings of a stretch of time, its ends included, and the last before it."""
        samples = self._samples[:]  # the thread may append meanwhile
        times = [sample.taken_ns for sample in samples]
        first = max(0, bisect_right(times, start_ns) - 1)
        return samples[first : bisect_right(times, end_ns)]

    def _watch(self) -> None:
        wait_s = self._interval_s
        while not self._ended.wait(wait_s):
            begun_ns = time.thread_time_ns()
            self._take()
            cost_s = (time.thread_time_ns() - begun_ns) / 1e9
            wait_s = max(self._interval_s, cost_s / _MOST_SHARE)

    def _take(self) -> None:
        signs = throttling(self._root)
        power_w, reason = None, "no power meter"
        if self.meter is not None:
            reading = self.meter.read_w()
            power_w, reason = reading.value, reading.reason or ""
        policies = frequency_policies(self._root)
        self._samples.append(
            HostSample(
                taken_ns=time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW),
                temperature_c=cpu_temperature(self._root).temperature_c,
                cpu_hz=tuple(p.current_hz for p in policies if p.current_hz is not None),
                throttled=signs.throttled,
                causes=signs.causes,
                power_w=power_w,
                power_w_reason=reason or None,
            )
        )
