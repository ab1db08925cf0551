"""The headline median of several processes: the process is the unit of repetition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np

from edgeloop.stats.quantile import CONFIDENCE, Interval, QuantileEstimate

FEWEST_PROCESSES = 3
"""Processes from which they say something about one another.

With two, Student's factor is 12.7 and the interval would be the whole headline.
"""


@dataclass(frozen=True)
class Headline:
    """The geometric mean of the process medians with both intervals; the unit is the samples'."""

    value: float
    interval: Optional[Interval]
    """The wider of the two below."""
    within: Optional[Interval]
    between: Optional[Interval]
    reason: Optional[str]
    within_reason: Optional[str]
    between_reason: Optional[str]

    @property
    def half_width(self) -> Optional[float]:
        """Half the width of the interval as a share of the value, None without an interval."""
        if self.interval is None or self.value <= 0.0:
            return None
        return (self.interval[1] - self.interval[0]) / (2.0 * self.value)


def headline(medians: Sequence[QuantileEstimate], confidence: float = CONFIDENCE) -> Headline:
    """Return the headline of the medians of processes, one estimate each.

    Raises ValueError when there is none, or an estimate without a value.
    """
    if not medians:
        raise ValueError("no process: give at least one median")
    values = [_value(median) for median in medians]
    lows = [median.interval[0] for median in medians if median.interval is not None]
    if min(values + lows) <= 0.0:
        coarse = "samples around the median took 0 ns: the timer is too coarse"
        return Headline(float(np.median(values)), None, None, None, coarse, coarse, coarse)
    value = math.exp(math.fsum(math.log(v) for v in values) / len(values))
    within = combined_interval(medians)
    between = across_interval(values, confidence)
    within_reason = next((m.reason for m in medians if m.interval is None), None)
    between_reason = None if between else _too_few_processes(len(values))
    wider = max((i for i in (within, between) if i), key=log_width, default=None)
    reason = None if wider else "; ".join(r for r in (within_reason, between_reason) if r)
    return Headline(value, wider, within, between, reason, within_reason, between_reason)


def across_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Optional[Interval]:
    """Return Student's interval of the geometric mean of the processes' values.

    None below FEWEST_PROCESSES. Values are positive.
    """
    count = len(values)
    if count < FEWEST_PROCESSES:
        return None
    logs = np.log(values)
    half = student_factor(count - 1, confidence) * float(np.std(logs, ddof=1)) / math.sqrt(count)
    centre = float(logs.mean())
    return math.exp(centre - half), math.exp(centre + half)


def combined_interval(medians: Sequence[QuantileEstimate]) -> Optional[Interval]:
    """Return the interval of the geometric mean that the scatter within processes alone gives.

    The logarithmic half-widths add in quadrature, low and high side apart, over the number of
    processes. None where a process has no interval.
    """
    logs = []
    for median in medians:
        if median.interval is None:
            return None
        low, high = median.interval
        logs.append((math.log(low), math.log(_value(median)), math.log(high)))
    bounds = np.array(logs)
    centre = float(bounds[:, 1].mean())
    below, above = np.sqrt(np.square(np.diff(bounds, axis=1)).sum(axis=0)) / len(logs)
    return math.exp(centre - below), math.exp(centre + above)


def student_factor(degrees_of_freedom: float, confidence: float = CONFIDENCE) -> float:
    """Return the two-sided factor of Student's t distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees_of_freedom, 0.5 + confidence / 2.0))


def log_width(interval: Interval) -> float:
    """Return how wide a positive interval is on the logarithmic scale."""
    return math.log(interval[1] / interval[0]) if interval[0] > 0.0 else math.inf


def _value(estimate: QuantileEstimate) -> float:
    if estimate.value is None:
        raise ValueError(f"quantile {estimate.p} has no value: {estimate.reason}")
    return estimate.value


def _too_few_processes(count: int) -> str:
    have = "one process" if count == 1 else f"{count} processes"
    return f"not enough processes (need {FEWEST_PROCESSES}, have {have})"
