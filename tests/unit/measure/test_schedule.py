from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeloop.errors import UsageError
from edgeloop.measure.schedule import (
    MAX_BLOCK_SAMPLES,
    SAMPLE_RESOLUTIONS,
    block_runs,
    round_order,
    runs_per_sample,
    samples_in,
    tails_are_timed,
)

positive = st.floats(0.01, 1e12)


def test_every_loop_runs_once_a_round_in_every_order() -> None:
    loops = ("native", "binding", "framework")
    generator = random.Random(0)
    orders = Counter(tuple(round_order(loops, generator)) for _ in range(600))
    assert set(map(frozenset, orders)) == {frozenset(loops)}
    assert len(orders) == 6
    assert min(orders.values()) > 60  # 100 expected
    assert loops == ("native", "binding", "framework")  # the caller's own order stands


def test_the_order_is_that_of_the_seed() -> None:
    loops = list("abcdefgh")
    assert round_order(loops, random.Random(3)) == round_order(loops, random.Random(3))


@pytest.mark.parametrize(
    ("run_ns", "resolution_ns", "runs"),
    [(1e6, 20, 1), (20_000, 20, 1), (19_999, 20, 2), (2.2, 17.5, 8750), (0.4, 20, 20_000)],
)
def test_runs_per_sample(run_ns: float, resolution_ns: float, runs: int) -> None:
    assert runs_per_sample(run_ns, resolution_ns) == runs


@given(run_ns=positive, resolution_ns=st.floats(0.5, 1e6))
def test_a_sample_is_always_long_enough_and_never_twice_that(
    run_ns: float, resolution_ns: float
) -> None:
    runs = runs_per_sample(run_ns, resolution_ns)
    wanted_ns = SAMPLE_RESOLUTIONS * resolution_ns
    whole_run_ns = max(1, int(run_ns))
    assert runs * whole_run_ns >= wanted_ns
    assert runs == 1 or (runs - 1) * whole_run_ns < wanted_ns + 1


def test_tails_need_runs_of_twenty_resolutions() -> None:
    assert tails_are_timed(400.0, 20.0)
    assert not tails_are_timed(399.0, 20.0)


@given(run_ns=positive, samples_of=st.integers(1, 100_000), block_s=st.floats(0.001, 1.0))
def test_a_block_is_whole_samples_within_its_time_and_memory(
    run_ns: float, samples_of: int, block_s: float
) -> None:
    runs = block_runs(run_ns, samples_of, block_s)
    samples = samples_in(runs, samples_of)
    assert 1 <= samples <= MAX_BLOCK_SAMPLES
    assert samples == 1 or runs * run_ns <= block_s * 1e9 * (1 + 1e-9)


def test_a_run_longer_than_the_block_is_a_block() -> None:
    assert block_runs(5e9, 1, 0.1) == 1


@pytest.mark.parametrize(("runs", "per_sample"), [(0, 1), (5, 0), (5, 2), (-4, 2), (4, -2)])
def test_runs_that_are_no_whole_samples(runs: int, per_sample: int) -> None:
    with pytest.raises(UsageError, match=f"{runs} runs cannot be cut into samples of {per_sample}"):
        samples_in(runs, per_sample)
