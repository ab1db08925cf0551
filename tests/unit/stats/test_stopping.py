from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edgeloop.stats.quantile import QuantileEstimate
from edgeloop.stats.run_times import RunTimes
from edgeloop.stats.stopping import (
    CAPACITY,
    CONVERGED,
    PLANNED,
    PRESETS,
    TIME_BUDGET,
    best_stretch_s,
    process_stop_reason,
    run_stop_reason,
)

QUICK, STANDARD, RIGOROUS = PRESETS["quick"], PRESETS["standard"], PRESETS["rigorous"]
MS = 1e6


def blocks(count: int, per_block: int, run_ns: float, per_sample: int = 1) -> list[RunTimes]:
    return [RunTimes(np.full(per_block, run_ns), per_sample)] * count


def process_reason(measured: list[RunTimes], **changes: Any) -> Any:
    given = {"preset": STANDARD, "measure_s": 0.5, "remaining_s": 1.0, **changes}
    return process_stop_reason(measured, **given)


def test_presets_are_several_short_processes() -> None:
    assert list(PRESETS) == ["quick", "standard", "rigorous"]
    for preset in PRESETS.values():
        assert 3 <= preset.min_processes <= preset.processes <= preset.max_processes
        shortest_s = preset.processes * (preset.warmup_s + preset.measure_s)
        assert shortest_s <= preset.total_seconds
    assert (QUICK.total_seconds, QUICK.precision) == (5.0, None)
    assert (STANDARD.total_seconds, STANDARD.precision) == (60.0, 0.01)
    assert (RIGOROUS.total_seconds, RIGOROUS.precision, RIGOROUS.bounded) == (600.0, 0.005, 0.99)


def test_a_process_measures_its_stretch_and_its_blocks() -> None:
    assert process_reason(blocks(10, 10, 5 * MS)) == PLANNED
    assert process_reason(blocks(9, 10, 5 * MS)) is None
    assert process_reason(blocks(9, 10, 5 * MS), measure_s=0.45) == PLANNED
    # Five blocks of one run each, however long they take, unless the share is over.
    assert process_reason(blocks(4, 1, 900 * MS)) is None
    assert process_reason(blocks(4, 1, 900 * MS), remaining_s=0.0) == TIME_BUDGET
    assert process_reason(blocks(5, 1, 900 * MS)) == PLANNED


def test_a_sample_of_several_runs_counts_all_their_time() -> None:
    assert process_reason(blocks(10, 10, 1 * MS, per_sample=5)) == PLANNED


def test_rigorous_wants_its_part_of_the_tail_from_each_process() -> None:
    # 2500 samples over 20 processes are 125 each.
    assert process_reason(blocks(12, 10, 10 * MS), preset=RIGOROUS) is None
    assert process_reason(blocks(13, 10, 10 * MS), preset=RIGOROUS) == PLANNED
    # Means have no tail, and other efforts ask for none.
    assert process_reason(blocks(12, 10, 10 * MS, per_sample=9), preset=RIGOROUS) == PLANNED
    assert process_reason(blocks(12, 10, 10 * MS)) == PLANNED


def medians(shifts: Any, half: float = 0.001) -> list[QuantileEstimate]:
    ends = [(math.exp(s - half), math.exp(s), math.exp(s + half)) for s in shifts]
    return [QuantileEstimate(0.5, value, low, high, 100, 100.0) for low, value, high in ends]


def run_reason(found: list[QuantileEstimate], **changes: Any) -> Any:
    limits = {
        "preset": STANDARD, "max_processes": 40, "remaining_s": 30.0, "process_s": 0.75, **changes
    }  # fmt: skip
    return run_stop_reason(found, **limits)


ALIKE = 0.001 * (np.arange(12) % 3 - 1)
APART = 0.02 * np.linspace(-2, 2, 12)


def test_alike_processes_end_the_run_when_there_are_enough_of_them() -> None:
    assert run_reason(medians(ALIKE)) == CONVERGED
    # Eleven that agree may do so by luck: nobody looks.
    assert run_reason(medians(ALIKE[:11])) is None
    assert run_reason(medians(ALIKE[:3]), remaining_s=0.5) == TIME_BUDGET


def test_processes_that_the_user_counted_are_looked_at_once() -> None:
    assert run_reason(medians([0.0, 0.0001, -0.0001]), max_processes=3) == CONVERGED
    assert run_reason(medians([0.0, 0.01, -0.01]), max_processes=3) == CAPACITY
    assert run_reason(medians([0.0, 0.0]), max_processes=2) == CAPACITY


def test_differing_processes_ask_for_more() -> None:
    assert run_reason(medians(APART)) is None
    assert run_reason(medians(APART), remaining_s=0.5) == TIME_BUDGET
    assert run_reason(medians(APART), max_processes=12) == CAPACITY


def test_rigorous_run_needs_a_bounded_tail() -> None:
    alike = medians(0.1 * np.tile(ALIKE, 2))
    limits = {"preset": RIGOROUS, "max_processes": 60}
    unbounded = QuantileEstimate(0.99, None, None, None, 100, 100.0, "not enough samples")
    assert run_reason(alike, **limits) == CONVERGED
    assert run_reason(alike, tail=unbounded, **limits) is None
    bounded = replace(unbounded, value=2.0, low=1.5, high=3.0)
    assert run_reason(alike, tail=bounded, **limits) == CONVERGED


def test_quick_stops_after_its_processes() -> None:
    assert run_reason(medians(APART[:5]), preset=QUICK, max_processes=6) is None
    assert run_reason(medians(APART[:6]), preset=QUICK, max_processes=6) == TIME_BUDGET


def test_the_stretch_is_that_of_kalibera_and_jones() -> None:
    # Known components: errors of 0.5 % within, and values that scatter by 1 % in all.
    found = medians(0.01 * np.array([-1.5, -0.5, 0.5, 1.5]) / 1.2909944, half=1.96 * 0.005)
    within, between = 0.005**2, 0.01**2 - 0.005**2
    strict = replace(STANDARD, precision=1e-6)
    best = best_stretch_s(found, measured_s=0.5, cost_s=3.0, preset=strict)
    assert best == pytest.approx(math.sqrt(within * 0.5 * 3.0 / between), rel=1e-3)
    # More costly processes measure longer, up to four times the first guess, ...
    assert best_stretch_s(found, measured_s=0.5, cost_s=300.0, preset=strict) == 2.0
    # ... and such as differ much are cut to half of it.
    apart = medians([-0.2, 0.0, 0.2])
    assert best_stretch_s(apart, measured_s=0.5, cost_s=0.3, preset=strict) == 0.25


def test_the_first_guess_stays_where_it_is_precise_enough() -> None:
    assert best_stretch_s(medians(ALIKE[:3]), 0.5, 300.0, STANDARD) == 0.5
    assert best_stretch_s(medians([0.0]), 0.5, 300.0, STANDARD) == 0.5
    # Disturbed blocks make each process unsure; that they agree shows that it does not matter.
    assert best_stretch_s(medians(ALIKE[:6], half=0.1), 0.5, 300.0, STANDARD) == 0.5
    assert best_stretch_s(medians(APART), 0.5, 300.0, QUICK) == 0.5
