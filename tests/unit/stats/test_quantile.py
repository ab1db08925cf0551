from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from edgeloop.stats.quantile import (
    interval_ranks,
    quantile_estimate,
    quantile_interval,
    samples_needed,
)

needs_quantile_test = pytest.mark.skipif(
    not hasattr(stats, "quantile_test"), reason="scipy.stats.quantile_test came with SciPy 1.10"
)

METHOD_TABLE = {
    (100, 0.5): (40, 61),
    (100, 0.9): (84, 96),
    (100, 0.99): (97, None),
    (368, 0.5): (165, 204),
    (368, 0.9): (320, 343),
    (368, 0.99): (360, 368),
    (1000, 0.5): (469, 532),
    (1000, 0.9): (881, 919),
    (1000, 0.99): (983, 997),
    (5000, 0.5): (2431, 2570),
    (5000, 0.9): (4458, 4542),
    (5000, 0.99): (4936, 4964),
}


@pytest.mark.parametrize(("case", "ranks"), METHOD_TABLE.items())
def test_ranks_are_those_of_the_method_page(
    case: tuple[int, float], ranks: tuple[int, int]
) -> None:
    assert interval_ranks(*case) == ranks


@needs_quantile_test
@given(st.integers(1, 3000), st.sampled_from([0.1, 0.25, 0.5, 0.9, 0.99, 0.999]))
def test_ranks_of_independent_samples_equal_scipy(n: int, p: float) -> None:
    x = np.arange(1, n + 1)
    interval = stats.quantile_test(x, p=p, q=1).confidence_interval(0.95)
    ours = tuple(np.nan if rank is None else rank for rank in interval_ranks(n, p))
    np.testing.assert_array_equal(ours, (interval.low, interval.high))


@needs_quantile_test
def test_ranks_of_ten_million_samples_equal_scipy() -> None:
    x = np.arange(1, 10_000_001)
    interval = stats.quantile_test(x, p=0.99, q=1).confidence_interval(0.95)
    assert interval_ranks(x.size, 0.99) == (interval.low, interval.high)


@given(
    st.integers(30, 5000),
    st.floats(0.01, 1.0),
    st.sampled_from([0.01, 0.5, 0.9, 0.99]),
)
def test_fewer_effective_samples_never_narrow(n: int, share: float, p: float) -> None:
    low, high = interval_ranks(n, p)
    wider_low, wider_high = interval_ranks(n, p, max(1.0, share * n))
    assert wider_low is None or (low is not None and wider_low <= low)
    assert wider_high is None or (high is not None and high <= wider_high <= n)


@given(st.integers(10, 5000), st.floats(0.05, 1.0))
def test_ranks_of_a_median_are_symmetric(n: int, share: float) -> None:
    low, high = interval_ranks(n, 0.5, share * n)
    if low is not None and high is not None:
        # 1: the tolerance against rounding may move the upper one at an exact rank.
        assert abs((low - 1) - (n - high)) <= 1


@pytest.mark.parametrize(
    ("p", "needed"), [(0.9, 36), (0.95, 72), (0.99, 368), (0.999, 3688), (0.01, 368)]
)
def test_a_bound_appears_with_the_independent_samples_it_needs(p: float, needed: int) -> None:
    assert None not in interval_ranks(needed, p)
    assert None in interval_ranks(needed - 1, p)


@pytest.mark.parametrize(
    ("p", "needed"),
    [(0.5, 6), (0.9, 250), (0.95, 500), (0.99, 2500), (0.999, 25000), (0.01, 2500)],
)
def test_an_interval_appears_with_the_samples_needed(p: float, needed: int) -> None:
    x = np.random.default_rng(5).permutation(needed)
    assert samples_needed(p) == needed
    assert quantile_estimate(x, p, n_eff=needed).interval is not None
    fewer = quantile_estimate(x[1:], p, n_eff=needed - 1)
    assert fewer.interval is None
    assert fewer.reason == f"not enough samples (need {needed})"


def test_value_is_the_interpolated_sample_quantile() -> None:
    x = np.random.default_rng(0).lognormal(14, 0.05, 2501)
    for p in (0.5, 0.9, 0.99):
        estimate = quantile_interval(x, p)
        assert estimate.value == pytest.approx(np.quantile(x, p), rel=1e-12)
        assert estimate.reason is None
        assert estimate.low < estimate.value < estimate.high
        assert estimate.interval == (estimate.low, estimate.high)


def test_tail_out_of_reach_has_neither_value_nor_bound() -> None:
    x = np.random.default_rng(1).lognormal(14, 0.05, 200)
    estimate = quantile_estimate(x, 0.99, n_eff=200)
    assert (estimate.value, estimate.low, estimate.high) == (None, None, None)
    assert estimate.reason == "not enough samples (need 2500)"


def test_dependence_raises_the_number_of_samples_needed() -> None:
    x = np.random.default_rng(2).lognormal(14, 0.05, 3000)
    estimate = quantile_estimate(x, 0.99, n_eff=200)
    assert estimate.reason == (
        "not enough samples (need about 5520, as neighbouring ones resemble each other)"
    )


def test_tail_is_withheld_where_only_luck_could_show_no_burst() -> None:
    # Five runs slower in every hundred or so, together: method 2.4's operating-system noise.
    rng = np.random.default_rng(6)
    for _ in range(50):
        burst = np.convolve(rng.random(1000) < 0.01, np.ones(5))[:1000] > 0
        x = np.exp(0.03 * rng.standard_normal(1000) + 0.3 * burst)
        assert quantile_interval(x, 0.99).interval is None


def test_dependence_widens_an_interval_and_does_not_take_it_away() -> None:
    # A trend is worth one independent sample: no pair of order statistics brackets its median.
    x = 1000.0 + np.arange(2000)
    assert quantile_estimate(x, 0.5, n_eff=1.0).interval is None
    estimate = quantile_interval(x, 0.5)
    batches = np.log(np.median(x.reshape(10, 200), axis=1))
    half = stats.t.ppf(0.975, 9) * batches.std(ddof=1) / np.sqrt(10)
    assert estimate.value == np.median(x)
    assert estimate.interval == pytest.approx(
        (np.median(x) / np.exp(half), np.median(x) * np.exp(half))
    )
    assert estimate.factor == pytest.approx(2.262157, rel=1e-6)
    assert estimate.reason is None


def test_the_wider_of_both_intervals_is_given() -> None:
    rng = np.random.default_rng(8)
    given = set()
    for _ in range(40):
        x = rng.lognormal(14, 0.05, 1000)
        estimate = quantile_interval(x, 0.5)
        ordered = quantile_estimate(x, 0.5, estimate.n_eff).interval
        assert ordered is not None
        assert estimate.interval is not None
        assert estimate.interval[1] - estimate.interval[0] >= ordered[1] - ordered[0]
        given.add(estimate.interval == ordered)
    assert given == {True, False}


@pytest.mark.parametrize("n", [1, 2])
def test_median_of_few_samples_has_the_words_instead_of_an_interval(n: int) -> None:
    estimate = quantile_interval(np.arange(1, n + 1), 0.5)
    assert estimate.value == (n + 1) / 2
    assert estimate.interval is None
    assert estimate.reason == "not enough samples (need 6)"


def test_a_handful_of_slow_runs_has_students_interval() -> None:
    x = np.array([1.00e9, 1.02e9, 0.99e9, 1.01e9])
    low, high = quantile_interval(x, 0.5).interval or (0.0, 0.0)
    expected = stats.t.interval(0.95, 3, np.log(np.median(x)), stats.sem(np.log(x)))
    assert (np.log(low), np.log(high)) == pytest.approx(expected)


def test_ties_of_a_coarse_clock_give_ticks() -> None:
    tick = 18_519
    rng = np.random.default_rng(3)
    x = (np.round(rng.normal(1e6, 5e3, 2000) / tick) * tick).astype(np.uint64)
    assert len(np.unique(x)) < 5
    estimate = quantile_estimate(x, 0.5, n_eff=2000)
    assert estimate.interval is not None
    assert {estimate.value, *estimate.interval} <= {float(value) for value in np.unique(x)}


def test_all_samples_equal() -> None:
    estimate = quantile_interval(np.full(2500, 42, dtype=np.uint32), 0.99)
    assert (estimate.low, estimate.value, estimate.high) == (42.0, 42.0, 42.0)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.5, 0.9]))
def test_order_changes_the_effective_samples_and_the_batches_only(seed: int, p: float) -> None:
    rng = np.random.default_rng(seed)
    x = np.sort(rng.integers(1000, 1100, size=400))
    sorted_estimate = quantile_interval(x, p)
    shuffled = quantile_interval(rng.permutation(x), p)
    assert (sorted_estimate.n, sorted_estimate.value) == (shuffled.n, shuffled.value)
    assert sorted_estimate.n_eff < shuffled.n_eff


def test_coverage_under_autocorrelation() -> None:
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(400):
        noise = rng.standard_normal(1100)
        for i in range(1, 1100):
            noise[i] += 0.5 * noise[i - 1]
        low, high = quantile_interval(np.exp(noise[100:]), 0.5).interval or (0.0, 0.0)
        covered += low <= 1.0 <= high
    # Nominal 0.95; three standard errors of 400 repeats are 0.033. Ignoring dependence: 0.80.
    assert covered / 400 > 0.917
