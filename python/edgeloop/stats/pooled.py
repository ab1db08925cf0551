"""A quantile of the samples of all processes together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeloop.stats.dependence import pooled_effective_samples
from edgeloop.stats.processes import across_half_width
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
    return _widened(estimate, _own_quantiles(processes, p), confidence)


def _own_quantiles(processes: Sequence[npt.NDArray[Any]], p: float) -> list[float]:
    """Return the quantile of each process that has at least one sample expected beyond it."""
    reaching = [x for x in processes if x.size * min(p, 1.0 - p) >= 1.0]
    return [float(np.quantile(x, p)) for x in reaching]


def _widened(
    estimate: QuantileEstimate, own: Sequence[float], confidence: float
) -> QuantileEstimate:
    """Return the estimate with an interval that also spans the spread between processes."""
    if estimate.interval is None or estimate.value is None or min(own, default=0.0) <= 0.0:
        return estimate
    half = across_half_width(own, confidence)
    if half is None:
        return estimate
    low, high = estimate.interval
    return replace(
        estimate,
        low=min(low, estimate.value * math.exp(-half)),
        high=max(high, estimate.value * math.exp(half)),
    )
