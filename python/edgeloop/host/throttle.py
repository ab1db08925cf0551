"""Detect whether heat or a weak power supply slows the CPUs, now or since the start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeloop.host.board import board
from edgeloop.host.document import Document
from edgeloop.host.pseudofile import Reading, children, read_integer, read_text
from edgeloop.host.raspberrypi import throttled_bits
from edgeloop.host.thermal import CoolingDevice, cooling_devices

UNDER_VOLTAGE = "under-voltage"

# Bits of get_throttled; the same 16 bits higher say "has happened since the start".
# Source: Raspberry Pi documentation, `vcgencmd get_throttled`.
_FIRMWARE_BITS = (
    (0, UNDER_VOLTAGE),
    (1, "frequency-capped"),
    (2, "throttled"),
    (3, "soft-temperature-limit"),
)
_SINCE_BOOT_SHIFT = 16

_NOT_A_PI = "only the Raspberry Pi's firmware reports it"


@dataclass(frozen=True)
class FirmwareThrottling(Document):
    """What the Raspberry Pi's firmware says.

    `now` and `since_boot` hold the names of the set bits. An empty `since_boot` proves nothing:
    the kernel's voltage monitor clears those bits every two seconds.
    """

    bits: int | None
    bits_reason: str | None
    now: tuple[str, ...] | None
    now_reason: str | None
    since_boot: tuple[str, ...] | None
    since_boot_reason: str | None
    under_voltage_alarm: bool | None
    under_voltage_alarm_reason: str | None


@dataclass(frozen=True)
class ThrottleCounts(Document):
    """How often an x86 CPU was slowed by heat since it came up; only differences say when."""

    core_events: int | None
    core_events_reason: str | None
    package_events: int | None
    package_events_reason: str | None


@dataclass(frozen=True)
class Throttling(Document):
    """All the signs of throttling at one moment; `causes` are those that are live."""

    throttled: bool | None
    throttled_reason: str | None
    causes: tuple[str, ...]
    firmware: FirmwareThrottling
    counts: ThrottleCounts
    cpu_cooling: tuple[CoolingDevice, ...]


def throttling(root: Path = Path("/")) -> Throttling:
    """Read every sign of throttling there is."""
    firmware, counts = firmware_throttling(root), throttle_counts(root)
    cooling = tuple(device for device in cooling_devices(root) if device.slows_cpu)
    causes = list(firmware.now or ())
    if firmware.under_voltage_alarm and UNDER_VOLTAGE not in causes:
        causes.append(UNDER_VOLTAGE)
    # powerclamp says -1 where it is off
    causes += [f"{device.type} is slowed" for device in cooling if (device.state or 0) > 0]
    readable = (
        firmware.bits is not None
        or firmware.under_voltage_alarm is not None
        or any(device.state is not None for device in cooling)
    )
    reason = None if readable else "no firmware bits and no cooling device of a CPU could be read"
    return Throttling(
        bool(causes) if readable else None, reason, tuple(causes), firmware, counts, cooling
    )


def firmware_throttling(root: Path = Path("/")) -> FirmwareThrottling:
    """Read the Raspberry Pi's firmware bits and voltage alarm, where the kernel shows them."""
    bits, alarm = _firmware_bits(root), _under_voltage_alarm(root)
    now = None if bits.value is None else throttle_names(bits.value)
    since_boot = None if bits.value is None else throttle_names(bits.value >> _SINCE_BOOT_SHIFT)
    return FirmwareThrottling(
        bits=bits.value,
        bits_reason=bits.reason,
        now=now,
        now_reason=bits.reason,
        since_boot=since_boot,
        since_boot_reason=bits.reason,
        under_voltage_alarm=alarm.value,
        under_voltage_alarm_reason=alarm.reason,
    )


def throttle_names(bits: int) -> tuple[str, ...]:
    """Return the names of the live bits set in a `get_throttled` value."""
    return tuple(name for bit, name in _FIRMWARE_BITS if bits >> bit & 1)


def throttle_counts(root: Path = Path("/")) -> ThrottleCounts:
    """Add up the thermal throttle counts of x86: each logical CPU's, and each package's."""
    core_events: list[int] = []
    package_events: dict[int, int] = {}
    for cpu in children(root / "sys/devices/system/cpu", "cpu[0-9]*"):
        core = read_integer(cpu / "thermal_throttle/core_throttle_count").value
        package = read_integer(cpu / "thermal_throttle/package_throttle_count").value
        if core is not None:
            core_events.append(core)
        if package is not None:
            # Every CPU of a package shows the package's own count.
            number = read_integer(cpu / "topology/physical_package_id").value or 0
            package_events[number] = max(package, package_events.get(number, 0))
    reason = "the kernel publishes no thermal_throttle counts (it does for Intel CPUs)"
    return ThrottleCounts(
        core_events=sum(core_events) if core_events else None,
        core_events_reason=None if core_events else reason,
        package_events=sum(package_events.values()) if package_events else None,
        package_events_reason=None if package_events else reason,
    )


def _firmware_bits(root: Path) -> Reading[int]:
    if not board(root).is_raspberry_pi:
        return Reading(None, _NOT_A_PI)
    return throttled_bits(root)


def _under_voltage_alarm(root: Path) -> Reading[bool]:
    for device in children(root / "sys/class/hwmon", "hwmon*"):
        if read_text(device / "name").value == "rpi_volt":
            alarm = read_integer(device / "in0_lcrit_alarm")
            return Reading(None if alarm.value is None else alarm.value != 0, alarm.reason)
    if board(root).is_raspberry_pi:
        return Reading(None, f"no hwmon named rpi_volt under {root / 'sys/class/hwmon'}")
    return Reading(None, _NOT_A_PI)
