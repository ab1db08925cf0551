"""The same configuration at several times of day: what one run cannot see of its own luck."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from edgeloop.stats.processes import across_interval
from edgeloop.stats.quantile import Interval

FEWEST_SESSIONS = 3
"""With two, Student's factor is 12.7 and the interval says nothing."""

APART_S = 300.0
"""Runs that begin within so long share the mood of the machine and count as one session."""


@dataclass(frozen=True)
class RunMedian:
    """The headline of one run."""

    begun_s: float
    """Seconds since the epoch."""
    median_ns: float


@dataclass(frozen=True)
class BetweenSessions:
    """What the runs of several sessions say together; times in ns."""

    runs: int
    sessions: int
    span_s: float
    """From the first run's begin to the last one's."""
    median_ns: float
    """Geometric mean of the sessions."""
    interval: Optional[Interval]
    """Student's, of the logarithms of the sessions; None below FEWEST_SESSIONS."""
    least_ns: float
    most_ns: float
    """Of all runs."""

    @property
    def reason(self) -> Optional[str]:
        """Why there is no interval."""
        if self.interval is not None:
            return None
        return (
            f"not enough sessions (need {FEWEST_SESSIONS} that are {APART_S / 60:.0f} min apart, "
            f"have {self.sessions})"
        )


def between_sessions(runs: Sequence[RunMedian]) -> BetweenSessions:
    """Return the median over sessions with its interval.

    Runs that begin within APART_S of the first of them are one session, by their geometric mean:
    back to back they differ less than the machine does over an hour. Raises ValueError without runs
    or where a median is not positive.
    """
    if not runs or min(run.median_ns for run in runs) <= 0.0:
        raise ValueError("sessions need positive medians, one at least")
    ordered = sorted(runs, key=lambda run: run.begun_s)
    sessions: list[list[RunMedian]] = []
    for run in ordered:
        if not sessions or run.begun_s - sessions[-1][0].begun_s >= APART_S:
            sessions.append([])
        sessions[-1].append(run)
    values = [_mean([run.median_ns for run in session]) for session in sessions]
    every = [run.median_ns for run in ordered]
    return BetweenSessions(
        runs=len(runs),
        sessions=len(sessions),
        span_s=ordered[-1].begun_s - ordered[0].begun_s,
        median_ns=_mean(values),
        interval=across_interval(values) if len(values) >= FEWEST_SESSIONS else None,
        least_ns=min(every),
        most_ns=max(every),
    )


def _mean(values: Sequence[float]) -> float:
    """Return the geometric mean."""
    return math.exp(math.fsum(math.log(value) for value in values) / len(values))
