"""The state of a Jetson."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeloop.host.jetson import jetson_state
from edgeloop.host.state import host_state


@pytest.fixture
def orin_nano(fake: Any) -> Path:
    """Jetson Orin Nano with JetPack 6 in its 15 W mode."""
    names = ("nvidia,p3768-0000+p3767-0005", "nvidia,p3767-0005", "nvidia,tegra234")
    fake.device_tree("NVIDIA Jetson Orin Nano Developer Kit", *names)
    fake.write("etc/nv_tegra_release", "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: x")
    fake.write("var/lib/nvpmodel/status", "pmode:0001 fmode:quiet")
    modes = "< POWER_MODEL ID=0 NAME=7W >\nCPU 1\n< POWER_MODEL ID=1 NAME=15W >\n"
    fake.write("etc/nvpmodel.conf", modes)
    fake.files("sys/class/devfreq/17000000.gpu", cur_freq=306000000, max_freq=624750000)
    fake.write("sys/kernel/debug/bpmp/debug/clk/emc/rate", "2133000000")
    return fake.root


def test_an_orin_nano(orin_nano: Path) -> None:
    state = jetson_state(orin_nano)
    assert state is not None
    assert state.release == "R36.4.3"
    assert state.power_mode == "1 (15W)"
    assert (state.gpu_hz, state.gpu_max_hz) == (306_000_000, 624_750_000)
    assert state.memory_hz == 2_133_000_000
    assert host_state(orin_nano).as_dict()["jetson"]["power_mode"] == "1 (15W)"


def test_what_cannot_be_read_is_null_with_a_reason(jetson_nano: Path) -> None:
    state = jetson_state(jetson_nano)
    assert state is not None
    document = state.as_dict()
    for name in ("release", "power_mode", "gpu_hz", "gpu_max_hz", "memory_hz"):
        assert document[name] is None
        assert document[f"{name}_reason"]


@pytest.mark.parametrize(
    ("path", "content", "name"),
    [
        ("etc/nv_tegra_release", "JetPack", "release"),
        ("var/lib/nvpmodel/status", "fmode:cool", "power_mode"),
        ("sys/class/devfreq/17000000.gpu/cur_freq", "<unknown>", "gpu_hz"),
    ],
)
def test_a_damaged_file_is_a_reason(orin_nano: Path, path: str, content: str, name: str) -> None:
    (orin_nano / path).write_text(content, encoding="ascii")
    document = (jetson_state(orin_nano) or pytest.fail("no Jetson")).as_dict()
    assert document[name] is None
    assert document[f"{name}_reason"]


def test_a_mode_without_a_name_is_its_number(orin_nano: Path) -> None:
    (orin_nano / "etc/nvpmodel.conf").unlink()
    state = jetson_state(orin_nano)
    assert state is not None
    assert state.power_mode == "1"


def test_another_board_is_no_jetson(pi4: Path) -> None:
    assert jetson_state(pi4) is None


def test_boards_of_other_years_are_read_whole(fake: Any) -> None:
    """Pi 3 and Zero 2: a 64-bit kernel, BCM2837, one cluster of A53."""
    for model, compatible in (
        ("Raspberry Pi 3 Model B Plus Rev 1.3", ("raspberrypi,3-model-b-plus", "brcm,bcm2837")),
        ("Raspberry Pi Zero 2 W Rev 1.0", ("raspberrypi,model-zero-2-w", "brcm,bcm2837")),
    ):
        fake.device_tree(model, *compatible)
        fake.write("sys/devices/platform/soc/soc:firmware/get_throttled", "20002")
        fake.zone(0, "cpu-thermal", 61224)
        fake.memory(total_mib=426, available_mib=120, swap_mib=426, swap_used_mib=100)
        state = host_state(fake.root)
        assert state.temperature.temperature_c == 61.224
        assert state.throttling.causes == ("frequency-capped",)
        assert state.jetson is None
        assert state.memory.swap_used_bytes == 100 << 20
