"""What the reader of a result is warned of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeloop.results.probe import Probe
from edgeloop.results.schema import Block, Invocation, Result
from edgeloop.results.warnings import all_warnings, result_warnings


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
    [
        (1, 0, 2.0, "threads-exceeded"),
        (4, 0, 1.0, "threads-ignored"),
        (4, 3, 3.9, None),
        (4, None, 1.0, None),
    ],
)
def test_threads_are_verified(threads: int, started: int, used: float, code: str) -> None:
    found = codes(result(threads, started, [100] * 10), cpus_used=used)
    assert found == ([] if code is None else [code])


@pytest.mark.parametrize(
    ("pinned", "quota", "cpus"),
    [(None, None, "2 CPUs"), ([1], None, "1 CPU"), (None, 1.5, "1.5 CPUs"), (None, 2.5, "2 CPUs")],
)
def test_more_threads_than_cpus_are_warned_of(pinned: Any, quota: Any, cpus: str) -> None:
    measured = result(3, 2, [100] * 10)
    measured.header["host"] = {"cpu": {"allowed_cpus": [0, 1], "quota": {"cpus": quota}}}
    measured.header["control"] = {} if pinned is None else {"cpus": pinned}
    (found,) = result_warnings(measured, summary())
    assert found["code"] == "threads-above-cpus"
    assert f"3 threads share {cpus}: " in found["text"]
    measured.header["host"]["cpu"]["allowed_cpus"] = [0, 1, 2, 3]
    if pinned is None and quota is None:
        assert codes(measured) == []


def test_slow_blocks_are_warned_of_when_they_are_many() -> None:
    assert codes(result(1, 0, [100] * 18 + [110] * 2)) == []
    assert codes(result(1, 0, [100] * 7 + [110] * 3)) == ["slower"]


def test_the_words_of_a_slow_machine_are_those_of_its_verdict() -> None:
    found = {"verdict": "throttled", "text": "throttled: too hot", "fix": "a fan"}
    measured = result(1, 0, [100] * 10)
    assert result_warnings(measured, {**summary(), "throttling": found}) == [
        {"code": "throttled", "text": "throttled: too hot", "fix": "a fan"}
    ]


def test_a_fact_of_the_machine_is_told_once() -> None:
    other = {"code": "other-load", "text": "cc1plus keeps 1.2 of 2 CPUs busy.", "fix": "Stop it."}
    vm = {"code": "virtual-machine", "text": "This is one.", "fix": None}
    slow = {"code": "disturbed", "text": "disturbed: fixed work ran slower", "fix": "wait"}
    assert all_warnings([vm, other], [slow]) == [
        vm,
        {**slow, "text": "disturbed: fixed work ran slower. cc1plus keeps 1.2 of 2 CPUs busy."},
    ]
    assert all_warnings([vm, other], []) == [vm, other]
    now = {"code": "throttled-now", "text": "The CPUs are being slowed.", "fix": "a fan"}
    hot = {"code": "throttled", "text": "throttled: too hot", "fix": "a fan"}
    assert all_warnings([now, other], [hot]) == [other, hot]


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
        ("few-samples", "p99 cannot be given with an interval (not enough samples", "--budget"),
    ),
    (WIDE, ("dependent-samples", "is 5 times as wide as if they were independent", "doctor")),
    (
        {"steady_state": "slow-down", "steady_states": [SLOWER]},
        ("drift", "slow-down): the latency changed by +9.0 %", "--budget"),
    ),
    (
        {"steady_state": "drift", "steady_states": [{**SLOWER, "kind": "drift"}]},
        ("drift", "did not settle (drift)", "--budget"),
    ),
    (
        {"steady_state": "no steady state", "steady_states": []},
        ("not-steady", "did not settle", "close other programs"),
    ),
    (
        {"percentiles": {"99": estimate(0, "means")}, "runs_per_sample": 500, "median_ns": 40.0},
        (
            "timer-coarse",
            "a run of 40.00 ns is too short for the clock (tick 20 ns",
            "--batch-size",
        ),
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


def test_loops_without_a_tail_pass_are_not_called_too_short_for_the_clock() -> None:
    long_runs = {"percentiles": {"99": estimate(0, "means")}, "runs_per_sample": 2}
    assert codes(result(1, 0, [100] * 10), median_ns=78_340.0, **long_runs) == []


def test_a_coarse_clock_is_told_by_its_tick() -> None:
    measured = result(1, 0, [100] * 10)
    measured.header["clock"]["tick_ns"] = 4_000_000
    (warning,) = result_warnings(measured, summary(runs_per_sample=100))
    assert warning["code"] == "timer-coarse"
    assert "tick 4000000 ns" in warning["text"]
    assert "clock source" in warning["fix"]


def test_a_result_without_samples_has_no_warnings_of_them() -> None:
    assert result_warnings(result(1, 0, []), {"summary": None}) == []
