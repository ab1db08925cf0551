"""The grouped BCa bootstrap against scipy's over single samples, and its coverage."""

from __future__ import annotations

import numpy as np
import pytest

from edgeloop.metrics import bootstrap
from edgeloop.metrics.bootstrap import RESAMPLES, GroupSums, bca_intervals


def mean_of(values: np.ndarray) -> bootstrap.Statistic:
    return lambda weights: ((weights @ values) / weights.sum(axis=1))[:, np.newaxis]


def test_the_interval_of_a_skewed_mean_is_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(0).lognormal(size=120)
    (ours,) = bca_intervals(np.ones(120, np.int64), mean_of(values), seed=1)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(2)
    ).confidence_interval
    # A thousand resamples leave the ends of a 95 % interval uncertain by 7 % of its width (three
    # standard errors of an order statistic there).
    width = theirs.high - theirs.low
    assert ours is not None
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.07 * width)
    middle = values.mean()
    assert ours[1] - middle > middle - ours[0]  # the skew is seen


def test_groups_of_equal_samples_are_drawn_as_single_ones_are() -> None:
    counts = np.array([60, 25, 15])
    values = np.array([0.0, 1.0, 5.0])
    (grouped,) = bca_intervals(counts, mean_of(values), seed=3)
    (single,) = bca_intervals(np.ones(100, np.int64), mean_of(np.repeat(values, counts)), seed=4)
    assert grouped == pytest.approx(single, abs=0.1)  # widths of about 0.7, as above


def test_the_seed_decides() -> None:
    values = np.random.default_rng(0).normal(size=50)
    ones = np.ones(50, np.int64)
    assert bca_intervals(ones, mean_of(values), 5) == bca_intervals(ones, mean_of(values), 5)
    assert bca_intervals(ones, mean_of(values), 5) != bca_intervals(ones, mean_of(values), 6)


@pytest.mark.parametrize("counts", [np.ones(30, np.int64), np.array([30])])
def test_what_resampling_does_not_change_has_no_interval(counts: np.ndarray) -> None:
    assert bca_intervals(counts, mean_of(np.full(counts.size, 2.0)), seed=0) == [None]


def test_float_dust_is_no_variation() -> None:
    # 0.1 has no exact form: its mean over resamples differs in the last digit.
    values = np.full(30, 0.1)
    means = mean_of(values)(
        np.random.default_rng(0).multinomial(30, np.full(30, 1 / 30), 100) * 1.0
    )
    assert np.ptp(means) > 0
    assert bca_intervals(np.ones(30, np.int64), mean_of(values), seed=0) == [None]


def test_few_samples_cover_too() -> None:
    generator = np.random.default_rng(21)
    covered = 0
    for seed in range(300):
        (interval,) = bca_intervals(np.ones(20, np.int64), mean_of(generator.normal(size=20)), seed)
        assert interval is not None
        covered += interval[0] <= 0.0 <= interval[1]
    # 0.95 less three standard errors; BCa without the expanded levels covers 0.91.
    assert covered / 300 >= 0.913


def test_so_many_groups_that_the_jackknife_is_left_out() -> None:
    values = np.random.default_rng(0).normal(size=5000)
    (interval,) = bca_intervals(np.ones(5000, np.int64), mean_of(values), seed=0)
    assert interval is not None
    half = 1.96 / np.sqrt(5000)
    assert interval == pytest.approx((values.mean() - half, values.mean() + half), abs=0.3 * half)


def test_intervals_cover_as_often_as_they_say() -> None:
    generator = np.random.default_rng(11)
    covered = 0
    for seed in range(200):
        values = generator.exponential(size=60)
        (interval,) = bca_intervals(np.ones(60, np.int64), mean_of(values), seed)
        assert interval is not None
        covered += interval[0] <= 1.0 <= interval[1]
    # BCa over 60 exponential samples covers about 93 %; 200 trials scatter by 2 % (one deviation).
    assert covered >= 174


def test_sums_of_groups_add_up_whatever_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    features = np.random.default_rng(0).normal(size=(1000, 3))
    for most in (2048, 64):
        monkeypatch.setattr("edgeloop.metrics.bootstrap._MOST_GROUPS", most)
        sums = GroupSums(1000, 3, seed=0)
        for start in range(0, 1000, 70):
            sums.add(features[start : start + 70])
        assert len(sums.sums) == min(most, 1000)
        assert sums.sums.sum(axis=0) == pytest.approx(features.sum(axis=0))


def test_random_groups_leave_the_interval_of_a_mean_as_it_is() -> None:
    values = np.random.default_rng(0).normal(size=20_000)
    sums = GroupSums(len(values), 2, seed=0)
    sums.add(np.stack([values, np.ones_like(values)], axis=1))
    table = sums.sums
    assert len(table) == 2048

    def mean(weights: np.ndarray) -> np.ndarray:
        totals = weights @ table
        return totals[:, :1] / totals[:, 1:]

    (interval,) = bca_intervals(np.ones(len(table), np.int64), mean, seed=0)
    assert interval is not None
    half = 1.96 / np.sqrt(len(values))
    assert interval == pytest.approx((values.mean() - half, values.mean() + half), abs=0.3 * half)


def test_a_thousand_resamples() -> None:
    assert RESAMPLES >= 1000  # fewer leave the ends of an interval to chance
