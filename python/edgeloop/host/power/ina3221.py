"""The INA3221 power monitor of the Jetson boards, in its places on JetPack 4, 5 and 6.

JetPack 5 and 6: hwmon with inN_label, inN_input (mV) and currN_input (mA), Linux
Documentation/hwmon/ina3221.rst. JetPack 4: an iio device with rail_name_N and in_powerN_input (mW).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from edgeloop.host.power.meter import MeterDescription
from edgeloop.host.pseudofile import Reading, children, read_integer, read_text

# Rails that feed the whole board: with one of them the others are parts of it.
_WHOLE_BOARD = ("VDD_IN", "POM_5V_IN")

_CHANNELS = (1, 2, 3)
_JETPACK4_CHANNELS = (0, 1, 2)


@dataclass(frozen=True)
class _Rail:
    """One channel; `power_mw` is there on JetPack 4, voltage and current later."""

    label: str
    power_mw: Optional[Path] = None
    voltage_mv: Optional[Path] = None
    current_ma: Optional[Path] = None

    def read_w(self) -> Reading[float]:
        if self.power_mw is not None:
            power = read_integer(self.power_mw)
            return Reading(None if power.value is None else power.value / 1e3, power.reason)
        assert self.voltage_mv is not None
        assert self.current_ma is not None
        voltage, current = read_integer(self.voltage_mv), read_integer(self.current_ma)
        if voltage.value is None or current.value is None:
            return Reading(None, voltage.reason or current.reason)
        return Reading(voltage.value * current.value / 1e6)


class Ina3221Meter:
    """The rail that feeds the board, or all rails added up."""

    def __init__(self, rails: tuple[_Rail, ...]) -> None:
        self._rails = rails
        names = " + ".join(rail.label for rail in rails)
        whole = len(rails) == 1 and rails[0].label in _WHOLE_BOARD
        self.description = MeterDescription(
            name="ina3221",
            covers=f"the whole board ({names})" if whole else f"the rails {names}",
            limits="the chip averages over its own conversions; what is shorter is not seen"
            + ("" if whole else "; what other rails feed is missing"),
        )

    def read_w(self) -> Reading[float]:
        """Return the power of the rails together."""
        total_w = 0.0
        for rail in self._rails:
            power = rail.read_w()
            if power.value is None:
                return power
            total_w += power.value
        return Reading(total_w)


def find(root: Path = Path("/")) -> Optional[Ina3221Meter]:
    """Return the meter, or None where no INA3221 answers."""
    rails = [*_hwmon_rails(root), *_iio_rails(root)]
    rails = [rail for rail in rails if rail.read_w().value is not None]
    whole = [rail for rail in rails if rail.label in _WHOLE_BOARD]
    chosen = tuple(whole[:1] or rails)
    return Ina3221Meter(chosen) if chosen else None


def _hwmon_rails(root: Path) -> list[_Rail]:
    rails = []
    for device in children(root / "sys/class/hwmon", "hwmon*"):
        if read_text(device / "name").value != "ina3221":
            continue
        for channel in _CHANNELS:
            label = read_text(device / f"in{channel}_label").value
            if label and label != "NC":  # not connected
                voltage, current = device / f"in{channel}_input", device / f"curr{channel}_input"
                rails.append(_Rail(label, voltage_mv=voltage, current_ma=current))
    return rails


def _iio_rails(root: Path) -> list[_Rail]:
    rails = []
    for chip in children(root / "sys/bus/i2c/drivers/ina3221x", "*-*"):
        for device in children(chip, "iio:device*"):
            for channel in _JETPACK4_CHANNELS:
                label = read_text(device / f"rail_name_{channel}").value
                if label:
                    rails.append(_Rail(label, power_mw=device / f"in_power{channel}_input"))
    return rails
