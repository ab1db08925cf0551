"""The effective sample size of a dependent series."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

FEWEST_BEYOND = 25
"""Samples beyond a tail quantile below which the tail is not given: 250 for p90, 2500 for p99.

The tail rests on them, and under bursts on the few separate bursts that they form. Of so few,
neither the dependence nor the number of their clusters (Ferro and Segers 2003, Inference for
clusters of extreme values) can be known, and a threshold on such an estimate picks just the runs
that happened to see no burst: of 1000 bursty samples one run in seven then prints a p99, and 0.83
of those cover. The number of samples is not an estimate, so a threshold on it picks nothing.
With 20 a p99 still covers 0.84 where ten runs in 2000 are slow together (simulated).
"""

FEWEST_EXCEEDANCES = 50
"""Samples beyond a quantile below which their own clustering cannot be judged.

Ten exceedances in bursts of five are two bursts. Of 1000 samples with correlation 0.9 a third then
look independent enough for a p99, and just those intervals cover in 80 % instead of 95 %.
"""

LONGEST_SERIES = 1 << 17
"""Points that enter one Fourier transform; a longer series is averaged over equal groups first.

Means of groups keep the long-run variance (times the group length), so no lag is cut off, and a
pair of transforms takes 5 ms and 8 MB on a desktop, whatever the number of samples.
"""

LEAST_MEAN_CORRECTION = 0.1
"""Floor of the factor that undoes the bias from subtracting the sample mean.

Reached only when the correlation outlasts the series; the result is then a handful of samples
and no interval is printed, so its exact value does not matter.
"""


def effective_samples(x: npt.ArrayLike, p: float) -> float:
    """Return the number of independent samples that locate quantile `p` as well as `x` does.

    At most len(x). The order of `x` is the order of measurement. Ties and integer data are fine.
    Raises ValueError on an empty or not one-dimensional `x` and on `p` outside (0, 1).

    n_eff = n gamma_0 / sigma^2 with sigma^2 the long-run variance of the indicator x <= q_p,
    summed by Geyer's initial positive sequence (Geyer 1992, Practical Markov chain Monte Carlo).
    """
    return pooled_effective_samples([x], p)


def pooled_effective_samples(series: Sequence[npt.ArrayLike], p: float) -> float:
    """Return the effective samples of several independent series, one per process, for `p`.

    Each series is cut at its own quantile, so that a shift between processes is not mistaken for
    dependence within one; the autocovariances are pooled, because a series of 100 samples alone
    says nothing about its p99.
    """
    arrays = [as_series(x) for x in series]
    if not arrays:
        raise ValueError("no series: give at least one")
    if not 0.0 < p < 1.0:
        raise ValueError(f"p = {p}: a quantile lies between 0 and 1, both excluded")
    total = sum(x.size for x in arrays)
    return total / max(_variance_inflation(arrays, level) for level in _levels(total, p))


def as_series(x: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return `x` as a one-dimensional, not empty array, or raise ValueError."""
    array = np.asarray(x)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"samples of shape {array.shape}: need one dimension and at least one")
    return array


def _levels(total: int, p: float) -> list[float]:
    """Return `p` and, for a tail, the levels around it whose dependence counts too.

    Half of the exceedances, where those are enough: under bursts the quiet samples beyond p90
    hide how the others cluster. 2, 4, 8... times as many, where the tail is thin. The strongest
    dependence found at any level counts.
    """
    levels = [p]
    tail = min(p, 1.0 - p)
    if tail < 0.5 and round(total * tail / 2.0, 6) >= FEWEST_BEYOND:
        levels.append(_level(p, tail / 2.0))
    while total * tail < FEWEST_EXCEEDANCES and tail < 0.5:
        tail = min(2.0 * tail, 0.5)
        levels.append(_level(p, tail))
    return levels


def _level(p: float, tail: float) -> float:
    """Return the level on the side of `p` with the share `tail` beyond it."""
    return tail if p < 0.5 else 1.0 - tail


def _variance_inflation(arrays: Sequence[npt.NDArray[Any]], level: float) -> float:
    """Return sigma^2 / gamma_0 of the indicator series at `level`, at least 1."""
    group = math.ceil(max(x.size for x in arrays) / LONGEST_SERIES)
    longest = max(x.size // group for x in arrays)
    size = 1 << (2 * longest - 1).bit_length()
    power = np.zeros(size // 2 + 1)
    variance = 0.0
    points = 0
    for x in arrays:
        indicator, spread = _indicator(x, level, group)
        variance += spread
        points += indicator.size
        transform = np.fft.rfft(indicator - indicator.mean(), size) if indicator.size else 0.0
        power += np.abs(transform) ** 2
    if variance <= 0.0 or longest < 2:
        return 1.0
    autocovariance = np.fft.irfft(power, size)[:longest] / points
    long_run = group * _long_run_variance(autocovariance, points / len(arrays))
    return max(1.0, long_run * sum(x.size for x in arrays) / variance)


def _indicator(x: npt.NDArray[Any], level: float, group: int) -> tuple[npt.NDArray[Any], float]:
    """Return the group means of the indicator x <= q and n times the variance of the indicator.

    Samples tied with the quantile count in the part that makes the mean exactly `level`: with a
    coarse clock half of all samples may be tied there.
    """
    rank = max(0, math.ceil(level * x.size - 1e-9) - 1)
    quantile = np.partition(x, rank)[rank]
    below = x < quantile
    tied = x == quantile
    n_below = int(np.count_nonzero(below))
    n_tied = int(np.count_nonzero(tied))
    part = (level * x.size - n_below) / n_tied
    used = x.size // group * group
    mean = np.add.reduce(below[:used].reshape(-1, group), axis=1, dtype=np.float64)
    mean += part * np.add.reduce(tied[:used].reshape(-1, group), axis=1, dtype=np.float64)
    return mean / group, n_below + part**2 * n_tied - x.size * level**2


def _long_run_variance(autocovariance: npt.NDArray[Any], length: float) -> float:
    """Return gamma_0 + 2 sum gamma_k, cut where a pair of lags first sums to nothing positive.

    `length` is the mean number of points per series. Subtracting a sample mean lowers every
    autocovariance by sigma^2 / length; with 4 T - 1 lags summed that is undone by the division.
    """
    even = autocovariance.size // 2 * 2
    pairs = autocovariance[:even:2] + autocovariance[1:even:2]
    ends = np.flatnonzero(pairs <= 0.0)
    kept = int(ends[0]) if ends.size else pairs.size
    variance = 2.0 * float(pairs[:kept].sum()) - float(autocovariance[0])
    if kept <= 1:  # the first pair alone is the independent case: nothing to undo
        return variance
    return variance / max(LEAST_MEAN_CORRECTION, 1.0 - (4 * kept - 1) / length)
