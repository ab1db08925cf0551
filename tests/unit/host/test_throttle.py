"""Signs of throttling, and cpufreq policies."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeloop.host.frequency import boost_enabled, frequency_policies
from edgeloop.host.throttle import (
    firmware_throttling,
    throttle_counts,
    throttle_names,
    throttling,
)

THERMAL = "sys/class/thermal"


def test_policies_are_in_hertz(pi4: Path) -> None:
    (policy,) = frequency_policies(pi4)
    assert policy.cpus == (0, 1, 2, 3)
    assert policy.governor == "ondemand"
    assert (policy.min_hz, policy.max_hz) == (600_000_000, 1_800_000_000)
    assert policy.hardware_max_hz == 1_800_000_000


def test_a_limit_that_cannot_be_read_says_why(pi4: Path) -> None:
    (pi4 / "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq").write_text("<unknown>\n")
    (policy,) = frequency_policies(pi4)
    assert policy.current_hz is None
    assert "'<unknown>'" in (policy.current_hz_reason or "")


def test_boost(container: Path) -> None:
    assert boost_enabled(container).value is True
    (container / "sys/devices/system/cpu/intel_pstate/no_turbo").unlink()
    assert boost_enabled(container).value is None
    (container / "sys/devices/system/cpu/cpufreq/boost").write_text("0\n")
    assert boost_enabled(container).value is False


@pytest.mark.parametrize(
    ("bits", "names"),
    [
        (0x0, ()),
        (0x1, ("under-voltage",)),
        (0xE, ("frequency-capped", "throttled", "soft-temperature-limit")),
        (0x50000, ()),
    ],
)
def test_names_of_the_live_bits(bits: int, names: tuple[str, ...]) -> None:
    assert throttle_names(bits) == names


def test_pi4_was_throttled_but_is_not_now(pi4: Path) -> None:
    firmware = firmware_throttling(pi4)
    assert firmware.bits == 0x50000
    assert firmware.now == ()
    assert firmware.since_boot == ("under-voltage", "throttled")
    assert firmware.under_voltage_alarm is False
    assert throttling(pi4).throttled is False


def test_pi5_is_throttled_now(pi5: Path) -> None:
    throttle = throttling(pi5)
    assert throttle.throttled is True
    assert throttle.causes == ("under-voltage", "throttled", "soft-temperature-limit")
    assert throttle.firmware.under_voltage_alarm is True
    assert throttle.cpu_cooling == ()  # the fan slows nothing


def test_a_kernel_without_get_throttled_says_what_to_ask_instead(pi5: Path) -> None:
    (pi5 / "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled").unlink()
    firmware = firmware_throttling(pi5)
    assert firmware.now is None
    assert "vcgencmd" in (firmware.now_reason or "")
    assert throttling(pi5).causes == ("under-voltage",)  # the alarm remains


def test_no_pi_no_bits(rock5: Path) -> None:
    firmware = firmware_throttling(rock5)
    assert firmware.bits is None
    assert firmware.bits_reason == "only the Raspberry Pi's firmware reports it"
    assert firmware.under_voltage_alarm_reason == "only the Raspberry Pi's firmware reports it"


def test_rock5_cooling_device_slows_the_cpu(rock5: Path) -> None:
    assert throttling(rock5).throttled is False
    (rock5 / THERMAL / "cooling_device1/cur_state").write_text("3\n")
    throttle = throttling(rock5)
    assert throttle.throttled is True
    assert throttle.causes == ("cpufreq-cpu4 is slowed",)


def test_x86_counts_each_package_once(container: Path) -> None:
    counts = throttle_counts(container)
    assert counts.core_events == 2 * (0 + 1 + 2 + 3)
    assert counts.package_events == 9
    assert throttle_counts(container / "nowhere").core_events_reason


def test_a_guest_cannot_tell(guest: Path) -> None:
    throttle = throttling(guest)
    assert throttle.throttled is None
    assert throttle.throttled_reason
