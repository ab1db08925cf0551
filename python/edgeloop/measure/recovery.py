"""A pause between two pairs of blocks, until the machine is as fast as it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

from edgeloop.stats.levels import SLOW

# A clock that was lowered for heat rises again within this, or not between two blocks at all.
RECOVERY_TIMEOUT_S = 2.0
_LOOK_S = 0.05

# After so many pauses in vain, one after the other, a machine is noisy and not hot.
MOST_IN_VAIN = 3


@dataclass
class Recovery:
    """What the fixed-work probe took in the session so far, and the pauses for it."""

    fastest_ns: Optional[int] = None
    last_ns: Optional[int] = None
    pauses: int = 0
    in_vain: int = 0
    """Pauses after which the probe was still slow."""
    paused_s: float = 0.0
    _in_a_row: int = 0

    def saw(self, probe_ns: Optional[int]) -> None:
        """Note the probe of a block, or of a look in between; None where there was none."""
        self.last_ns = probe_ns
        if probe_ns:
            self.fastest_ns = min(probe_ns, self.fastest_ns or probe_ns)

    def wait(self, probe: Callable[[], int]) -> None:
        """Wait while fixed work runs SLOW and more above the session's fastest.

        `probe` returns the time of the fixed work in ns. At most RECOVERY_TIMEOUT_S, and not at
        all once MOST_IN_VAIN pauses in a row were in vain.
        """
        if not self._slow() or self._in_a_row == MOST_IN_VAIN:
            return
        self.pauses += 1
        begun_s = time.monotonic()
        while self._slow() and time.monotonic() - begun_s < RECOVERY_TIMEOUT_S:
            time.sleep(_LOOK_S)
            self.saw(probe())
        self.paused_s += time.monotonic() - begun_s
        self._in_a_row = self._in_a_row + 1 if self._slow() else 0
        self.in_vain += self._slow()

    def _slow(self) -> bool:
        if not self.fastest_ns or not self.last_ns:
            return False
        return self.last_ns > (1.0 + SLOW) * self.fastest_ns
