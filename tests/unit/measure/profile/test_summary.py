"""What a profile says: means, shares, types, the slow-down, the page and the trace."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgeloop.cli.pages.profile import profile_page
from edgeloop.errors import NotAvailableError, RuntimeFailedError
from edgeloop.measure.profile.chrome_trace import chrome_trace
from edgeloop.measure.profile.experiment import ProfiledProcess, profiled_loop
from edgeloop.measure.profile.summary import Profile, summarise
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.resolved import ResolvedSpec
from edgeloop.spec.run import RunSpec
from edgeloop.worker.log import Log

ROWS = [
    {"operator": "partition", "owner": "X", "name": "", "node": None, "nodes": [0, 1],
     "subgraph": 0, "inside": None},
    {"operator": "conv", "owner": "X", "name": "", "node": None, "nodes": [], "subgraph": 0,
     "inside": 0},
    {"operator": "conv", "owner": "X", "name": "", "node": None, "nodes": [], "subgraph": 0,
     "inside": 0},
    {"operator": "SOFTMAX", "owner": "builtin", "name": "probabilities", "node": 2, "nodes": [],
     "subgraph": 0, "inside": None},
]  # fmt: skip
MEANS_NS = np.array([600.0, 400.0, 200.0, 300.0])
RUN_NS = 1000


HEADER: dict[str, Any] = {
    "title": "null@null,threads=1",
    "created": "2026-11-25T12:00:00+0000",
    "runtime": {"name": "null", "version": "1", "threads": 1, "delegates": [], "provider": None,
                "device": None},
    "model": {"bytes": None, "format": "null"},
    "spec": {"options": {}},
    "placement": None,
}  # fmt: skip


WORKER: Any = SimpleNamespace(client=SimpleNamespace(log=Log()))


@pytest.fixture(autouse=True)
def header(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what a worker answers when it loads a model: only the header is made of it."""
    monkeypatch.setattr("edgeloop.measure.profile.summary.header_of", lambda *_: HEADER)


def process(blocks: int = 8, runs: int = 10, slower: float = 1.05, seed: int = 0) -> Any:
    generator = np.random.default_rng(seed)
    # Blocks differ by a factor that an interval has to cover.
    factors = np.repeat(1 + 0.01 * generator.standard_normal(blocks), runs)
    durations = (RUN_NS * factors).astype(np.uint64)
    return ProfiledProcess(
        worker=WORKER,
        plain_ns=list(np.split((durations / slower).astype(np.uint64), blocks)),
        profiled_ns=list(np.split(durations, blocks)),
        rows=ROWS,
        operators_ns=np.outer(durations / RUN_NS, MEANS_NS),
        starts_ns=[None, None, None, 650.0],
        resolution="exact",
    )


@pytest.fixture
def spec() -> ResolvedSpec:
    return replace(resolve(RunSpec("null", threads=1), "profile")[0], loops=("native",))


@pytest.fixture
def profile(spec: ResolvedSpec) -> Profile:
    return summarise(spec, [process(seed=seed) for seed in range(3)])


def test_means_shares_and_what_lies_outside(profile: Profile) -> None:
    document = profile.document["profile"]
    assert document["run"]["share"] == 1.0
    for row, mean_ns in zip(document["operators"], MEANS_NS):
        assert row["mean_ns"] == pytest.approx(mean_ns, rel=0.02)
        assert row["share"] == pytest.approx(mean_ns / RUN_NS, rel=0.002)  # whole ns of the runs
        low, high = row["mean_ci95_ns"]
        assert low < row["mean_ns"] < high
    assert document["outside"]["share"] == pytest.approx(0.1, abs=0.002)
    assert document["slow_down"]["ratio"] == pytest.approx(1.05, rel=0.005)
    assert document["slow_down"]["pairs"] == 24
    assert (document["runs"], document["processes"]) == (240, 3)


def test_a_partition_counts_by_its_operators(profile: Profile) -> None:
    types = [(one["operator"], one["calls"]) for one in profile.document["profile"]["by_type"]]
    assert types == [("conv", 2), ("SOFTMAX", 1)]


def test_the_interval_is_that_of_the_processes(spec: ResolvedSpec) -> None:
    apart = [process(seed=seed) for seed in range(3)]
    for number, one in enumerate(apart):
        one.operators_ns = one.operators_ns * (1 + 0.2 * number)
    wide = summarise(spec, apart).operators[0]
    narrow = summarise(spec, [process(seed=seed) for seed in range(3)]).operators[0]
    width = [row["mean_ci95_ns"][1] - row["mean_ci95_ns"][0] for row in (wide, narrow)]
    assert width[0] > 5 * width[1]


@pytest.mark.parametrize("processes", [1, 2])
def test_too_few_processes_have_no_interval_and_say_so(spec: ResolvedSpec, processes: int) -> None:
    few = summarise(spec, [process(blocks=100, seed=seed) for seed in range(processes)])
    found = few.document["profile"]
    for figures in (found["run"], found["plain_run"], *found["operators"]):
        (interval,) = (name for name in figures if name.endswith("_ci95_ns"))
        assert figures[interval] is None
        assert "3 are the fewest" in figures[f"{interval}_reason"]
    assert found["slow_down"]["ratio_ci95"] is None
    assert "no interval" in profile_page(few, 10)


def test_processes_with_other_operators_are_not_mixed(spec: ResolvedSpec) -> None:
    other = process()
    other.rows = [{**ROWS[0], "operator": "another"}, *ROWS[1:]]
    with pytest.raises(RuntimeFailedError, match="differ from process to process"):
        summarise(spec, [process(), other])


def test_the_page(profile: Profile) -> None:
    page = profile_page(profile, 2)
    for words in (
        "times as long (24 pairs of blocks)", "by type", "by node", "partition of 2 nodes",
        "SOFTMAX", "outside the operators", "times      exact", "2 rows more (--top 4)",
    ):  # fmt: skip
        assert words in page
    assert "types more" not in page
    assert "1 types more (--top 2)" in profile_page(profile, 1)
    assert "SOFTMAX probabilities" in profile_page(profile, 10)


def test_the_trace_nests_and_fills_in_what_is_not_told(profile: Profile) -> None:
    trace = chrome_trace(profile)
    spans = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    partition, first, second, softmax = spans
    assert partition["ts"] == first["ts"] == 0
    assert second["ts"] == pytest.approx(first["ts"] + first["dur"])
    assert second["ts"] + second["dur"] == pytest.approx(partition["dur"])
    assert softmax["ts"] == 0.65
    assert softmax["args"]["start_told"]
    assert not partition["args"]["start_told"]


def test_a_runtime_without_a_profiler_is_told_so(spec: ResolvedSpec) -> None:
    with pytest.raises(NotAvailableError, match=r"null cannot tell.*edgeloop bench"):
        profiled_loop(spec)
