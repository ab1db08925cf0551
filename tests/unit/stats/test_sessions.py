"""The median over sessions."""

from __future__ import annotations

import numpy as np
import pytest

from edgeloop.stats.sessions import APART_S, RunMedian, between_sessions


def test_runs_back_to_back_are_one_session() -> None:
    runs = [RunMedian(60.0 * minute, 1e6) for minute in range(5)]
    found = between_sessions(runs)
    assert (found.runs, found.sessions, found.interval) == (5, 1, None)
    assert found.reason is not None
    assert "need 3" in found.reason
    spaced = between_sessions([*runs, RunMedian(APART_S, 2e6), RunMedian(2 * APART_S, 4e6)])
    assert (spaced.runs, spaced.sessions) == (7, 3)
    assert spaced.median_ns == pytest.approx(2e6)
    assert (spaced.least_ns, spaced.most_ns, spaced.span_s) == (1e6, 4e6, 2 * APART_S)


def test_the_order_does_not_matter() -> None:
    runs = [RunMedian(1000.0 * k, 1e6 + k) for k in range(4)]
    assert between_sessions(runs[::-1]) == between_sessions(runs)


def test_the_interval_covers_where_each_session_has_its_own_mood() -> None:
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(1000):
        mood = np.exp(0.05 * rng.standard_normal(5))
        # Four runs in each session, which are no news of the long run.
        runs = [
            RunMedian(1000.0 * session + 60.0 * k, 1e6 * mood[session] * rng.uniform(0.999, 1.001))
            for session in range(5)
            for k in range(4)
        ]
        interval = between_sessions(runs).interval
        assert interval is not None
        covered.append(interval[0] <= 1e6 <= interval[1])
    # Three standard errors of 0.95 over 1000 repeats are 0.02.
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)


def test_nothing_and_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        between_sessions([])
    with pytest.raises(ValueError, match="positive"):
        between_sessions([RunMedian(0.0, 0.0)])
