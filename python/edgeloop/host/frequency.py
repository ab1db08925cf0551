"""Read the CPU clock's governor, limits and boost from cpufreq."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeloop.host.cpuinfo import read_cpu_list
from edgeloop.host.document import Document
from edgeloop.host.pseudofile import Reading, children, read_integer, read_text

_CPUFREQ = "sys/devices/system/cpu/cpufreq"


@dataclass(frozen=True)
class FrequencyPolicy(Document):
    """One group of CPUs that share a clock.

    `current_hz` is what the kernel asked for: on a Raspberry Pi the firmware may run slower
    without saying so (raspberrypi/linux#2986), so it proves nothing about throttling.
    """

    name: str
    cpus: tuple[int, ...]
    governor: str | None
    governor_reason: str | None
    min_hz: int | None
    min_hz_reason: str | None
    max_hz: int | None
    max_hz_reason: str | None
    current_hz: int | None
    current_hz_reason: str | None
    hardware_min_hz: int | None
    hardware_min_hz_reason: str | None
    hardware_max_hz: int | None
    hardware_max_hz_reason: str | None


def frequency_policies(root: Path = Path("/")) -> tuple[FrequencyPolicy, ...]:
    """Return every policy; empty where the kernel publishes none (virtual machines)."""
    return tuple(_policy(path) for path in children(root / _CPUFREQ, "policy*"))


def boost_enabled(root: Path = Path("/")) -> Reading[bool]:
    """Return whether the clock may exceed its nominal frequency (turbo)."""
    no_turbo = read_integer(root / "sys/devices/system/cpu/intel_pstate/no_turbo")
    if no_turbo.value is not None:
        return Reading(no_turbo.value == 0)
    boost = read_integer(root / _CPUFREQ / "boost")
    if boost.value is not None:
        return Reading(boost.value != 0)
    return Reading(None, "the kernel publishes no boost switch")


def _policy(path: Path) -> FrequencyPolicy:
    cpus = read_cpu_list(path / "affected_cpus").value
    governor = read_text(path / "scaling_governor")
    low, high = _hz(path / "scaling_min_freq"), _hz(path / "scaling_max_freq")
    current = _hz(path / "scaling_cur_freq")
    hardware_low, hardware_high = _hz(path / "cpuinfo_min_freq"), _hz(path / "cpuinfo_max_freq")
    return FrequencyPolicy(
        name=path.name,
        cpus=cpus or read_cpu_list(path / "related_cpus").value or (),
        governor=governor.value,
        governor_reason=governor.reason,
        min_hz=low.value,
        min_hz_reason=low.reason,
        max_hz=high.value,
        max_hz_reason=high.reason,
        current_hz=current.value,
        current_hz_reason=current.reason,
        hardware_min_hz=hardware_low.value,
        hardware_min_hz_reason=hardware_low.reason,
        hardware_max_hz=hardware_high.value,
        hardware_max_hz_reason=hardware_high.reason,
    )


def _hz(path: Path) -> Reading[int]:
    khz = read_integer(path)  # cpufreq speaks kHz
    return khz if khz.value is None else Reading(khz.value * 1000)
