"""The Hodges-Lehmann estimate: a location that no single odd pair can move."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from edgeloop.stats.quantile import Interval

MOST_EXACT = 50
"""Pairs up to which the signed-rank distribution is counted; beyond, it is normal to 0.1 %."""


def pseudo_median(differences: npt.NDArray[Any]) -> float:
    """Return the median of the averages (d_i + d_j) / 2 over i <= j."""
    return float(np.median(_walsh_averages(differences)))


def pseudo_median_interval(differences: npt.NDArray[Any], confidence: float) -> Optional[Interval]:
    """Return the interval that Wilcoxon's signed-rank test does not reject.

    Order statistics of the Walsh averages (Hollander and Wolfe, Nonparametric Statistical
    Methods, 3.3). None where even the extremes cover less, as with five pairs at 95 %.
    """
    averages = np.sort(_walsh_averages(differences))
    rank = _lower_rank(differences.size, (1.0 - confidence) / 2.0)
    if rank < 1:
        return None
    return float(averages[rank - 1]), float(averages[-rank])


def shift(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    """Return the median of all differences b_j - a_i of two unpaired groups."""
    return float(np.median(b[:, None] - a[None, :]))


def _walsh_averages(d: npt.NDArray[Any]) -> npt.NDArray[Any]:
    rows, columns = np.triu_indices(d.size)
    return np.asarray((d[rows] + d[columns]) / 2.0)


@lru_cache(maxsize=256)
def _lower_rank(count: int, alpha: float) -> int:
    """Return the largest r with P(T+ < r) <= alpha for the signed-rank sum T+ of `count` pairs."""
    if count > MOST_EXACT:
        from scipy.special import ndtri

        deviation = math.sqrt(count * (count + 1) * (2 * count + 1) / 24.0)
        # Half a step: the normal curve stands in for a distribution on whole numbers.
        return math.floor(count * (count + 1) / 4.0 + float(ndtri(alpha)) * deviation + 0.5)
    ways = np.zeros(count * (count + 1) // 2 + 1)
    ways[0] = 1.0
    for rank in range(1, count + 1):
        ways[rank:] += ways[:-rank].copy()
    return int(np.searchsorted(np.cumsum(ways) / 2.0**count, alpha, side="right"))
