from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from edgeloop.stats.pooled import pooled_quantile
from edgeloop.stats.processes import across_interval, combined_interval, headline, log_width
from edgeloop.stats.quantile import QuantileEstimate, quantile_interval


def estimate(value: float, low: float | None, high: float | None) -> QuantileEstimate:
    reason = None if low is not None else "too dependent"
    return QuantileEstimate(0.5, value, low, high, 1000, 900.0, reason)


def runs(shifts: list[float], n: int = 500, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [np.exp(14 + shift + 0.05 * rng.standard_normal(n)) for shift in shifts]


def test_across_interval_is_students_on_logarithms() -> None:
    values = [10.0, 11.0, 10.5, 12.0]
    low, high = across_interval(values) or (0.0, 0.0)
    logs = np.log(values)
    expected = stats.t.interval(0.95, 3, logs.mean(), stats.sem(logs))
    assert (math.log(low), math.log(high)) == pytest.approx(expected)


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_processes_say_nothing_about_their_difference(count: int) -> None:
    result = headline([estimate(10.0, 9.9, 10.1)] * count)
    assert result.between is None
    assert result.between_reason is not None
    assert result.between_reason.startswith("not enough processes (need 3, have ")
    assert result.interval == result.within
    assert result.reason is None


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


def test_headline_of_one_process_is_its_own_interval() -> None:
    result = headline([estimate(10.0, 9.5, 10.4)])
    assert result.value == pytest.approx(10.0)
    assert result.interval == pytest.approx((9.5, 10.4))
    assert result.half_width == pytest.approx(0.045)


def test_headline_takes_the_wider_interval() -> None:
    apart = headline([quantile_interval(x, 0.5) for x in runs([0.0, 0.05, 0.1])])
    alike = headline([quantile_interval(x, 0.5) for x in runs([0.0] * 8)])
    assert apart.interval == apart.between
    for result in (apart, alike):
        assert result.interval is not None
        assert result.within is not None
        assert result.between is not None
        assert log_width(result.interval) == max(
            log_width(result.within), log_width(result.between)
        )


def test_headline_is_the_geometric_mean() -> None:
    assert headline([estimate(8.0, 7.0, 9.0), estimate(2.0, 1.0, 3.0)]).value == pytest.approx(4.0)


def test_process_without_interval_leaves_the_one_between() -> None:
    result = headline([estimate(10.0, None, None), *[estimate(v, 9.0, 12.0) for v in (10.2, 10.4)]])
    assert result.within is None
    assert result.within_reason == "too dependent"
    assert result.interval == result.between


def test_nothing_to_go_by_gives_both_reasons() -> None:
    result = headline([estimate(10.0, None, None)])
    assert result.interval is None
    assert result.half_width is None
    assert result.reason == "too dependent; not enough processes (need 3, have one process)"


def test_median_of_zero_is_a_coarse_timer() -> None:
    result = headline([estimate(0.0, 0.0, 0.0)])
    assert result.interval is None
    assert result.reason is not None
    assert "too coarse" in result.reason


def test_no_process_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        headline([])


def test_pooled_quantile_of_one_process_is_its_quantile() -> None:
    (x,) = runs([0.0])
    assert pooled_quantile([x], 0.9) == quantile_interval(x, 0.9)


def test_pooled_tail_needs_the_samples_of_all_processes() -> None:
    few = runs([0.0] * 4, n=700)
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
    processes = [np.full(200, 10 + i % 2, dtype=np.uint64) for i in range(4)]
    result = pooled_quantile(processes, 0.9)
    assert result.value == 11.0
    assert result.interval is not None
