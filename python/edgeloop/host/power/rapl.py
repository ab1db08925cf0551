"""Energy counters of x86 processors (RAPL), as Linux's powercap shows them.

Linux Documentation/power/powercap/powercap.rst: `energy_uj` counts microjoules and begins again at
`max_energy_range_uj`. It may be read by root only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Optional

from edgeloop.host.power.meter import MeterDescription
from edgeloop.host.pseudofile import Reading, children, read_integer, read_text

_ZONES = ("package", "dram")


class RaplMeter:
    """Packages and memory; the power is the mean since the last reading."""

    def __init__(
        self, zones: dict[str, Path], now_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._zones = zones
        self._now_ns = now_ns
        self._ranges_uj = {
            name: read_integer(path / "max_energy_range_uj").value for name, path in zones.items()
        }
        self._last: Optional[tuple[int, dict[str, int]]] = None
        self.description = MeterDescription(
            name="rapl",
            covers=f"the processor ({', '.join(zones)})",
            limits="board, disks and supply are missing; AMD and some Intel models estimate it",
        )
        self.read_w()

    def read_w(self) -> Reading[float]:
        """Return the mean power since the last call; the first call only starts the counting."""
        now_ns = self._now_ns()
        energies: dict[str, int] = {}
        for name, path in self._zones.items():
            energy = read_integer(path / "energy_uj")
            if energy.value is None:
                self._last = None
                return Reading(None, energy.reason)
            energies[name] = energy.value
        last, self._last = self._last, (now_ns, energies)
        if last is None or now_ns <= last[0]:
            return Reading(None, "the counter has been read once only")
        used_uj = 0
        for name, energy_uj in energies.items():
            step_uj = energy_uj - last[1][name]
            if step_uj < 0:  # it began again
                range_uj = self._ranges_uj[name]
                if range_uj is None:
                    return Reading(None, f"the counter of {name} began again at an unknown value")
                step_uj += range_uj
            used_uj += step_uj
        return Reading(used_uj * 1e3 / (now_ns - last[0]))


def find(
    root: Path = Path("/"), now_ns: Callable[[], int] = time.monotonic_ns
) -> Optional[RaplMeter]:
    """Return the meter, or None where no counter may be read."""
    zones: dict[str, Path] = {}
    for path in children(root / "sys/class/powercap", "intel-rapl:*"):
        name = read_text(path / "name").value or ""
        if name.startswith(_ZONES) and read_integer(path / "energy_uj").value is not None:
            # Every package has a zone "dram" of its own.
            zones[name if name not in zones else f"{name} ({path.name})"] = path
    return RaplMeter(zones, now_ns) if zones else None
