"""What the reader of a result is warned of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeloop.results.probe import Probe
from edgeloop.results.schema import Block, Invocation, Result
from edgeloop.results.warnings import result_warnings


def result(threads: int, started: int, probes_ns: list[int], effort: str = "standard") -> Result:
    blocks = [
        Block("native", 0, 1, np.full(5, 10 * probe_ns), probe=Probe(probe_ns, probe_ns))
        for probe_ns in probes_ns
    ]
    invocation = Invocation(0, 0, {}, {}, {}, blocks, "converged", "", threads_started=started)
    header = {
        "runtime": {"threads": threads, "name": "litert"},
        "command": "bench",
        "spec": {"effort": effort, "loops": ["native"]},
        "clock": {"tick_ns": 20, "read_ns": 22.0},
    }
    return Result(header=header, invocations=[invocation])


def estimate(n: int = 1000, reason: Any = None) -> dict[str, Any]:
    interval = None if reason else [1e6, 2e6]
    return {"value_ns": None if reason else 1.5e6, "ci95_ns": interval, "n": n, "reason": reason}


def summary(**changes: Any) -> dict[str, Any]:
    headline = {
        "cpus_used": 1.0,
        "median_ns": 1e6,
        "median_ci95_ns": [1e6, 1.001e6],
        "median_ci95_within_ns": [1e6, 1.001e6],
        "steady_state": "flat",
        "steady_states": [],
        "processes": 5,
        "n": 1000,
        "n_eff": 900.0,
        "runs_per_sample": 1,
        "percentiles": {"99": estimate()},
        **changes,
    }
    return {"summary": headline}


def codes(measured: Result, **changes: Any) -> list[str]:
    return [warning["code"] for warning in result_warnings(measured, summary(**changes))]


def test_a_clean_result_warns_of_nothing() -> None:
    assert codes(result(1, 0, [100] * 10)) == []


@pytest.mark.parametrize(
    ("threads", "started", "used", "code"),
    [(1, 0, 2.0, "threads-exceeded"), (4, 0, 1.0, "threads-ignored"), (4, 3, 3.9, None)],
)
def test_threads_are_verified(threads: int, started: int, used: float, code: str) -> None:
    found = codes(result(threads, started, [100] * 10), cpus_used=used)
    assert found == ([] if code is None else [code])


def test_slow_blocks_are_warned_of_when_they_are_many() -> None:
    assert codes(result(1, 0, [100] * 18 + [110] * 2)) == []
    assert codes(result(1, 0, [100] * 7 + [110] * 3)) == ["slower"]


def test_the_words_of_a_slow_machine_are_those_of_its_verdict() -> None:
    found = {"verdict": "throttled", "text": "throttled: too hot", "fix": "a fan"}
    measured = result(1, 0, [100] * 10)
    assert result_warnings(measured, {**summary(), "throttling": found}) == [
        {"code": "throttled", "text": "throttled: too hot", "fix": "a fan"}
    ]


SLOWER = {"kind": "slow-down", "reason": "the latency changed by +9.0 %"}
WIDE = {"n": 1000, "n_eff": 40.0, "median_ci95_within_ns": [1e6, 1.05e6]}

# What is wrong with the samples → code, what the text must name, what the remedy must name.
LACKS = [
    (
        {"median_ci95_ns": None, "median_ci95_ns_reason": "too dependent"},
        ("no-interval", "too dependent", "--effort"),
    ),
    (
        {"percentiles": {"99": estimate(reason="not enough samples (need 2500)")}},
        ("few-samples", "p99 cannot be told with an interval (not enough samples", "--budget"),
    ),
    (WIDE, ("dependent-samples", "1000 samples are worth 40 independent ones", "doctor")),
    (
        {"steady_state": "slow-down", "steady_states": [SLOWER]},
        ("drift", "slow-down): the latency changed by +9.0 %", "cool the board"),
    ),
    (
        {"steady_state": "drift", "steady_states": [{**SLOWER, "kind": "drift"}]},
        ("drift", "did not settle (drift)", "cool the board"),
    ),
    (
        {"steady_state": "no steady state", "steady_states": []},
        ("not-steady", "did not settle", "close other programs"),
    ),
    (
        {"percentiles": {"99": estimate(0, "means")}, "runs_per_sample": 500, "median_ns": 40.0},
        ("timer-coarse", "a run of 40 ns is too short for the clock (tick 20 ns", "--batch-size"),
    ),
    ({"processes": 1}, ("one-process", "one process was measured", "--processes")),
]


@pytest.mark.parametrize(("changes", "said"), LACKS, ids=[said[0] for _, said in LACKS])
def test_what_the_samples_lack_is_said_with_cause_and_remedy(
    changes: dict[str, Any], said: tuple[str, str, str]
) -> None:
    (warning,) = result_warnings(result(1, 0, [100] * 10), summary(**changes))
    code, cause, remedy = said
    assert warning["code"] == code
    assert cause in warning["text"]
    assert remedy in warning["fix"]


def test_dependence_that_leaves_the_interval_narrow_is_no_warning() -> None:
    narrow = {**WIDE, "median_ci95_within_ns": [1e6, 1.01e6]}
    assert codes(result(1, 0, [100] * 10), **narrow) == []


def test_a_coarse_clock_is_told_by_its_tick() -> None:
    measured = result(1, 0, [100] * 10)
    measured.header["clock"]["tick_ns"] = 4_000_000
    (warning,) = result_warnings(measured, summary(runs_per_sample=100))
    assert warning["code"] == "timer-coarse"
    assert "tick 4000000 ns" in warning["text"]
    assert "clock source" in warning["fix"]


def test_a_result_without_samples_has_no_warnings_of_them() -> None:
    assert result_warnings(result(1, 0, []), {"summary": None}) == []
