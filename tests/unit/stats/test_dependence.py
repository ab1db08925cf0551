from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeloop.stats.dependence import (
    FEWEST_EXCEEDANCES,
    LONGEST_SERIES,
    _variance_inflation,
    effective_samples,
    pooled_effective_samples,
)


def autocorrelated(rho: float, n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(n) * math.sqrt(1 - rho**2)
    series = np.empty(n)
    series[0] = rng.standard_normal()
    for i in range(1, n):
        series[i] = rho * series[i - 1] + noise[i]
    return np.exp(14 + 0.05 * series)


def indicator_inflation(rho: float) -> float:
    """Long-run over plain variance of 1{z <= 0}: the correlations are 2/pi asin(rho^k)."""
    return 1 + 2 * sum(2 / math.pi * math.asin(rho**k) for k in range(1, 500))


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_autocorrelated_series_is_worth_what_theory_says(rho: float) -> None:
    n = 200_000
    found = effective_samples(autocorrelated(rho, n, seed=1), 0.5)
    # The estimate of a long-run variance over 200,000 points scatters by 2 to 5 %.
    assert found == pytest.approx(n / indicator_inflation(rho), rel=0.1)


def test_grouping_a_long_series_keeps_the_long_run_variance() -> None:
    n = 3 * LONGEST_SERIES + 17
    found = effective_samples(autocorrelated(0.9, n, seed=2), 0.5)
    assert found == pytest.approx(n / indicator_inflation(0.9), rel=0.1)


def test_trend_over_the_whole_series_leaves_almost_nothing() -> None:
    assert effective_samples(np.arange(1, 10_001), 0.5) < 10


def test_alternating_series_is_worth_no_more_than_its_length() -> None:
    assert effective_samples(np.tile([1.0, 2.0], 500), 0.5) == 1000


@pytest.mark.parametrize("n", [1, 2, 3, 1000])
def test_constant_series_counts_fully(n: int) -> None:
    assert effective_samples(np.full(n, 7, dtype=np.uint64), 0.5) == n


def test_bursts_beyond_a_tail_count_where_quiet_samples_hide_them() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal(4000)
    bursts = np.repeat(rng.random(400) < 0.04, 10)
    x[bursts] += 3.0
    # 4 % of the samples in bursts of 10: three in five beyond p90 are quiet, of p95 one in five.
    alone = 4000 / _variance_inflation([x], 0.9)
    assert effective_samples(x, 0.9) < 0.7 * alone
    independent = rng.standard_normal(4000)
    assert effective_samples(independent, 0.9) > 3000


def test_few_exceedances_borrow_the_dependence_of_lower_levels() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal(1000)
    bursts = np.repeat(rng.random(100) < 0.1, 10)
    x[bursts] += 3.0
    # 10 % of the samples in bursts of 10: at p90 they are seen, at p99 only 10 samples lie beyond.
    assert FEWEST_EXCEEDANCES > 1000 * 0.01
    assert effective_samples(x, 0.99) < 400


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.1, 0.5, 0.9, 0.99]))
def test_result_is_positive_and_at_most_the_count(seed: int, p: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(1, int(rng.integers(2, 1000)), size=int(rng.integers(1, 300)))
    assert 0 < effective_samples(x, p) <= x.size


@given(st.integers(0, 2**32 - 1))
def test_unit_and_integer_type_do_not_matter(seed: int) -> None:
    x = np.random.default_rng(seed).integers(1, 50, size=200)
    # A power of two scales floating-point numbers without rounding.
    assert effective_samples(x, 0.9) == effective_samples(x.astype(np.uint32), 0.9)
    assert effective_samples(x, 0.9) == effective_samples(x * 0.25, 0.9)


def test_equal_processes_pool_to_their_sum() -> None:
    series = [autocorrelated(0.5, 20_000, seed) for seed in range(4)]
    pooled = pooled_effective_samples(series, 0.5)
    # Each of the four estimates scatters by about 5 %.
    assert pooled == pytest.approx(sum(effective_samples(x, 0.5) for x in series), rel=0.1)


def test_shift_between_processes_is_no_dependence_within() -> None:
    rng = np.random.default_rng(4)
    series = [rng.standard_normal(2000) + shift for shift in (0.0, 10.0, 20.0)]
    assert pooled_effective_samples(series, 0.5) > 4000


def test_processes_of_unequal_length_pool() -> None:
    rng = np.random.default_rng(5)
    series = [rng.standard_normal(n) for n in (1, 10, 3000)]
    assert 1500 < pooled_effective_samples(series, 0.9) <= 3011


@pytest.mark.parametrize("p", [0.0, 1.0, -0.5, math.nan])
def test_quantile_outside_the_open_interval_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        effective_samples([1.0, 2.0], p)


@pytest.mark.parametrize("x", [[], [[1.0, 2.0]], 3.0])
def test_empty_or_not_one_dimensional_samples_are_refused(x: object) -> None:
    with pytest.raises(ValueError, match="need one dimension"):
        effective_samples(x, 0.5)


def test_no_series_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        pooled_effective_samples([], 0.5)
