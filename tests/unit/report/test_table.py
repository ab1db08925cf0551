"""What `bench` and `overhead` print of a result: every figure, and how far to trust it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pytest

from edgeloop.cli.pages.table import bench_table, overhead_table
from edgeloop.results.probe import Probe
from edgeloop.results.schema import Block, Invocation, Result
from edgeloop.results.store import read_result
from edgeloop.results.summarise import summarise_result
from edgeloop.results.warnings import result_warnings

GOLDEN = Path(__file__).parents[2] / "golden" / "v1-null-bench.edgeloop.jsonl"
BLOCKS, SAMPLES = 20, 50


def measured(
    levels: Any,
    *,
    loops: tuple[str, ...] = ("native",),
    runs_per_sample: int = 1,
    probes_ns: Optional[list[int]] = None,
    percentiles: tuple[float, ...] = (50.0, 90.0, 99.0, 99.9),
) -> Result:
    """Make a result: one row of block levels in ns per process, with noise of 1 %."""
    rng = np.random.default_rng(5)
    header = read_result(str(GOLDEN)).header
    header["spec"]["loops"] = list(loops)
    header["spec"]["percentiles"] = list(percentiles)
    result = Result(header=header)
    for row in np.atleast_2d(levels):
        blocks = []
        for number, level in enumerate(row):
            for loop in loops:
                runs = level * runs_per_sample * np.exp(0.01 * rng.standard_normal(SAMPLES))
                probe_ns = probes_ns[number] if probes_ns else 100_000
                blocks.append(Block(
                    loop, 0, runs_per_sample, runs.astype(np.uint64), cpu_ns=10,
                    probe=Probe(probe_ns, probe_ns),
                ))  # fmt: skip
        result.invocations.append(
            Invocation(30_000_000, 1000, {"engine": 2000}, {"engine": 300}, {}, blocks, "", "")
        )
    result.summary = {**summarise_result(result, "converged"), "accuracy": None}
    result.summary["warnings"] = result_warnings(result, result.summary)
    return result


def rows(table: str) -> dict[str, str]:
    """Return the first row that begins with each word, or words."""
    found = re.findall(r"^  (\S+(?: \S+)*)  +(\S.*)$", table, flags=re.MULTILINE)
    return dict(reversed(found))


FLAT = np.full((5, BLOCKS), 1e6)


def test_the_headline_says_both_intervals_and_what_would_narrow_them() -> None:
    apart = FLAT * np.array([[1.0], [1.02], [1.01], [0.98], [0.99]])
    table = bench_table(measured(apart))
    found = rows(table)
    assert re.fullmatch(r"\d+(\.\d+)? .s \[[\d.]+, [\d.]+\]", found["median"])
    within, between = re.findall(r"±([\d.]+) %", found["interval"])
    assert float(within) < 0.1 < 1.0 < float(between)
    assert "the wider counts" in found["interval"]
    low, high = (float(end) for end in re.findall(r"[\d.]+", found["median"])[1:])
    assert high - low == pytest.approx(2 * float(between) / 100, rel=0.05)
    assert "to know it better: more processes would help, more runs would not" in table
    assert found["samples"].startswith("5000 in 5 processes, worth ")


def test_runs_that_scatter_in_each_process_want_more_runs() -> None:
    assert "more runs would help as much as more processes" in bench_table(measured(FLAT))


def test_percentiles_have_intervals_or_the_words_for_why_not() -> None:
    found = rows(bench_table(measured(FLAT)))
    for name in ("p90", "p99"):
        assert re.fullmatch(r"\d+(\.\d+)? .s \[[\d.]+, [\d.]+\]", found[name]), found[name]
    assert found["p99.9"] == "not enough samples (need 25000)"
    few = rows(bench_table(measured(FLAT[:1, :8])))
    assert few["p90"].endswith("]")
    assert few["p99"] == "not enough samples (need 2500)"


def test_the_spread_is_of_single_runs_and_says_so() -> None:
    found = rows(bench_table(measured(FLAT)))
    assert re.fullmatch(r"min .*, max .*, IQR .*, MAD .*, mean 1\.\d+ ms", found["spread"]), found[
        "spread"
    ]
    means = rows(bench_table(measured(FLAT / 1000, runs_per_sample=8)))
    assert means["p99"] == "samples are means of 8 runs, which hide how far single runs scatter"
    assert "8 run(s) per sample" in bench_table(measured(FLAT / 1000, runs_per_sample=8))


@pytest.mark.parametrize(
    ("levels", "kind", "warns"),
    [
        (FLAT, "flat", None),
        (np.where(np.arange(BLOCKS) < 5, 1.3e6, 1e6), "warm-up", None),
        (np.where(np.arange(BLOCKS) < 12, 1e6, 1.3e6), "slow-down", "drift"),
        (1e6 * 1.1 ** (np.arange(BLOCKS) // 5), "drift", "drift"),
        (1e6 * 1.2 ** (np.arange(BLOCKS) // 5 % 2), "no steady state", "not-steady"),
    ],
    ids=["flat", "warm-up", "slow-down", "drift", "no steady state"],
)
def test_the_steady_state_shows_its_levels(levels: Any, kind: str, warns: Optional[str]) -> None:
    result = measured(levels)
    found = rows(bench_table(result))["steady state"]
    if kind == "flat":
        assert found == kind
    else:
        assert re.match(rf"{kind}: [\d.]+ .s( → [\d.]+ .s)+ \(so in 1 of 1 processes\)", found)
    left_out = "(250 samples before it are kept, not counted)"
    assert found.endswith(left_out) == (kind == "warm-up")
    codes = {one["code"] for one in result.summary["warnings"]}
    assert codes & {"drift", "not-steady"} == ({warns} if warns else set())


def test_slow_blocks_are_said_once_on_a_page() -> None:
    levels = np.where(np.arange(BLOCKS) < 15, 1e6, 1.5e6)
    table = bench_table(measured(levels, probes_ns=[100_000] * 15 + [150_000] * 5))
    words = "slower: fixed work ran 50 % slower in 5 of 20 blocks, and nothing tells by what"
    assert table.count("fixed work") == 1
    assert f"warning: {words}" in table


def test_overhead_shows_floors_and_who_shares_the_instance() -> None:
    result = measured(FLAT, loops=("native", "binding", "framework"))
    result.header["attaches"] = False
    result.header["timed_region"] = dict.fromkeys(result.loops, "the call")
    result.summary = {**summarise_result(result, "converged"), "accuracy": None, "warnings": []}
    assert result.summary["overhead"]["same_instance"] == {"binding": True, "framework": False}
    table = overhead_table(result)
    found = rows(table)
    assert found["native"].endswith("(the reference)")
    for loop in ("binding", "framework"):
        # median, difference and share, each with its interval
        assert re.search(r" \[.*\] .* \[.*\] .* % \[.*\]$", found[loop]), found[loop]
    assert "one clock read is in every sample: " in table
    assert "never subtracted" in table
    assert "framework: another instance of the model than the native loop's" in table
