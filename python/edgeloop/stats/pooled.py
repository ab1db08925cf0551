"""A tail quantile of the samples of all processes together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeloop.stats.dependence import pooled_effective_samples
from edgeloop.stats.quantile import (
    CONFIDENCE,
    QuantileEstimate,
    quantile_estimate,
    quantile_interval,
    student_factor,
)

FEWEST_FOR_A_TAIL = 5
"""Processes from which a tail has an interval over processes.

The tail rests on the slowest of them; with three, Student's factor of 4.3 on their spread is an
interval from a hundredth to a hundred times the value.
"""


def pooled_quantile(
    processes: Sequence[npt.NDArray[Any]], p: float, confidence: float = CONFIDENCE
) -> QuantileEstimate:
    """Return quantile `p` of all samples, one array in the order of measurement per process.

    Each process counts with its number of samples. The interval is that of the effective samples
    of all processes, and at least as wide on either side as the spread of the processes' own
    quantiles demands; none below FEWEST_FOR_A_TAIL processes.
    """
    estimate = within_quantile(processes, p, confidence)
    if estimate.value is None:
        return estimate
    if len(processes) < FEWEST_FOR_A_TAIL:
        have = "one" if len(processes) == 1 else str(len(processes))
        reason = f"not enough processes for a tail (need {FEWEST_FOR_A_TAIL}, have {have})"
        return replace(estimate, low=None, high=None, reason=reason)
    half = _spread_half_width(processes, p, estimate.value, confidence)
    low, high = estimate.interval or (estimate.value, estimate.value)
    return replace(
        estimate,
        low=min(low, estimate.value * math.exp(-half)),
        high=max(high, estimate.value * math.exp(half)),
        reason=None,
    )


def within_quantile(
    processes: Sequence[npt.NDArray[Any]], p: float, confidence: float = CONFIDENCE
) -> QuantileEstimate:
    """Return quantile `p` of all samples with the interval of the scatter within processes."""
    if len(processes) == 1:
        return quantile_interval(processes[0], p, confidence)
    n_eff = pooled_effective_samples(processes, p)
    return quantile_estimate(np.concatenate(list(processes)), p, n_eff, confidence)


def clipped(estimate: QuantileEstimate, low: float, high: float) -> QuantileEstimate:
    """Return an estimate whose interval does not reach beyond what is known of the samples.

    `low` and `high` bound it, as the smallest sample and the median's lower end bound a p90. The
    value itself stays inside.
    """
    if estimate.low is None or estimate.high is None or estimate.value is None:
        return estimate
    return replace(
        estimate,
        low=min(estimate.value, max(estimate.low, low)),
        high=max(estimate.value, min(estimate.high, high)),
    )


def _spread_half_width(
    processes: Sequence[npt.NDArray[Any]], p: float, value: float, confidence: float
) -> float:
    """Return the logarithmic half-width that differences between processes cause.

    To first order a pooled quantile moves with each process by the process's share w of the
    density there, so its variance is S^2 sum w^2, S the scatter of the processes' own quantiles.
    The shares of the samples beyond the quantile stand for w: a p99 that rests on the slowest two
    of twelve processes is known as from two, not as from twelve.
    """
    own = np.array([float(np.quantile(x, p)) for x in processes])
    if own.min() <= 0.0:
        return 0.0
    beyond = np.array([np.count_nonzero(x > value if p >= 0.5 else x < value) for x in processes])
    # With ties up to the largest sample nothing lies beyond: then all processes count alike.
    shares = beyond / beyond.sum() if beyond.any() else np.full(own.size, 1.0 / own.size)
    scatter = float(np.std(np.log(own), ddof=1))
    return student_factor(own.size - 1, confidence) * scatter * math.sqrt(np.sum(shares**2))
