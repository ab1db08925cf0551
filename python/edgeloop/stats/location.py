"""The mean of paired differences with its error, where pairs come from one or several sessions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from edgeloop.stats.processes import FEWEST_PROCESSES, student_factor
from edgeloop.stats.quantile import CONFIDENCE, Interval

FEWEST_PAIRS = 3
"""Pairs below which Student's interval says nothing: its factor is 12.7 for two."""

PAIRS = "pairs"
PROCESSES = "processes"


@dataclass(frozen=True)
class Location:
    """A mean and the standard error that the wider of its two intervals rests on."""

    centre: float
    standard_error: float
    degrees_of_freedom: float
    count: int
    unit: str
    """What `count` counts and more of would narrow the interval: PAIRS or PROCESSES."""

    def half_width(self, confidence: float = CONFIDENCE) -> float:
        """Return half the width of Student's interval."""
        return student_factor(self.degrees_of_freedom, confidence) * self.standard_error

    def interval(self, confidence: float = CONFIDENCE) -> Interval:
        """Return Student's interval."""
        half = self.half_width(confidence)
        return self.centre - half, self.centre + half

    def p_value(self) -> float:
        """Return the two-sided p value of Student's test that the mean is 0."""
        from scipy.special import stdtr

        if self.standard_error == 0.0:
            return 1.0 if self.centre == 0.0 else 0.0
        t = abs(self.centre) / self.standard_error
        return float(2.0 * stdtr(self.degrees_of_freedom, -t))


def location(
    values: npt.NDArray[Any], sessions: Optional[Sequence[int]] = None
) -> Optional[Location]:
    """Return the location of `values`, or None where there are too few for an error.

    `sessions`: for each value the processes it was measured in, None for all in the same. With
    FEWEST_PROCESSES sessions or more, the error is also taken from the means of the sessions and
    the wider interval counts: pairs of one session share the luck of its processes, such as where
    their memory lies, and no number of them averages that out.
    """
    groups = by_session(values, sessions)
    found = [one for one in (_within(groups), _between(groups)) if one is not None]
    return max(found, key=Location.half_width, default=None)


def by_session(
    values: npt.NDArray[Any], sessions: Optional[Sequence[int]]
) -> list[npt.NDArray[Any]]:
    """Return the values of each session; ValueError where not every value has one."""
    labels = np.zeros(values.size, dtype=int) if sessions is None else np.asarray(sessions)
    if labels.shape != values.shape:
        raise ValueError(f"{labels.size} sessions for {values.size} pairs: need one for each")
    return [values[labels == label] for label in np.unique(labels)]


def _within(groups: Sequence[npt.NDArray[Any]]) -> Optional[Location]:
    """Return the mean of the group means, its error from the scatter in the groups."""
    count = sum(group.size for group in groups)
    freedom = count - len(groups)
    if count < FEWEST_PAIRS or freedom < 1:
        return None
    squares = sum(float(np.sum(np.square(group - group.mean()))) for group in groups)
    inverse_sizes = sum(1.0 / group.size for group in groups)
    error = math.sqrt(squares / freedom * inverse_sizes) / len(groups)
    centre = float(np.mean([group.mean() for group in groups]))
    return Location(centre, error, freedom, count, PAIRS)


def _between(groups: Sequence[npt.NDArray[Any]]) -> Optional[Location]:
    """Return the mean of the group means, its error from their own scatter."""
    count = len(groups)
    if count < FEWEST_PROCESSES:
        return None
    means = np.array([group.mean() for group in groups])
    error = float(np.std(means, ddof=1)) / math.sqrt(count)
    return Location(float(means.mean()), error, count - 1, count, PROCESSES)


def welch(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> Optional[Location]:
    """Return the difference of the means of two unpaired groups, b minus a (Welch 1947)."""
    if min(a.size, b.size) < FEWEST_PROCESSES:
        return None
    variances = [float(np.var(group, ddof=1)) / group.size for group in (a, b)]
    total = sum(variances)
    freedom = float(a.size + b.size - 2)
    if total > 0.0:
        parts = zip(variances, (a.size, b.size))
        freedom = total**2 / sum(v**2 / (size - 1) for v, size in parts)
    centre = float(b.mean() - a.mean())
    return Location(centre, math.sqrt(total), freedom, min(a.size, b.size), PROCESSES)
