"""What a result says about the machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeloop.host.info import host_info


def test_pi4(pi4: Path) -> None:
    info = host_info(pi4)
    assert info.board.model == "Raspberry Pi 4 Model B Rev 1.4"
    assert info.board.compatible == ("raspberrypi,4-model-b", "brcm,bcm2711")
    assert info.board.is_raspberry_pi
    assert not info.board.is_jetson
    assert info.cpu.architecture == "aarch64"
    assert info.cpu.model_names == ("Cortex-A72",)
    assert (info.cpu.logical_cpus, info.cpu.allowed_cpus) == (4, (0, 1, 2, 3))
    assert info.system.kernel == "6.12.47+rpt-rpi-v8"
    assert info.system.distribution == "Debian GNU/Linux 12 (bookworm)"
    assert info.system.aslr == "full"
    assert info.memory.total_bytes == 3792 << 20
    assert info.memory.available_bytes == 3200 << 20
    assert info.clocksource.current == "arch_sys_counter"
    assert info.load.average == (0.52, 0.58, 0.59)
    assert info.load.uptime_s == 35021.17


def test_rock5_names_both_kinds_of_cores(rock5: Path) -> None:
    assert host_info(rock5).cpu.model_names == ("Cortex-A55", "Cortex-A76")


def test_jetson_with_an_old_kernel(jetson_nano: Path) -> None:
    info = host_info(jetson_nano)
    assert info.board.is_jetson
    assert info.cpu.model_names == ("Cortex-A57",)  # not "ARMv8 Processor rev 1 (v8l)"
    assert info.cpu.logical_cpus == 2
    assert info.cpu.architecture is None
    assert info.cpu.architecture_reason
    assert info.memory.swap_used_bytes == 400 << 20


def test_guest_is_named_by_its_firmware(guest: Path) -> None:
    info = host_info(guest)
    assert info.board.model == "QEMU Standard PC (Q35 + ICH9, 2009)"
    assert info.virtualisation.virtual_machine == "qemu"
    assert info.clocksource.available == ("kvm-clock", "tsc", "acpi_pm")


def test_container(container: Path) -> None:
    info = host_info(container)
    assert info.cpu.quota.cpus == 1.5
    assert info.memory.limit_bytes == 2 << 30
    assert len(info.cpu.smt_siblings) == 4
    assert info.board.model is None
    assert "device-tree" in (info.board.model_reason or "")


def test_the_host_name_and_serial_number_stay_private(pi4: Path) -> None:
    text = json.dumps(host_info(pi4).as_dict())
    assert "secret-name" not in text
    assert "deadbeef" not in text
    assert host_info(pi4).as_dict()["system"]["hostname_reason"] == "left out: it is private"
    assert host_info(pi4, include_hostname=True).system.hostname == "secret-name"


@pytest.mark.parametrize(("level", "name"), [(0, "off"), (1, "partial"), (2, "full")])
def test_aslr(pi4: Path, level: int, name: str) -> None:
    (pi4 / "proc/sys/kernel/randomize_va_space").write_text(f"{level}\n")
    assert host_info(pi4).system.aslr == name


def test_aslr_switched_off_for_this_process(pi4: Path) -> None:
    (pi4 / "proc/self/personality").write_text("00040000\n")
    assert host_info(pi4).system.aslr == "off"


def test_json_has_reasons_only_where_values_are_missing(pi4: Path) -> None:
    document = host_info(pi4).as_dict()
    assert json.loads(json.dumps(document)) == document
    assert "model_reason" not in document["board"]
    assert document["cpu"]["clusters"][0]["capacity"] is None
    assert "cpu_capacity" in document["cpu"]["clusters"][0]["capacity_reason"]


def test_every_missing_value_has_a_reason(tmp_path: Path) -> None:
    def check(document: dict[str, object]) -> None:
        for name, value in document.items():
            if isinstance(value, dict):
                check(value)
            elif f"{name}_reason" in document:
                assert value is None
                assert document[f"{name}_reason"]

    document = host_info(tmp_path).as_dict()
    check(document)
    assert document["memory"]["total_bytes_reason"]
    assert document["load"]["uptime_s_reason"]
    assert document["clocksource"]["current_reason"]
