"""What more runs or more processes would buy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np

from edgeloop.stats.processes import FEWEST_PROCESSES, log_width
from edgeloop.stats.quantile import QuantileEstimate, student_factor

MATTERS = 0.25
"""Share of the variance below which a level is not worth more repetitions.

Doubling what carries a quarter narrows an interval by 6 % at most.
"""


@dataclass(frozen=True)
class VarianceComponents:
    """Variances of the logarithm of a process median, that is of relative differences."""

    within: float
    """From the scatter of the samples in a process; halves with twice the runs."""
    between: float
    """From process to process; no number of runs lowers it."""
    processes: int

    @property
    def between_share(self) -> float:
        """Share of the variance that lies between processes, 0 to 1."""
        total = self.within + self.between
        return self.between / total if total > 0.0 else 0.0

    def half_width(self, more_processes: float = 1.0, more_runs: float = 1.0) -> float:
        """Return the relative half-width to expect with that many times as much of either."""
        count = self.processes * more_processes
        variance = (self.between + self.within / more_runs) / count
        return student_factor(count - 1.0) * math.sqrt(variance)


def variance_components(medians: Sequence[QuantileEstimate]) -> Optional[VarianceComponents]:
    """Split the variance of process medians, or None with fewer than FEWEST_PROCESSES intervals.

    Two levels of Kalibera and Jones (2013), T_2^2 = S_2^2 - S_1^2 / r_1, on logarithms: S_2^2 is
    the variance of the medians and S_1^2 / r_1 the squared standard error of a median, read from
    its interval (half-width over its factor). Intervals err on the wide side, on a busy machine by
    ten times: what the medians do not show is not within either, so the parts add up to S_2^2.
    """
    values = []
    errors = []
    for median in medians:
        if median.value and median.interval is not None and median.interval[0] > 0.0:
            values.append(math.log(median.value))
            errors.append(log_width(median.interval) / (2.0 * median.factor))
    if len(values) < FEWEST_PROCESSES:
        return None
    observed = float(np.var(values, ddof=1))
    within = min(float(np.mean(np.square(errors))), observed)
    return VarianceComponents(within, observed - within, len(values))


def advice(medians: Sequence[QuantileEstimate]) -> str:
    """Say in one sentence what more runs or more processes would buy."""
    parts = variance_components(medians)
    if parts is None:
        if len(medians) < FEWEST_PROCESSES:
            return f"run at least {FEWEST_PROCESSES} processes to see how much they differ"
        return "give each process more runs: too few of them have an interval of their own"
    now = parts.half_width()
    runs = f"twice the runs give ±{_percent(parts.half_width(more_runs=2))}"
    processes = f"twice the processes ±{_percent(parts.half_width(more_processes=2))}"
    share = f"{100 * parts.between_share:.0f} % of the variance lies between processes"
    figures = f"{share}; now ±{_percent(now)}, {runs}, {processes}"
    if parts.between_share >= 1.0 - MATTERS:
        return f"more processes would help, more runs would not ({figures})"
    if parts.between_share <= MATTERS:
        return f"more runs would help as much as more processes ({figures})"
    return f"more processes would help, more runs a little ({figures})"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
