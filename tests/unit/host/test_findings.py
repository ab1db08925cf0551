"""What doctor and bench warn about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgeloop.host.findings import Finding, findings
from edgeloop.host.frequency import boost_enabled, frequency_policies
from edgeloop.host.info import host_info
from edgeloop.host.processes import MachineLoad, ProcessLoad
from edgeloop.host.thermal import thermal_zones
from edgeloop.host.throttle import throttling


def judge(root: Path, **more) -> dict[str, Finding]:
    found = findings(
        host_info(root),
        policies=frequency_policies(root),
        boost=boost_enabled(root).value,
        zones=thermal_zones(root),
        throttle=throttling(root),
        **more,
    )
    assert len({finding.code for finding in found}) == len(found)
    for finding in found:
        assert finding.text.endswith((".", "?"))
        assert finding.effect.endswith(".")
        assert finding.fix
    return {finding.code: finding for finding in found}


def load(other: float, steal: float = 0.0) -> MachineLoad:
    return MachineLoad(10**9, 4, other, None, other, None, steal, None)


def test_pi4(pi4: Path) -> None:
    found = judge(pi4)
    assert set(found) == {
        "governor-not-performance",
        "under-voltage-since-boot",
        "throttled-since-boot",
    }
    governor = found["governor-not-performance"]
    assert "ondemand" in governor.text
    assert "CPU 0-3" in governor.text
    assert "between 600 MHz and 1.8 GHz" in governor.text
    assert governor.fix.startswith("echo performance | sudo tee")


def test_pi5_hot_and_badly_supplied(pi5: Path) -> None:
    found = judge(pi5)
    assert found["under-voltage-now"].severity == "error"
    assert found["throttled-now"].severity == "error"
    assert "throttled, soft-temperature-limit" in found["throttled-now"].text
    assert "81.4 °C" in found["temperature-near-limit"].text
    assert "80.0 °C" in found["temperature-near-limit"].text  # the firmware's, not the trip's
    assert found["swap-in-use"].severity == "info"
    assert "throttled-since-boot" not in found


def test_errors_come_first(pi5: Path) -> None:
    order = [f.severity for f in judge(pi5).values()]
    assert order == sorted(order, key=["error", "warning", "info"].index)


def test_rock5_is_in_order_but_unequal(rock5: Path) -> None:
    found = judge(rock5)
    assert set(found) == {"unequal-cores"}
    text = found["unequal-cores"].text
    assert text.index("CPU 4-7 Cortex-A76") < text.index("CPU 0-3 Cortex-A55")
    assert "--threads at 4 or less" in found["unequal-cores"].fix


def test_jetson(jetson_nano: Path) -> None:
    found = judge(jetson_nano)
    assert set(found) == {
        "governor-not-performance",
        "frequency-capped",
        "memory-low",
        "swap-in-use",
    }  # and nothing of the PMIC that always says 100 °C
    assert found["governor-not-performance"].fix == "sudo jetson_clocks"
    assert "918 MHz" in found["frequency-capped"].text
    assert "1.48 GHz" in found["frequency-capped"].text
    assert found["swap-in-use"].severity == "warning"


def test_guest(guest: Path) -> None:
    found = judge(guest)
    assert set(found) == {"virtual-machine", "slow-clocksource"}
    assert "(qemu)" in found["virtual-machine"].text
    assert found["slow-clocksource"].severity == "info"
    assert found["slow-clocksource"].fix.startswith("echo tsc | sudo tee")


def test_a_slow_clock_without_a_better_one(guest: Path) -> None:
    directory = guest / "sys/devices/system/clocksource/clocksource0"
    (directory / "current_clocksource").write_text("hpet\n")
    (directory / "available_clocksource").write_text("hpet acpi_pm \n")
    finding = judge(guest)["slow-clocksource"]
    assert finding.severity == "warning"
    assert "no faster clock" in finding.fix


def test_container(container: Path) -> None:
    found = judge(container)
    assert set(found) == {
        "cpu-quota",
        "memory-limit",
        "shared-cores",
        "governor-not-performance",
        "frequency-boost",
        "throttled-since-boot",
    }
    assert "1.5 CPUs" in found["cpu-quota"].text
    assert "8 are visible" in found["cpu-quota"].text
    assert "--threads 1 at most" in found["cpu-quota"].fix
    assert "are 4 cores" in found["shared-cores"].text
    assert found["throttled-since-boot"].severity == "info"


def test_a_quota_that_does_not_bind_is_no_finding(container: Path) -> None:
    (container / "sys/fs/cgroup/cpu.max").write_text("800000 100000\n")
    assert "cpu-quota" not in judge(container)


def test_less_than_one_cpu_has_no_thread_count_to_advise(container: Path) -> None:
    (container / "sys/fs/cgroup/cpu.max").write_text("50000 100000\n")
    assert "--threads" not in judge(container)["cpu-quota"].fix


def test_a_fixed_clock_needs_no_governor(pi4: Path) -> None:
    (pi4 / "sys/devices/system/cpu/cpufreq/policy0/scaling_min_freq").write_text("1800000\n")
    assert "governor-not-performance" not in judge(pi4)


def test_governors_of_cpus_we_may_not_use_do_not_matter(rock5: Path) -> None:
    (rock5 / "sys/devices/system/cpu/cpufreq/policy0/scaling_governor").write_text("ondemand\n")
    assert "CPU 0-3" in judge(rock5)["governor-not-performance"].text
    (rock5 / "proc/self/status").write_text("Cpus_allowed_list:\t4-7\n")
    assert judge(rock5) == {}


def test_pi4_whose_timer_would_lose_ticks(pi4: Path) -> None:
    (pi4 / "sys/devices/system/cpu/cpufreq/policy0/cpuinfo_min_freq").write_text("300000\n")
    finding = judge(pi4)["timer-loses-ticks"]
    assert finding.severity == "error"
    assert "300 MHz" in finding.text


def test_trip_points_count_on_other_boards(rock5: Path) -> None:
    (rock5 / "sys/class/thermal/thermal_zone1/temp").write_text("71000\n")
    text = judge(rock5)["temperature-near-limit"].text
    assert text == "bigcore0-thermal is at 71.0 °C; the chip is slowed from 75.0 °C on."


@pytest.mark.parametrize(("other", "warned"), [(0.0, False), (0.02, False), (0.2, True)])
def test_load_by_others(rock5: Path, other: float, warned: bool) -> None:
    found = judge(rock5, load=load(other), busiest=[ProcessLoad(7, "firefox", 0.75)])
    assert ("other-load" in found) is warned
    if warned:
        assert "0.80 of 4 CPUs busy: firefox (pid 7) 0.75." in found["other-load"].text


def test_load_that_cannot_be_seen(rock5: Path) -> None:
    assert "another container" in judge(rock5, load=load(0.5))["other-load"].text


def test_unknown_load_is_not_judged(rock5: Path) -> None:
    unknown = MachineLoad(10**9, 4, None, "x", None, "x", None, "x")
    assert set(judge(rock5, load=unknown)) == {"unequal-cores"}


def test_stolen_time(guest: Path) -> None:
    assert "5.0%" in judge(guest, load=load(0.0, steal=0.05))["cpu-time-stolen"].text


def test_emulated_cpu_and_address_layout(pi4: Path) -> None:
    info = host_info(pi4)
    emulated = replace(info.virtualisation, emulation="aarch64 on x86_64")
    system = replace(info.system, aslr="off", python_bits=32)
    found = {
        finding.code: finding
        for finding in findings(replace(info, virtualisation=emulated, system=system))
    }
    assert found["cpu-emulated"].severity == "error"
    assert set(found) == {"cpu-emulated", "aslr-off", "python-32-bit"}
    assert set(found["aslr-off"].as_dict()) == {"code", "severity", "text", "effect", "fix"}


def test_an_empty_tree_is_not_judged(tmp_path: Path) -> None:
    assert judge(tmp_path) == {}
