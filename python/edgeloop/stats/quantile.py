"""A quantile of dependent samples with its interval, or the reason why it has none."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from edgeloop.stats.dependence import FEWEST_BEYOND, as_series, effective_samples

Interval = tuple[float, float]
"""Low and high end, in the unit of the samples."""

CONFIDENCE = 0.95
"""Level of every interval that edgeloop prints."""

BATCHES = 10
"""Stretches of a series whose quantiles carry Student's interval.

Ten are long enough for their medians to be independent where single samples are not, and cost a
factor of 2.26 instead of 1.96.
"""

FEWEST_BATCHES = 3
"""Stretches, or samples, from which their scatter says something."""


NORMAL_FACTOR = 1.959963984540054
"""Two-sided 95 % factor of the normal distribution."""


@dataclass(frozen=True)
class QuantileEstimate:
    """A quantile with its interval; the unit is that of the samples."""

    p: float
    value: Optional[float]
    """None where the tail is out of reach: the largest sample seen would be a made-up p99."""
    low: Optional[float]
    high: Optional[float]
    """Both None where there is no interval."""
    n: int
    n_eff: float
    reason: Optional[str] = None
    """Why there is no interval; None where there is one."""
    factor: float = NORMAL_FACTOR
    """Half of the interval over the standard error: Student's factor, or the normal one."""

    @property
    def interval(self) -> Optional[Interval]:
        """Both ends, or None where either is missing."""
        return None if self.low is None or self.high is None else (self.low, self.high)


def quantile_interval(
    x: npt.ArrayLike, p: float, confidence: float = CONFIDENCE
) -> QuantileEstimate:
    """Return quantile `p` of `x` with its interval: how far chance in this one series reaches.

    `x`: one dimension, in the order of measurement. The wider of two intervals: a pair of order
    statistics of the effective samples, which assumes no distribution, and Student's t on the
    quantiles of ten stretches, which needs no estimate of the dependence. The first alone would be
    printed by just those runs that underestimate it. Raises ValueError as `effective_samples` does.
    """
    ordered = quantile_estimate(x, p, effective_samples(x, p), confidence)
    if ordered.value is None:
        return ordered
    batched = _batch_interval(as_series(x), p, ordered.value, confidence)
    if batched is None:
        return ordered
    low, high = batched
    if ordered.interval is not None and not _is_wider(batched, ordered.interval):
        return ordered
    factor = student_factor(min(BATCHES, ordered.n) - 1, confidence)
    return replace(ordered, low=low, high=high, reason=None, factor=factor)


def quantile_estimate(
    x: npt.ArrayLike, p: float, n_eff: float, confidence: float = CONFIDENCE
) -> QuantileEstimate:
    """Return quantile `p` of `x` by order statistics; `n_eff`: effective sample size."""
    samples = as_series(x)
    n = samples.size
    value, low, high = _values(samples, p, interval_ranks(n, p, n_eff, confidence))
    # Half of the samples lie on either side of a median: of few it is vague, not made up.
    kept = value if n >= _fewest(p) else None
    if low is not None and high is not None and kept is not None:
        return QuantileEstimate(p, kept, low, high, n, n_eff)
    return QuantileEstimate(p, kept, None, None, n, n_eff, _too_few(n, p, n_eff, confidence))


def student_factor(degrees_of_freedom: float, confidence: float = CONFIDENCE) -> float:
    """Return the two-sided factor of Student's t distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees_of_freedom, 0.5 + confidence / 2.0))


def _batch_interval(
    x: npt.NDArray[Any], p: float, value: float, confidence: float
) -> Optional[Interval]:
    """Return Student's interval on the logarithms of the quantiles of ten equal stretches.

    None with too few samples, or where a stretch has a quantile of 0.
    """
    count = min(BATCHES, x.size)
    if count < FEWEST_BATCHES or value <= 0.0:
        return None
    length = x.size // count
    batches = np.quantile(x[x.size - count * length :].reshape(count, length), p, axis=1)
    if batches.min() <= 0.0:
        return None
    scatter = float(np.std(np.log(batches), ddof=1))
    half = student_factor(count - 1, confidence) * scatter / math.sqrt(count)
    return value * math.exp(-half), value * math.exp(half)


def _is_wider(one: Interval, other: Interval) -> bool:
    return one[1] - one[0] > other[1] - other[0]


def interval_ranks(
    n: int, p: float, n_eff: Optional[float] = None, confidence: float = CONFIDENCE
) -> tuple[Optional[int], Optional[int]]:
    """Return the ranks, from 1, of the two of `n` order statistics that bracket quantile `p`.

    None for a bound that does not exist. With n_eff = n these are the ranks of
    scipy.stats.quantile_test: the largest l with P(X < l) <= alpha/2 and the smallest u with
    P(X >= u) <= alpha/2 for X ~ Bin(n, p). With fewer effective samples the binomial is continued
    to n_eff (incomplete beta function) and a rank r of n_eff becomes the outer end of the
    n / n_eff neighbours it stands for, so both tails lean to the safe side by half a cluster.
    """
    from scipy.special import bdtrik

    worth = float(n) if n_eff is None else min(float(n), n_eff)
    alpha = (1.0 - confidence) / 2.0
    stretch = n / worth
    low = high = None
    if (1.0 - p) ** worth <= alpha:
        low = math.floor(float(bdtrik(alpha, worth, p)) * stretch) + 1
    if p**worth <= alpha:
        # The tolerance keeps n * (n_eff / n) from rounding up past the last sample.
        high = math.ceil((float(bdtrik(1.0 - alpha, worth, p)) + 1.0) * stretch - 1e-6)
        high = min(high, n)
    return low, high


def samples_needed(p: float, confidence: float = CONFIDENCE) -> int:
    """Return the number of samples that order statistics need for quantile `p`.

    6 for the median, 250 for p90, 2500 for p99.
    """
    return max(_fewest(p), _independent_needed(p, confidence))


def _independent_needed(p: float, confidence: float = CONFIDENCE) -> int:
    """Return the effective samples that quantile `p` needs, however many samples there are.

    The smallest n with max(p, 1-p)^n <= alpha/2, which bounds it on both sides, 36 for p90 and
    368 for p99.
    """
    return math.ceil(math.log((1.0 - confidence) / 2.0) / math.log(max(p, 1.0 - p)))


def _fewest(p: float) -> int:
    """Return the samples, dependent or not, that put FEWEST_BEYOND beyond a tail quantile."""
    # The tolerance keeps 25 / (1 - 0.99) from rounding up past 2500.
    return 0 if p == 0.5 else math.ceil(FEWEST_BEYOND / min(p, 1.0 - p) - 1e-6)


def _values(
    x: npt.NDArray[Any], p: float, ranks: tuple[Optional[int], Optional[int]]
) -> tuple[float, Optional[float], Optional[float]]:
    """Return the sample quantile, interpolated, and the samples of two ranks, in one partition."""
    position = (x.size - 1) * p
    below = math.floor(position)
    above = min(below + 1, x.size - 1)
    wanted = {below, above, *(rank - 1 for rank in ranks if rank is not None)}
    ordered = np.partition(x, sorted(wanted))
    value = float(ordered[below])
    value += (position - below) * (float(ordered[above]) - value)
    low, high = (None if rank is None else float(ordered[rank - 1]) for rank in ranks)
    return value, low, high


def _too_few(n: int, p: float, n_eff: float, confidence: float) -> str:
    """Say how many samples are missing, counting what their dependence costs."""
    needed = _independent_needed(p, confidence)
    least = samples_needed(p, confidence)
    total = max(least, math.ceil(needed * n / n_eff))
    if total == least:
        return f"not enough samples (need {least})"
    return f"not enough samples (need about {total}, as neighbouring ones resemble each other)"
