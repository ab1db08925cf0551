from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from edgeloop.stats.pooled import clipped, pooled_quantile, within_quantile
from edgeloop.stats.processes import across_interval, combined_interval, headline, log_width
from edgeloop.stats.quantile import QuantileEstimate, quantile_interval


def estimate(value: float, low: float | None, high: float | None) -> QuantileEstimate:
    reason = None if low is not None else "too dependent"
    return QuantileEstimate(0.5, value, low, high, 1000, 900.0, reason)


def runs(shifts: list[float], n: int = 500, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [np.exp(14 + shift + 0.05 * rng.standard_normal(n)) for shift in shifts]


def test_across_interval_is_students_on_logarithms() -> None:
    values = np.exp([2.0, 2.1, 2.2, 2.3])  # symmetric: Hall's term is 0
    low, high = across_interval(values) or (0.0, 0.0)
    expected = stats.t.interval(0.95, 3, 2.15, stats.sem(np.log(values)))
    assert (math.log(low), math.log(high)) == pytest.approx(expected)


@pytest.mark.parametrize("sign", [1, -1])
def test_across_interval_reaches_further_where_the_values_are_skewed(sign: int) -> None:
    logs = sign * np.array([0.0, 0.01, 0.02, 0.03, 0.3])
    low, high = across_interval(np.exp(logs)) or (0.0, 0.0)
    half = stats.t.ppf(0.975, 4) * stats.sem(logs)
    z = stats.norm.ppf(0.975)
    bias = 1 + 8 / 5
    skew = stats.skew(logs, bias=False) * stats.sem(logs) / math.sqrt(5)
    further = bias * (2 * z**2 + 1) / 6 * skew
    expected = sorted([sign * (logs.mean() * sign - half), sign * (logs.mean() * sign + half)])
    expected[int(sign > 0)] += further
    assert (math.log(low), math.log(high)) == pytest.approx(tuple(expected))


def test_processes_that_differ_by_float_dust_are_not_skewed() -> None:
    value = 0.1 + 0.2
    low, high = across_interval([0.3, value, 0.3, 0.3]) or (0.0, 0.0)
    assert (low, high) == pytest.approx((0.3, 0.3), rel=1e-12)


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_processes_have_no_headline_interval(count: int) -> None:
    result = headline([estimate(10.0, 9.9, 10.1)] * count)
    assert result.interval is None
    assert result.half_width is None
    assert result.reason is not None
    assert result.reason.startswith("not enough processes (need 3, have ")
    assert result.within is not None
    assert result.within[0] < 10.0 < result.within[1]


def test_combined_interval_adds_each_side_in_quadrature() -> None:
    medians = [estimate(10.0, 9.0, 12.0), estimate(20.0, 19.0, 21.0)]
    low, high = combined_interval(medians) or (0.0, 0.0)
    centre = math.sqrt(200.0)
    assert math.log(centre / low) == pytest.approx(
        math.hypot(math.log(10 / 9), math.log(20 / 19)) / 2
    )
    assert math.log(high / centre) == pytest.approx(
        math.hypot(math.log(12 / 10), math.log(21 / 20)) / 2
    )


def test_what_one_process_says_is_its_scatter() -> None:
    result = headline([estimate(10.0, 9.5, 10.4)])
    assert result.value == pytest.approx(10.0)
    assert result.within == pytest.approx((9.5, 10.4))
    assert result.interval is None


def test_headline_interval_is_that_between_processes() -> None:
    apart = headline([quantile_interval(x, 0.5) for x in runs([0.0, 0.05, 0.1])])
    assert apart.interval == across_interval(
        [quantile_interval(x, 0.5).value or 0.0 for x in runs([0.0, 0.05, 0.1])]
    )
    assert apart.within is not None
    assert apart.interval is not None
    assert log_width(apart.within) < log_width(apart.interval)


def test_students_intervals_of_single_processes_are_combined_by_their_errors() -> None:
    # Five processes of four runs each: Student's factor of one is 3.18, that of all is nearly 2.
    own = [replace(estimate(10.0, 9.0, 10.0 / 0.9), factor=3.18)] * 5
    low, high = combined_interval(own) or (0.0, 0.0)
    half = 1.96 * math.log(10 / 9) / 3.18 / math.sqrt(5)
    assert (math.log(10 / low), math.log(high / 10)) == pytest.approx((half, half), rel=1e-4)


def test_headline_is_the_geometric_mean() -> None:
    assert headline([estimate(8.0, 7.0, 9.0), estimate(2.0, 1.0, 3.0)]).value == pytest.approx(4.0)


def test_process_without_interval_leaves_the_headline_its_own() -> None:
    result = headline([estimate(10.0, None, None), *[estimate(v, 9.0, 12.0) for v in (10.2, 10.4)]])
    assert result.within is None
    assert result.within_reason == "too dependent"
    assert result.interval is not None


def test_median_of_zero_is_a_coarse_timer() -> None:
    result = headline([estimate(0.0, 0.0, 0.0)])
    assert result.interval is None
    assert result.reason is not None
    assert "too coarse" in result.reason


def test_no_process_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        headline([])


@pytest.mark.parametrize("count", [1, 3, 4])
def test_tail_of_few_processes_has_a_value_and_the_scatter_within(count: int) -> None:
    few = runs([0.0, 0.3, 0.01, 0.02][:count])
    result = pooled_quantile(few, 0.9)
    assert result.value == pytest.approx(np.quantile(np.concatenate(few), 0.9))
    assert result.interval is None
    assert result.reason is not None
    assert result.reason.startswith("not enough processes for a tail (need 5, have ")
    assert within_quantile(few, 0.9).interval is not None


def test_scatter_of_one_process_is_its_quantiles_interval() -> None:
    (x,) = runs([0.0])
    assert within_quantile([x], 0.9) == quantile_interval(x, 0.9)


def test_interval_of_a_tail_stays_within_what_is_known() -> None:
    absurd = QuantileEstimate(0.9, 594.7, 9.4, 37557.0, 1000, 900.0)
    result = clipped(absurd, 204.2, 2100.0)
    assert result.interval == (204.2, 2100.0)
    assert clipped(absurd, 600.0, 590.0).interval == (594.7, 594.7)
    assert clipped(replace(absurd, low=None, high=None), 1.0, 2.0).interval is None


def test_pooled_tail_needs_the_samples_of_all_processes() -> None:
    few = runs([0.0] * 5, n=700)
    assert quantile_interval(few[0], 0.99).interval is None
    assert pooled_quantile(few, 0.99).interval is not None


def test_spread_between_processes_widens_a_pooled_tail() -> None:
    alike, apart = runs([0.0] * 5), runs([-0.04, -0.02, 0.0, 0.02, 0.04])
    narrow = pooled_quantile(alike, 0.9).interval
    wide = pooled_quantile(apart, 0.9).interval
    assert narrow is not None
    assert wide is not None
    assert log_width(wide) > 2 * log_width(narrow)


def test_tail_of_one_slow_process_is_as_vague_as_one_process() -> None:
    apart = runs([0.0, 0.001, 0.002, 0.003, 0.3])
    interval = pooled_quantile(apart, 0.99).interval
    # Every sample beyond the p99 is of the last process: weight 1, Student's factor 2.78.
    scatter = np.std([np.log(np.quantile(x, 0.99)) for x in apart], ddof=1)
    assert interval is not None
    assert log_width(interval) == pytest.approx(2 * 2.776 * scatter, rel=0.01)


def test_pooled_quantile_with_ties_up_to_the_largest_sample() -> None:
    processes = [np.full(200, 10 + i % 2, dtype=np.uint64) for i in range(6)]
    result = pooled_quantile(processes, 0.9)
    assert result.value == 11.0
    assert result.interval is not None
