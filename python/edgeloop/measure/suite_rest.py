"""The pause between two entries: until the CPU is as cool as it was for the first."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Optional

from edgeloop.measure.observer import Observer

# Above the temperature at the start this much is the scatter of a sensor, not heat left over.
_ABOVE_START_C = 3.0

_LOOK_S = 1.0


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
