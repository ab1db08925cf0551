"""Under which heat a number holds: cool before each block, soaked with heat, or as it comes."""

from __future__ import annotations

import time
from typing import Optional

from edgeloop.errors import NotAvailableError
from edgeloop.measure.monitor import Monitor
from edgeloop.measure.observer import Observer
from edgeloop.spec.run import REGIMES

BURST, SUSTAINED = REGIMES

# A board reaches its steady temperature in about this time (method: 5 minutes at the least).
SOAK_S = 300.0

# Between two processes it cools for a few seconds only.
RESOAK_S = 5.0

# Without a target of the user's, a block may start this much above the temperature at the start.
_ABOVE_START_C = 2.0

# A board that has not cooled down in this time will not.
_COOLING_TIMEOUT_S = 600.0
_LOOK_S = 0.5


class Regime:
    """What happens before each process and each block so that the heat is the one asked for."""

    def __init__(
        self, name: Optional[str], target_c: Optional[float], monitor: Monitor, observer: Observer
    ) -> None:
        """Raise NotAvailableError where cooling is asked for and there is no sensor."""
        self.name = name
        self._monitor = monitor
        self._observer = observer
        start_c = monitor.latest.temperature_c
        if (name == BURST or target_c is not None) and start_c is None:
            raise NotAvailableError(
                "no temperature sensor can be read here, so the end of cooling is unknown: leave "
                "--regime burst and --cool-down out"
            )
        self._target_c = target_c
        if name == BURST and target_c is None and start_c is not None:
            self._target_c = start_c + _ABOVE_START_C

    @property
    def cools_blocks(self) -> bool:
        """Tell whether a pause may lie before each block."""
        return self.name == BURST

    def before_process(self) -> None:
        """Wait until it is as cool as was asked for."""
        if self._target_c is not None:
            self._cool(self._target_c)

    def before_block(self) -> bool:
        """Wait in a burst; return whether there was a pause."""
        if not self.cools_blocks or self._target_c is None:
            return False
        return self._cool(self._target_c)

    def soak_s(self, number: int) -> float:
        """Return for how long the `number`-th process runs unrecorded to take up heat."""
        if self.name != SUSTAINED:
            return 0.0
        return SOAK_S if number == 0 else RESOAK_S

    def _cool(self, target_c: float) -> bool:
        """Wait; a board that does not get there goes on hot, and its blocks are labelled so."""
        began_s = time.monotonic()
        waited = False
        while True:
            now_c = self._monitor.latest.temperature_c
            if now_c is None or now_c <= target_c:
                return waited
            if not waited:
                self._observer.phase(f"cooling down from {now_c:.1f} to {target_c:.1f} °C")
            if time.monotonic() - began_s > _COOLING_TIMEOUT_S:
                self._observer.phase(
                    f"still at {now_c:.1f} °C after {_COOLING_TIMEOUT_S:g} s: continuing anyway"
                )
                return True
            waited = True
            time.sleep(_LOOK_S)
