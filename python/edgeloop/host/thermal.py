"""Read temperatures, the limits at which the kernel acts, and the cooling it has applied."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edgeloop.host.document import Document
from edgeloop.host.pseudofile import Reading, children, read_integer, read_text

_THERMAL = "sys/class/thermal"

# Sensors that are switched off answer with values such as -256 °C (Jetson Orin).
_PLAUSIBLE_C = (-50.0, 200.0)

# Zones that never follow the silicon: a Jetson's PMIC always says 100 °C, its fan estimate is
# computed.
_NOT_SENSORS = frozenset({"PMIC-Die", "thermal-fan-est"})

_CPU_ZONE = re.compile(r"cpu|core|soc|pkg|package|^tj", re.IGNORECASE)
_CPU_HWMON = frozenset({"coretemp", "k10temp", "zenpower", "cpu_thermal"})

# Beginnings of the `type` of cooling devices that slow or idle a CPU; fans are not among them.
_CPU_COOLING = (
    "cpufreq",
    "thermal-cpufreq",
    "thermal-cpuidle",
    "idle-",
    "Processor",
    "intel_powerclamp",
    "cpu-balanced",
)


@dataclass(frozen=True)
class TripPoint(Document):
    """A temperature at which the kernel acts: `active` is a fan, `passive` slows the chip."""

    type: str
    temperature_c: float


@dataclass(frozen=True)
class ThermalZone(Document):
    """One sensor."""

    name: str
    type: str | None
    type_reason: str | None
    temperature_c: float | None
    temperature_c_reason: str | None
    trips: tuple[TripPoint, ...]

    @property
    def follows_silicon(self) -> bool:
        """Return whether the value is measured, and where heat would show."""
        return self.temperature_c is not None and self.type not in _NOT_SENSORS

    @property
    def limit_c(self) -> float | None:
        """Return where the kernel begins to slow the chip, or None where it never does."""
        limits = [trip.temperature_c for trip in self.trips if trip.type != "active"]
        return min(limits, default=None)


@dataclass(frozen=True)
class CoolingDevice(Document):
    """One means of cooling; state 0 is off. The statistics count since the kernel started."""

    name: str
    type: str | None
    type_reason: str | None
    state: int | None
    state_reason: str | None
    max_state: int | None
    max_state_reason: str | None
    transitions: int | None
    transitions_reason: str | None
    time_in_state_ms: tuple[int, ...] | None
    time_in_state_ms_reason: str | None

    @property
    def slows_cpu(self) -> bool:
        """Return whether the device works by slowing a CPU."""
        return (self.type or "").startswith(_CPU_COOLING)


@dataclass(frozen=True)
class CpuTemperature(Document):
    """The temperature to print beside a measurement, and the sensor it came from."""

    temperature_c: float | None
    temperature_c_reason: str | None
    source: str | None


def thermal_zones(root: Path = Path("/")) -> tuple[ThermalZone, ...]:
    """Return every thermal zone in the kernel's order."""
    return tuple(_zone(path) for path in children(root / _THERMAL, "thermal_zone*"))


def cooling_devices(root: Path = Path("/")) -> tuple[CoolingDevice, ...]:
    """Return every cooling device in the kernel's order."""
    return tuple(_cooling_device(path) for path in children(root / _THERMAL, "cooling_device*"))


def cpu_temperature(
    root: Path = Path("/"), zones: Iterable[ThermalZone] | None = None
) -> CpuTemperature:
    """Return the hottest CPU or system-on-chip sensor, else the hottest sensor of any kind."""
    zones = thermal_zones(root) if zones is None else zones
    readable = [
        (zone.temperature_c, zone.type or zone.name)
        for zone in zones
        if zone.temperature_c is not None and zone.follows_silicon
    ]
    of_cpu = [reading for reading in readable if _CPU_ZONE.search(reading[1])]
    # hwmon before the other zones: AMD's PCs have no CPU zone, and their ACPI zone may be fixed.
    candidates = of_cpu or _hwmon_temperatures(root) or readable
    if not candidates:
        reason = f"no thermal zone and no CPU sensor could be read under {root / 'sys/class'}"
        return CpuTemperature(None, reason, None)
    temperature_c, source = max(candidates)
    return CpuTemperature(temperature_c, None, source)


def _zone(path: Path) -> ThermalZone:
    kind, temperature = read_text(path / "type"), _celsius(path / "temp")
    return ThermalZone(
        name=path.name,
        type=kind.value,
        type_reason=kind.reason,
        temperature_c=temperature.value,
        temperature_c_reason=temperature.reason,
        trips=_trips(path),
    )


def _trips(path: Path) -> tuple[TripPoint, ...]:
    trips = []
    for type_file in children(path, "trip_point_*_type"):
        kind = read_text(type_file).value
        temperature_c = _celsius(path / type_file.name.replace("_type", "_temp")).value
        if kind and temperature_c is not None and temperature_c > 0:  # 0 and below: switched off
            trips.append(TripPoint(kind, temperature_c))
    return tuple(trips)


def _cooling_device(path: Path) -> CoolingDevice:
    kind = read_text(path / "type")
    state, max_state = read_integer(path / "cur_state"), read_integer(path / "max_state")
    transitions = read_integer(path / "stats/total_trans")
    times = _time_in_state_ms(path / "stats/time_in_state_ms")
    return CoolingDevice(
        name=path.name,
        type=kind.value,
        type_reason=kind.reason,
        state=state.value,
        state_reason=state.reason,
        max_state=max_state.value,
        max_state_reason=max_state.reason,
        transitions=transitions.value,
        transitions_reason=transitions.reason,
        time_in_state_ms=times.value,
        time_in_state_ms_reason=times.reason,
    )


def _time_in_state_ms(path: Path) -> Reading[tuple[int, ...]]:
    text = read_text(path)
    if text.value is None:
        return Reading(None, text.reason)
    times = [line.split()[-1] for line in text.value.splitlines() if line.split()]
    if not all(time.isdecimal() for time in times):
        return Reading(None, f"{path} is not a table of states and times")
    return Reading(tuple(int(time) for time in times))


def _celsius(path: Path) -> Reading[float]:
    millidegrees = read_integer(path)
    if millidegrees.value is None:
        return Reading(None, millidegrees.reason)
    temperature_c = millidegrees.value / 1000
    if not _PLAUSIBLE_C[0] < temperature_c < _PLAUSIBLE_C[1]:
        return Reading(None, f"{path} says {temperature_c:g} °C: the sensor is off or broken")
    return Reading(temperature_c)


def _hwmon_temperatures(root: Path) -> list[tuple[float, str]]:
    found = []
    for device in children(root / "sys/class/hwmon", "hwmon*"):
        name = read_text(device / "name").value
        if name in _CPU_HWMON:
            # The first input is the package on Intel and the control temperature on AMD.
            temperature_c = _celsius(device / "temp1_input").value
            if temperature_c is not None:
                found.append((temperature_c, f"hwmon {name}"))
    return found
