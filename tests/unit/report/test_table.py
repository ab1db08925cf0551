"""What `bench` and `overhead` print of a result: every figure, and how far to trust it."""

from __future__ import annotations

import re
from dataclasses import replace
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
    between, within = re.findall(r"±([\d.]+) %", found["interval"])
    assert float(within) < 0.1 < 1.0 < float(between)
    assert found["interval"].startswith("of 5 processes in these seconds, ")
    # 0.9 ** 5
    assert "one process in ten would be missed by 59.0 % of such runs" in found["interval"]
    low, high = (float(end) for end in re.findall(r"[\d.]+", found["median"])[1:])
    assert high - low == pytest.approx(2 * float(between) / 100, rel=0.05)
    assert "to know it better: more processes would help, more runs would not" in table
    assert found["samples"].startswith("5000 in 5 processes, effective sample size ")


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_processes_have_no_interval_anywhere(count: int) -> None:
    result = measured(FLAT[:count])
    found = rows(bench_table(result))
    for name in ("median", "p90", "mean", "throughput"):
        assert "[" not in found[name], name
        assert "(no interval: not enough processes" in found[name]
    assert re.match(r"none; ±[\d.]+ % is the scatter within (one process|them)", found["interval"])
    (warning,) = (one for one in result.summary["warnings"] if one["code"] == "one-process")
    assert "the headline has no interval" in warning["text"]
    assert not [one for one in result.summary["warnings"] if one["code"] == "no-interval"]


def test_every_figure_of_the_first_page_has_an_interval_or_words() -> None:
    table = bench_table(measured(FLAT))
    found = rows(table)
    for name in ("median", "p90", "p99", "mean", "throughput"):
        assert re.search(r"\[[\d.e+]+, [\d.e+]+\]", found[name]), found[name]
    assert found["seen"].endswith("of single runs: a description, no estimates")
    assert "cold: the first process; then the typical one of 5 [95 %]" in table
    for name in ("interpreter start", "import", "load", "first run"):
        assert re.search(r"; .* \[[\d.]+, [\d.]+\]", found[name]), found[name]


def test_one_page_says_once_what_the_samples_are_worth() -> None:
    slow = 1.0 + 0.3 * (np.arange(BLOCKS) % 8 >= 4)
    page = bench_table(measured(FLAT * slow))
    assert "neighbouring runs resemble each other" in page
    assert len(re.findall(r"effective sample size \d+", page)) == 1


def test_a_page_has_no_import_where_nothing_was_imported() -> None:
    result = measured(FLAT)
    assert "import" in rows(bench_table(result))
    result.invocations = [replace(one, import_ns=0) for one in result.invocations]
    assert "import" not in rows(bench_table(result))


def test_runs_that_scatter_in_each_process_want_more_runs() -> None:
    assert "more runs would help as much as more processes" in bench_table(measured(FLAT))


def test_percentiles_have_intervals_or_the_words_for_why_not() -> None:
    found = rows(bench_table(measured(FLAT)))
    for name in ("p90", "p99"):
        assert re.fullmatch(r"\d+(\.\d+)? .s \[[\d.]+, [\d.]+\]", found[name]), found[name]
    assert found["p99.9"] == "not enough samples (need 25000)"
    few = rows(bench_table(measured(FLAT[:1, :8])))
    assert few["p90"].endswith("(no interval: not enough processes for a tail (need 5, have one))")
    assert few["p99"] == "not enough samples (need 2500)"


def test_the_spread_is_of_single_runs_and_says_so() -> None:
    found = rows(bench_table(measured(FLAT)))
    assert re.fullmatch(r"min .*, max .*, IQR .*, MAD .* of single runs: .*", found["seen"])
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
    words = "slower: fixed work ran 50 % slower in 5 of 20 blocks, and the cause is unknown"
    assert table.count("fixed work") == 1
    assert f"warning: {words}" in table


def test_what_other_sessions_add_stands_on_the_page() -> None:
    result = measured(FLAT)
    headline = result.summary["summary"]
    assert "over hours" not in rows(bench_table(result))
    headline["sessions"] = {"median_ci95_ns": None}
    assert rows(bench_table(result))["over hours"].startswith("unknown: --sessions 3")
    headline["sessions"] = {
        "median_ns": 1e6, "median_ci95_ns": [0.9e6, 1.1e6], "sessions": 4, "span_s": 9000.0
    }  # fmt: skip
    assert rows(bench_table(result))["over hours"].endswith("1.100], 4 sessions in 2.5 h")


def test_overhead_shows_floors_and_who_shares_the_instance() -> None:
    result = measured(FLAT, loops=("native", "binding", "framework"))
    result.header["attaches"] = False
    result.header["timed_region"] = dict.fromkeys(result.loop_names, "the call")
    result.summary = {**summarise_result(result, "converged"), "accuracy": None, "warnings": []}
    assert result.summary["overhead"]["same_instance"] == {"binding": True, "framework": False}
    table = overhead_table(result)
    found = rows(table)
    assert found["native"].endswith("reference")
    for loop in ("binding", "framework"):
        # median, difference and share, each with its interval
        assert re.search(r" \[.*\] .* \[.*\] .* % \[.*\]$", found[loop]), found[loop]
    assert "one clock read is in every sample: " in table
    assert "never subtracted" in table
    assert "framework: another instance of the model than the native loop's" in table
