"""Intervals of metrics that are not proportions: the bootstrap over samples, BCa, at 95 %.

Samples that count alike are drawn as one group, by the multinomial distribution: the same as to
draw them one by one, at a cost that does not grow with their number. scipy.stats.bootstrap draws
single samples, and its jackknife takes time and memory of their number squared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

# Every sample is a group of its own up to here; beyond, samples share groups at random, which
# leaves the variance of a resampled mean as it is.
_MOST_GROUPS = 2048
_MOST_ELEMENTS = 1 << 21

RESAMPLES = 1000
# A standard error is known to 4 % by these.
_ERROR_RESAMPLES = 300

NO_VARIATION = "resampling the samples does not change it"

# Sums in another order differ by this share of their value, which is not variation.
_DUST = 1e-12

_POLE = 0.05

# The weights of as many resamples as this many numbers hold are looked at together.
_BATCH_ELEMENTS = 1 << 21

# Above this many groups the acceleration, which falls with the square root of their number, is left
# out: its jackknife would take longer than everything else.
_MOST_JACKKNIFED = 4096

Statistic = Callable[["npt.NDArray[np.float64]"], "npt.NDArray[np.float64]"]
"""From weights (r, groups) to values (r, metrics)."""


def bca_intervals(
    counts: npt.NDArray[np.int64], statistic: Statistic, seed: int
) -> list[Optional[tuple[float, float]]]:
    """Return the interval of each metric; None where resampling does not change it.

    `counts`: samples in each group. B. Efron, "Better bootstrap confidence intervals" (1987).
    """
    weights = counts.astype(np.float64)
    observed = statistic(weights[np.newaxis])[0]
    if weights.sum() < 2:
        return [None] * observed.size
    replicates = np.concatenate(list(_replicates(counts, statistic, seed)))
    accelerations = _accelerations(weights, statistic)
    return [
        _interval(replicates[:, index], observed[index], accelerations[index], int(counts.sum()))
        for index in range(observed.size)
    ]


def logit_intervals(
    observed: npt.NDArray[np.float64], groups: int, statistic: Statistic, seed: int
) -> list[Optional[tuple[float, float]]]:
    """Return the interval of shares (0 to 1) around their observed values; None as above.

    Student's interval on the logit scale with the bootstrap's standard error. It is for figures
    that resampling shifts by itself, as it does maxima (the envelope of a precision): BCa takes
    such a shift for a bias of the figure, and its interval lies beside the value. A resample in
    which a figure is not defined does not count for it.
    """
    from scipy.stats import t

    if groups < 2:
        return [None] * observed.size
    ones = np.ones(groups, dtype=np.int64)
    replicates = np.concatenate(list(_replicates(ones, statistic, seed, _ERROR_RESAMPLES)))
    reach = float(t.ppf(0.975, groups - 1)) * math.sqrt(groups / (groups - 1))
    intervals: list[Optional[tuple[float, float]]] = []
    for value, column in zip(observed, replicates.T):
        known = column[np.isfinite(column)]
        error = float(known.std(ddof=1)) if 2 * known.size > column.size else 0.0
        if not error > _DUST or not 0 < value < 1:
            intervals.append(None)
            continue
        middle, half = math.log(value / (1 - value)), reach * error / (value * (1 - value))
        low, high = (
            1 / (1 + math.exp(-min(max(x, -500.0), 500.0))) for x in (middle - half, middle + half)
        )
        intervals.append((low, high))
    return intervals


def _replicates(
    counts: npt.NDArray[np.int64], statistic: Statistic, seed: int, resamples: int = RESAMPLES
) -> Iterator[npt.NDArray[np.float64]]:
    generator = np.random.default_rng(seed)
    n = int(counts.sum())
    shares = counts / n
    batch = max(1, _BATCH_ELEMENTS // counts.size)
    for start in range(0, resamples, batch):
        size = min(batch, resamples - start)
        yield statistic(generator.multinomial(n, shares, size=size).astype(np.float64))


def _accelerations(
    weights: npt.NDArray[np.float64], statistic: Statistic
) -> npt.NDArray[np.float64]:
    """Return BCa's acceleration of each metric, from the jackknife over samples."""
    if weights.size > _MOST_JACKKNIFED:
        return np.zeros(statistic(weights[np.newaxis])[0].size)
    batch = max(1, _BATCH_ELEMENTS // weights.size)
    parts = []
    for start in range(0, weights.size, batch):
        one_less = np.repeat(weights[np.newaxis], min(batch, weights.size - start), axis=0)
        rows = np.arange(len(one_less))
        one_less[rows, start + rows] -= 1
        parts.append(statistic(one_less))
    without = np.concatenate(parts)
    share = weights[:, np.newaxis]
    differences = (share * without).sum(axis=0) / weights.sum() - without
    squares = (share * differences**2).sum(axis=0)
    cubes = (share * differences**3).sum(axis=0)
    accelerations: npt.NDArray[np.float64] = np.divide(
        cubes, 6 * squares**1.5, out=np.zeros_like(cubes), where=squares > 0
    )
    return accelerations


def _interval(
    replicates: npt.NDArray[np.float64], observed: float, acceleration: float, samples: int
) -> Optional[tuple[float, float]]:
    """Return the interval of one metric of `samples` samples.

    The levels are expanded as Hesterberg (2015), What Teachers Should Know About the Bootstrap,
    does for percentiles: few samples scatter less than what they are of, and their scatter itself
    is known by Student's factor only. At 20 samples BCa alone covers 0.87 to 0.91.
    """
    from scipy.stats import norm, t

    if not np.isfinite(replicates).all() or np.ptp(replicates) <= _DUST * np.abs(replicates).max():
        return None
    below = np.count_nonzero(replicates < observed) + np.count_nonzero(replicates == observed) / 2
    # At most one resample from the end: beyond the quantile is not known.
    share = min(max(below / replicates.size, 1 / replicates.size), 1 - 1 / replicates.size)
    bias = norm.ppf(share)
    ends: list[float] = []
    reach = float(t.ppf(0.975, samples - 1)) * math.sqrt(samples / (samples - 1))
    for end in (-reach, reach):
        z: Any = bias + end
        # Beyond the pole of the formula lies the end of the resamples.
        adjusted = norm.cdf(bias + z / max(1 - acceleration * z, _POLE))
        ends.append(float(np.quantile(replicates, adjusted)))
    return ends[0], ends[1]


class GroupSums:
    """For each group of samples, the sums of some features of theirs."""

    def __init__(self, n: int, features: int, seed: int) -> None:
        """Make room; `n` is the most samples there can be."""
        groups = max(1, min(n, _MOST_GROUPS, _MOST_ELEMENTS // features))
        self._sums = np.zeros((groups, features))
        self._used = np.zeros(groups, dtype=bool)
        self._single = groups >= n
        self._generator = np.random.default_rng(seed)
        self._next = 0

    def add(self, features: npt.NDArray[np.float64]) -> None:
        """Add samples: (k, features)."""
        k, groups = len(features), len(self._sums)
        if self._single:
            places = np.arange(self._next, self._next + k)
        else:
            places = self._generator.integers(0, groups, k)
        self._next += k
        np.add.at(self._sums, places, features)
        self._used[places] = True

    @property
    def sums(self) -> npt.NDArray[np.float64]:
        """The sums of the groups that hold a sample: (groups, features)."""
        sums: npt.NDArray[np.float64] = self._sums[self._used]
        return sums
