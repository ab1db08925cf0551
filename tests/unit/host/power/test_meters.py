"""Power meters, from files as the boards' documentation shows them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from edgeloop.errors import UsageError
from edgeloop.host.power import hwmon, ina3221, rapl
from edgeloop.host.power import pmic as raspberrypi
from edgeloop.host.power.source import CommandMeter, find_meter
from edgeloop.host.pseudofile import Reading

HWMON = "sys/class/hwmon/hwmon"


def write(root: Path, directory: str, **files: Any) -> None:
    folder = root / directory
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(f"{content}\n", encoding="utf-8")


def write_ina3221(root: Path, number: int, *rails: tuple[str, int, int]) -> None:
    files: dict[str, Any] = {"name": "ina3221"}
    for channel, (label, millivolts, milliamperes) in enumerate(rails, start=1):
        files[f"in{channel}_label"] = label
        files[f"in{channel}_input"] = millivolts
        files[f"curr{channel}_input"] = milliamperes
    write(root, f"{HWMON}{number}", **files)


def test_jetpack_5_and_6_of_an_orin_nano_meter_the_input(tmp_path: Path) -> None:
    rails = (("VDD_IN", 5000, 1400), ("VDD_CPU_GPU_CV", 5000, 400), ("VDD_SOC", 5000, 300))
    write_ina3221(tmp_path, 3, *rails)
    meter = ina3221.find(tmp_path)
    assert meter is not None
    assert meter.read_w().value == pytest.approx(7.0)
    assert meter.description.covers == "the whole board (VDD_IN)"


def test_a_jetson_without_an_input_rail_adds_up_all_chips(tmp_path: Path) -> None:
    write_ina3221(tmp_path, 1, ("VDD_GPU_SOC", 20000, 200), ("VDD_CPU_CV", 20000, 100))
    write_ina3221(tmp_path, 2, ("NC", 0, 0), ("VDDQ_VDD2_1V8AO", 5000, 100))
    meter = ina3221.find(tmp_path)
    assert meter is not None
    assert meter.read_w().value == pytest.approx(4.0 + 2.0 + 0.5)
    assert "VDD_CPU_CV" in meter.description.covers


def test_jetpack_4_of_a_nano(tmp_path: Path) -> None:
    write(
        tmp_path, "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0",
        rail_name_0="POM_5V_IN", in_power0_input=2500, rail_name_1="POM_5V_GPU",
        in_power1_input=300,
    )  # fmt: skip
    meter = ina3221.find(tmp_path)
    assert meter is not None
    assert meter.read_w().value == pytest.approx(2.5)


def test_a_meter_that_vanishes_says_so(tmp_path: Path) -> None:
    write_ina3221(tmp_path, 0, ("VDD_IN", 5000, 1000))
    meter = ina3221.find(tmp_path)
    assert meter is not None
    (tmp_path / f"{HWMON}0" / "curr1_input").unlink()
    reading = meter.read_w()
    assert reading.value is None
    assert "curr1_input" in (reading.reason or "")


def write_rapl(root: Path, name: str, microjoules: int, most: int = 1_000_000) -> None:
    zone = {"package-0": "intel-rapl:0", "dram": "intel-rapl:0:2", "core": "intel-rapl:0:0"}[name]
    directory = f"sys/class/powercap/{zone}"
    write(root, directory, name=name, energy_uj=microjoules, max_energy_range_uj=most)


def test_rapl_is_the_mean_since_the_last_reading(tmp_path: Path) -> None:
    times_ns = iter((0, 1_000_000_000, 3_000_000_000))
    write_rapl(tmp_path, "package-0", 100)
    write_rapl(tmp_path, "dram", 50)
    write_rapl(tmp_path, "core", 0)
    meter = rapl.find(tmp_path, lambda: next(times_ns))
    assert meter is not None
    write_rapl(tmp_path, "package-0", 300_100)
    write_rapl(tmp_path, "dram", 100_050)
    write_rapl(tmp_path, "core", 999_999)  # part of the package
    assert meter.read_w().value == pytest.approx(0.4)
    # Two seconds later the package's counter has begun again.
    write_rapl(tmp_path, "package-0", 100_100)
    assert meter.read_w().value == pytest.approx(0.4)


def test_rapl_that_may_not_be_read_is_no_meter(tmp_path: Path) -> None:
    write(tmp_path, "sys/class/powercap/intel-rapl:0", name="package-0")
    assert rapl.find(tmp_path) is None


def test_hwmon_prefers_a_supply_meter_and_leaves_graphics_out(tmp_path: Path) -> None:
    write(tmp_path, f"{HWMON}0", name="amdgpu", power1_average=50_000_000)
    assert hwmon.find(tmp_path) is None
    write(tmp_path, f"{HWMON}1", name="other", power1_input=3_000_000)
    write(tmp_path, f"{HWMON}2", name="ina226", in1_input=5000, curr1_input=800)
    meter = hwmon.find(tmp_path)
    assert meter is not None
    assert "ina226" in meter.description.covers
    assert meter.read_w().value == pytest.approx(4.0)


def test_a_sensor_with_current_but_no_power_is_a_meter_only_where_it_is_known(
    tmp_path: Path,
) -> None:
    write(tmp_path, f"{HWMON}0", name="nct6775", in1_input=5000, curr1_input=800)
    assert hwmon.find(tmp_path) is None


PMIC = """   3V7_WL_SW_A current(0)=0.10000000A
   3V3_SYS_A current(1)=0.20000000A
 VDD_CORE_A current(7)=1.00000000A
   3V7_WL_SW_V volt(8)=3.60000000V
   3V3_SYS_V volt(9)=3.30000000V
 VDD_CORE_V volt(15)=0.80000000V
  EXT5V_V volt(24)=5.10000000V
"""


def test_the_pmic_of_a_pi_5_adds_up_its_rails() -> None:
    assert raspberrypi.rails_w(PMIC).value == pytest.approx(0.36 + 0.66 + 0.8)
    assert raspberrypi.rails_w("error=1 error_msg=x").value is None


def test_only_a_pi_5_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raspberrypi, "_ask", lambda: Reading(PMIC))
    assert raspberrypi.find(tmp_path) is None
    write(tmp_path, "proc/device-tree", compatible="raspberrypi,5-model-b\0brcm,bcm2712\0")
    meter = raspberrypi.find(tmp_path)
    assert meter is not None
    assert meter.description.covers == "board rails without peripherals"


def test_a_silent_firmware_is_no_meter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "proc/device-tree", compatible="brcm,bcm2712\0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert raspberrypi.find(tmp_path) is None
    program = tmp_path / "vcgencmd"
    program.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    program.chmod(0o755)
    assert raspberrypi.find(tmp_path) is None


def python(code: str) -> str:
    return f"{sys.executable} -c '{code}'"


@pytest.mark.parametrize(
    ("code", "power_w"),
    [('print("4.25")', 4.25), ('print("power: 3 W, 5 V")', 3.0), ('print("1.5e1")', 15.0)],
)
def test_a_command_prints_watts(code: str, power_w: float) -> None:
    assert CommandMeter(python(code)).read_w().value == power_w


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ('print("none")', "not a power in W"),
        ('print("-1")', "not a power in W"),
        ("raise SystemExit(4)", "exit code 4"),
        ("import sys; sys.stdout.buffer.write(bytes([255]))", "gave nothing"),
    ],
)
def test_a_command_that_fails_is_a_reason(code: str, words: str) -> None:
    reading = CommandMeter(python(code)).read_w()
    assert reading.value is None
    assert words in (reading.reason or "")


@pytest.mark.parametrize("command", ["", "no-such-program-here", "'"])
def test_a_command_that_is_no_program_is_refused(command: str) -> None:
    with pytest.raises(UsageError, match="--power-command"):
        CommandMeter(command)


def test_no_shell_runs_the_command(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    CommandMeter(f"echo 1; touch {trace}").read_w()
    assert not trace.exists()


def test_a_machine_without_a_meter_says_where_it_was_looked_for(tmp_path: Path) -> None:
    found = find_meter(tmp_path)
    assert found.meter is None
    assert "--power-command" in found.reason
    assert find_meter(tmp_path, "echo 2").meter is not None
