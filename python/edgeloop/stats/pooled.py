"""A quantile of the samples of all processes together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeloop.stats.dependence import pooled_effective_samples
from edgeloop.stats.processes import FEWEST_PROCESSES, student_factor
from edgeloop.stats.quantile import CONFIDENCE, QuantileEstimate, quantile_estimate


def pooled_quantile(
    processes: Sequence[npt.NDArray[Any]], p: float, confidence: float = CONFIDENCE
) -> QuantileEstimate:
    """Return quantile `p` of all samples, one array in the order of measurement per process.

    Each process counts with its number of samples. The interval is that of the effective samples
    of all processes, and at least as wide on either side as the spread of the processes' own
    quantiles demands, where at least FEWEST_PROCESSES reach that far into the tail.
    """
    n_eff = pooled_effective_samples(processes, p)
    estimate = quantile_estimate(np.concatenate(list(processes)), p, n_eff, confidence)
    if estimate.interval is None or estimate.value is None:
        return estimate
    half = _spread_half_width(processes, p, estimate.value, confidence)
    low, high = estimate.interval
    return replace(
        estimate,
        low=min(low, estimate.value * math.exp(-half)),
        high=max(high, estimate.value * math.exp(half)),
    )


def _spread_half_width(
    processes: Sequence[npt.NDArray[Any]], p: float, value: float, confidence: float
) -> float:
    """Return the logarithmic half-width that differences between processes cause, 0 if unknown.

    To first order a pooled quantile moves with each process by the process's share w of the
    density there, so its variance is S^2 sum w^2, S the scatter of the processes' own quantiles.
    The shares of the samples beyond the quantile stand for w: a p99 that rests on the slowest two
    of ten processes is known as from two, not as from ten.
    """
    reaching = [x for x in processes if x.size * min(p, 1.0 - p) >= 1.0]
    own = np.array([float(np.quantile(x, p)) for x in reaching])
    if own.size < FEWEST_PROCESSES or own.min() <= 0.0:
        return 0.0
    beyond = np.array([np.count_nonzero(x > value if p >= 0.5 else x < value) for x in reaching])
    # With ties up to the largest sample nothing lies beyond: then all processes count alike.
    shares = beyond / beyond.sum() if beyond.any() else np.full(own.size, 1.0 / own.size)
    scatter = float(np.std(np.log(own), ddof=1))
    return student_factor(own.size - 1, confidence) * scatter * math.sqrt(np.sum(shares**2))
