from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeloop.stats.quantile import quantile_interval
from edgeloop.stats.run_times import RunTimes, joined
from edgeloop.stats.stopping import (
    CAPACITY,
    CONVERGED,
    FIXED_COUNT,
    PRESETS,
    TIME_BUDGET,
    process_stop_reason,
    run_stop_reason,
)

STANDARD = PRESETS["standard"]
RIGOROUS = PRESETS["rigorous"]
MS = 1e6


def blocks(
    count: int, per_block: int, run_ns: float, noise: float = 0.01, per_sample: int = 1
) -> list[RunTimes]:
    """Blocks whose median run takes `run_ns`, and whose total is not a matter of luck."""
    rng = np.random.default_rng(count * 1000 + per_block)
    runs = np.exp(noise * rng.standard_normal((count, per_block)))
    return [RunTimes(block, per_sample) for block in run_ns * runs / runs.mean()]


def test_presets_are_those_of_the_design() -> None:
    assert list(PRESETS) == ["quick", "standard", "rigorous"]
    quick = PRESETS["quick"]
    assert (quick.processes, quick.max_processes, quick.total_seconds) == (1, 1, 5.0)
    assert (quick.min_seconds, quick.min_samples, quick.precision) == (1.0, 20, None)
    assert (STANDARD.processes, STANDARD.min_processes, STANDARD.max_processes) == (5, 3, 10)
    assert (STANDARD.min_seconds, STANDARD.min_blocks, STANDARD.precision) == (3.0, 20, 0.01)
    assert STANDARD.total_seconds == 60.0
    assert (RIGOROUS.processes, RIGOROUS.max_processes) == (10, 20)
    assert (RIGOROUS.precision, RIGOROUS.bounded, RIGOROUS.total_seconds) == (0.005, 0.99, 600.0)


def test_precise_samples_converge() -> None:
    assert process_stop_reason(blocks(31, 10, 10 * MS), STANDARD) == CONVERGED


@pytest.mark.parametrize(
    "too_few",
    [
        blocks(19, 100, 10 * MS),  # 20 blocks are asked for
        blocks(30, 10, 9 * MS),  # 2.7 of 3 s
        [],
    ],
)
def test_nothing_converges_before_the_minimum(too_few: list[RunTimes]) -> None:
    assert process_stop_reason(too_few, STANDARD) is None


def test_wide_interval_goes_on_until_the_time_is_up() -> None:
    wide = blocks(30, 10, 10 * MS, noise=0.5)
    assert process_stop_reason(wide, STANDARD) is None
    assert process_stop_reason(wide, STANDARD, remaining_s=1.0) is None
    assert process_stop_reason(wide, STANDARD, remaining_s=0.0) == TIME_BUDGET
    assert process_stop_reason(wide, STANDARD, capacity=300) == CAPACITY


def test_quick_stops_as_soon_as_its_minimum_is_met() -> None:
    quick = PRESETS["quick"]
    assert process_stop_reason(blocks(10, 10, 9 * MS, noise=0.5), quick) is None
    assert process_stop_reason(blocks(11, 10, 10 * MS, noise=0.5), quick) == TIME_BUDGET
    # One second of a slow model is not 20 samples; its five seconds then end it.
    assert process_stop_reason(blocks(5, 1, 1000 * MS), quick) is None
    assert process_stop_reason(blocks(5, 1, 1000 * MS), quick, remaining_s=0.0) == TIME_BUDGET


def test_fixed_count_is_cut_short_by_capacity_only() -> None:
    some = blocks(30, 10, 10 * MS)
    assert process_stop_reason(some, STANDARD, fixed_samples=300) == FIXED_COUNT
    assert process_stop_reason(some, STANDARD, fixed_samples=301, remaining_s=0.0) is None
    assert process_stop_reason(some, STANDARD, fixed_samples=301, capacity=300) == CAPACITY


def test_rigorous_wants_its_part_of_the_tail_from_each_process() -> None:
    # 31 samples are fewer than 2500 / 10, 310 are more.
    few = blocks(31, 1, 200 * MS, noise=0.001)
    assert process_stop_reason(few, STANDARD) == CONVERGED
    assert process_stop_reason(few, RIGOROUS) is None
    means = blocks(31, 1, 2 * MS, noise=0.001, per_sample=100)
    assert process_stop_reason(means, RIGOROUS) == CONVERGED
    assert process_stop_reason(blocks(31, 10, 200 * MS, noise=0.001), RIGOROUS) == CONVERGED


def run_reason(processes: list[list[RunTimes]], **changes: float) -> str | None:
    limits = {"max_processes": 10, "remaining_s": 30.0, "process_s": 5.0, **changes}
    return run_stop_reason(processes, STANDARD, **limits)


def differing(shifts: list[float]) -> list[list[RunTimes]]:
    return [blocks(30, 10, 10 * MS * math.exp(shift)) for shift in shifts]


def test_alike_processes_end_the_run() -> None:
    assert run_reason(differing([0.0, 0.001, -0.001, 0.002, 0.0])) == CONVERGED


def test_differing_processes_ask_for_more() -> None:
    apart = differing([-0.05, -0.02, 0.0, 0.02, 0.05])
    assert run_reason(apart) is None
    assert run_reason(apart, remaining_s=4.0) == TIME_BUDGET
    assert run_reason(apart, max_processes=5) == CAPACITY


def test_process_without_blocks_does_not_count_against_the_others() -> None:
    assert run_reason([*differing([0.0] * 5), []]) == CONVERGED
    assert run_reason([[], []]) is None


def test_rigorous_run_needs_a_bounded_tail() -> None:
    few = [blocks(20, 1, 10 * MS, noise=0.001) for _ in range(10)]
    many = [blocks(20, 20, 10 * MS, noise=0.001) for _ in range(10)]
    limits = {"max_processes": 20, "remaining_s": 30.0, "process_s": 5.0}
    assert run_stop_reason(few, RIGOROUS, **limits) is None
    means = [[RunTimes(b.ns, 10) for b in process] for process in few]
    assert run_stop_reason(means, RIGOROUS, **limits) is not None
    assert run_stop_reason(many, RIGOROUS, **limits) == CONVERGED


def test_quick_run_is_one_process() -> None:
    limits = {"max_processes": 1, "remaining_s": 0.0, "process_s": 5.0}
    assert run_stop_reason([blocks(10, 10, MS)], PRESETS["quick"], **limits) == TIME_BUDGET


@given(st.integers(0, 2**32 - 1), st.floats(0.001, 1.0), st.floats(0.01, 2.0))
def test_time_is_never_exceeded_by_more_than_a_block(seed: int, noise: float, run_s: float) -> None:
    rng = np.random.default_rng(seed)
    budget_s, elapsed_s, done = 5.0, 0.0, []
    reason = None
    while reason is None:
        block = 1e9 * run_s * np.exp(noise * rng.standard_normal(max(1, int(0.25 / run_s))))
        done.append(RunTimes(block, 1))
        elapsed_s += block.sum() / 1e9
        reason = process_stop_reason(done, STANDARD, remaining_s=budget_s - elapsed_s)
    assert elapsed_s - done[-1].elapsed_ns / 1e9 < budget_s
    if reason == CONVERGED:
        median = quantile_interval(joined(done), 0.5)
        assert median.interval is not None
        assert median.interval[1] - median.interval[0] <= 0.02 * median.value
    else:
        assert reason == TIME_BUDGET
