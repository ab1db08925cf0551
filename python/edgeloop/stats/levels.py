"""The levels of a series of times of fixed work, and which of them are slow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeloop.stats.steady import MOST_CORRELATION, SHORTEST_SEGMENT, merged, partition

SLOW = 0.03
"""A level is slow where it is this much above the fastest one (method 2.7)."""

MOST_VALUES = 1000
"""Values that enter the search, whose cost grows with the square; more are joined by medians."""

# Price of a level in units of ln(values) and of the noise variance: with 8 at most 5 % of the
# blocks of series that hold are slow, and steps of 5 % are found (benchmarks/throttle_labels.py).
_PRICE = 8.0

# Relative noise assumed at least: a probe on an idle core repeats to a few 0.01 %.
_LEAST_NOISE = 0.001

# From this many values on their correlation can be told apart from a step.
_FEWEST_FOR_CORRELATION = 20

# Mean absolute deviation from a normal neighbour over the standard deviation: 2 / sqrt(pi).
_MEAN_DIFFERENCE = 2.0 / math.sqrt(math.pi)


def slowness(times: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return by what share the level at each time is above the fastest level, 0 at the fastest.

    Levels are found by change points, so a value that stands alone is noise, whatever it is, and
    the reference, which is the level of at least three values in a row, does not move with their
    number, as the fastest value ever seen does. `times` are in order and positive.
    """
    values = np.asarray(times, dtype=np.float64)
    if values.size < 2 * SHORTEST_SEGMENT:
        return np.zeros(values.size)
    group = math.ceil(values.size / MOST_VALUES)
    logs = np.log([np.median(values[i : i + group]) for i in range(0, values.size, group)])
    price = _PRICE * math.log(logs.size)
    starts = partition((logs - np.median(logs)) / _noise(logs), price, SHORTEST_SEGMENT)
    segments = merged(values, [start * group for start in starts], SLOW)
    fastest = min(segment.median for segment in segments)
    lengths = [segment.stop - segment.start for segment in segments]
    return np.repeat([segment.median / fastest - 1.0 for segment in segments], lengths)


def _noise(logs: npt.NDArray[Any]) -> float:
    """Return the standard deviation of the noise, as far as it adds up over neighbours.

    From the mean difference of neighbours, not its median as in `steady`: probes jump between two
    values, and the median of such differences is 0. The largest are left out, for steps.
    """
    steps = 1 if logs.size < _FEWEST_FOR_CORRELATION else SHORTEST_SEGMENT
    (one, kept_of_one), (two, kept_of_two) = (_mean_difference(logs, lag, steps) for lag in (1, 2))
    rho = 0.0
    if logs.size >= _FEWEST_FOR_CORRELATION and one > 0.0:
        # The difference over two values is larger only where neighbours resemble each other. More
        # of them are left out, which must not hide it; by chance it shows to about 2 / sqrt(n).
        ratio = two / one * _trimmed_mean(kept_of_one) / _trimmed_mean(kept_of_two)
        rho = ratio**2 - 1.0 - 2.0 / math.sqrt(logs.size)
        rho = min(max(0.0, rho), MOST_CORRELATION)
    return max(_LEAST_NOISE, one / (1.0 - rho) * math.sqrt(1.0 + rho))


def _mean_difference(logs: npt.NDArray[Any], lag: int, steps: int) -> tuple[float, float]:
    """Return the deviation that differences over `lag` show, and the share of them it rests on.

    A step is in `lag` of them.
    """
    differences = np.sort(np.abs(logs[lag:] - logs[:-lag]))
    kept = differences[: max(1, differences.size - lag * steps)]
    return float(kept.mean()) / _MEAN_DIFFERENCE, kept.size / differences.size


def _trimmed_mean(kept: float) -> float:
    """Return the mean of that share of the smallest |x|, x normal, over the mean of all."""
    if kept >= 1.0:
        return 1.0
    largest = NormalDist().inv_cdf((1.0 + kept) / 2.0)
    return (1.0 - math.exp(-(largest**2) / 2.0)) / kept
