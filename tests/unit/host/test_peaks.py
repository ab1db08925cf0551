"""The most that a device can do."""

from __future__ import annotations

import json
from typing import Any, Optional

import pytest

from edgeloop.host import peaks
from edgeloop.host.cpuinfo import _ARM_PARTS
from edgeloop.host.peaks import DTYPES, accelerator_peak, cpu_peak

NANO = ("nvidia,p3450-0000", "nvidia,tegra210")


def host(*clusters: tuple[str, int, Optional[int]]) -> dict[str, Any]:
    described = [
        {"core_name": name, "cpus": list(range(count)), "max_hz": max_hz}
        for name, count, max_hz in clusters
    ]
    return {"cpu": {"clusters": described}}


def test_a_raspberry_pi_4_has_8_flop_a_cycle_and_core() -> None:
    pi4 = host(("Cortex-A72", 4, 1_500_000_000))
    assert cpu_peak(pi4, (), 4, "fp32").gflops == pytest.approx(4 * 8 * 1.5)
    assert cpu_peak(pi4, (), 1, "fp32").gflops == pytest.approx(8 * 1.5)


def test_the_fastest_cpus_are_taken_first() -> None:
    rock5 = host(("Cortex-A76", 4, 2_400_000_000), ("Cortex-A55", 4, 1_800_000_000))
    big = 4 * 16 * 2.4
    assert cpu_peak(rock5, (), 4, "fp32").gflops == pytest.approx(big)
    assert cpu_peak(rock5, (), 6, "fp32").gflops == pytest.approx(big + 2 * 16 * 1.8)


def test_an_x86_is_told_by_its_flags() -> None:
    machine = host(("Some Xeon", 2, 3_000_000_000))
    plain = cpu_peak(machine, ["sse2"], 1, "int8").gflops
    vnni = cpu_peak(machine, ["sse2", "avx2", "fma", "avx512f"], 1, "int8").gflops
    assert plain is not None
    assert vnni is not None
    assert vnni > plain


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (host(("Cortex-Z9", 4, 10**9)), "not in edgeloop's tables"),
        (host(("Cortex-A72", 4, None)), "clock"),
        (host(), "reports nothing"),
    ],
)
def test_what_is_not_known_is_null_with_a_reason(machine: dict[str, Any], words: str) -> None:
    found = cpu_peak(machine, (), 4, "fp32")
    assert found.gflops is None
    assert words in found.words


def test_a_jetson_nano_is_not_taken_for_a_tx1() -> None:
    assert accelerator_peak("gpu", NANO, "fp16").gflops == 472
    assert accelerator_peak("gpu", NANO[1:], "fp16").gflops == 1024


def test_without_a_dtype_the_peak_is_the_highest() -> None:
    assert accelerator_peak("gpu", NANO, None).gflops == 472
    assert accelerator_peak("edgetpu", (), None).gflops == 4000


def test_an_unknown_accelerator_has_no_peak() -> None:
    assert accelerator_peak("gpu", ("rockchip,rk3588",), None).gflops is None
    assert accelerator_peak("edgetpu", (), "fp32").gflops is None


def test_the_table_has_a_source_for_every_figure_and_knows_its_cores() -> None:
    table = json.loads(peaks._TABLE.read_text(encoding="utf-8"))
    entries = [*table["cores"], *table["x86"], *table["accelerators"]]
    assert all(entry["source"] and set(DTYPES) <= set(entry) for entry in entries)
    known = {name for parts in _ARM_PARTS.values() for name in parts.values()}
    assert {name for entry in table["cores"] for name in entry["names"]} <= known
