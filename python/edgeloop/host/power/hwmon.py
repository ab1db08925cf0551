"""Power meters that Linux shows as hwmon: powerN in µW, or voltage (mV) and current (mA).

Units: Linux Documentation/hwmon/sysfs-interface.rst.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Optional

from edgeloop.host.power.meter import MeterDescription
from edgeloop.host.pseudofile import Reading, children, read_integer, read_text

# These meter themselves, not the machine.
_GRAPHICS = frozenset({"amdgpu", "nouveau", "i915", "xe", "radeon"})

# Chips that are put on boards to meter their supply.
_METERS = ("ina2", "ina7", "ltc29", "max344")


class HwmonMeter:
    """One hwmon device, its channels added up."""

    def __init__(self, name: str, channels: tuple[Callable[[], Reading[float]], ...]) -> None:
        self._channels = channels
        self.description = MeterDescription(
            name="hwmon",
            covers=f"what the sensor {name} is wired to",
            limits="the kernel does not say what that is; see the board's manual",
        )

    def read_w(self) -> Reading[float]:
        """Return the power of the channels together."""
        total_w = 0.0
        for read in self._channels:
            power = read()
            if power.value is None:
                return power
            total_w += power.value
        return Reading(total_w)


def find(root: Path = Path("/")) -> Optional[HwmonMeter]:
    """Return the first device that gives power, supply meters before others."""
    found: list[tuple[bool, HwmonMeter]] = []
    for device in children(root / "sys/class/hwmon", "hwmon*"):
        name = read_text(device / "name").value or device.name
        if name in _GRAPHICS or name == "ina3221":
            continue
        channels = _power_channels(device)
        if not channels and name.startswith(_METERS):
            channels = _product_channels(device)
        if channels:
            found.append((not name.startswith(_METERS), HwmonMeter(name, channels)))
    found.sort(key=lambda entry: entry[0])
    return found[0][1] if found else None


def _power_channels(device: Path) -> tuple[Callable[[], Reading[float]], ...]:
    paths = children(device, "power[0-9]*_input") or children(device, "power[0-9]*_average")
    readable = [path for path in paths if read_integer(path).value is not None]
    return tuple(_microwatts(path) for path in readable)


def _product_channels(device: Path) -> tuple[Callable[[], Reading[float]], ...]:
    channels = []
    for current in children(device, "curr[0-9]*_input"):
        number = current.name[len("curr") : -len("_input")]
        voltage = device / f"in{number}_input"
        if read_integer(current).value is not None and read_integer(voltage).value is not None:
            channels.append(_product(voltage, current))
    return tuple(channels)


def _microwatts(path: Path) -> Callable[[], Reading[float]]:
    def read() -> Reading[float]:
        power = read_integer(path)
        return Reading(None if power.value is None else power.value / 1e6, power.reason)

    return read


def _product(voltage_mv: Path, current_ma: Path) -> Callable[[], Reading[float]]:
    def read() -> Reading[float]:
        voltage, current = read_integer(voltage_mv), read_integer(current_ma)
        if voltage.value is None or current.value is None:
            return Reading(None, voltage.reason or current.reason)
        return Reading(voltage.value * current.value / 1e6)

    return read
