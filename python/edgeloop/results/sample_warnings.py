"""What the samples of a result warn of: too few, too alike, not settled, not resolved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from edgeloop.results.figures import duration
from edgeloop.stats.processes import FEWEST_PROCESSES
from edgeloop.stats.steady import DRIFT, FLAT, SLOW_DOWN, WARM_UP
from edgeloop.stats.stopping import TAIL_RESOLUTIONS

SAMPLE_CODES = frozenset({
    "no-interval", "few-samples", "dependent-samples", "drift", "not-steady", "timer-coarse",
    "one-process",
})  # fmt: skip
"""Warnings of how well one result is known by itself."""

# The warning begins where the interval is this many times as wide as that of independent runs, ...
_WIDENED = 3.0

# ... where it is wider than the difference that matters.
_NARROW = 0.01

# Times of a few µs in steps of one have no digits left.
_COARSE_TICK_NS = 1000


def warning(code: str, text: str, fix: Optional[str] = None) -> dict[str, Any]:
    """Return one warning of a result."""
    return {"code": code, "text": text, "fix": fix}


def sample_warnings(
    headline: Mapping[str, Any], clock: Mapping[str, Any]
) -> Sequence[dict[str, Any]]:
    """Return what the figures of the headline loop warn of; `clock` is that of the header."""
    return [
        *_no_interval(headline),
        *_few_samples(headline),
        *_dependence(headline),
        *_steadiness(headline),
        *_coarse_timer(headline, clock),
    ]


def _no_interval(headline: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    # Of too few processes another warning speaks.
    if headline["median_ci95_ns"] is not None or headline["processes"] < FEWEST_PROCESSES:
        return []
    return [warning(
        "no-interval",
        f"the median has no interval: {headline.get('median_ci95_ns_reason', 'unknown')}",
        "measure several processes: --processes 5, or --effort without --runs",
    )]  # fmt: skip


def _few_samples(headline: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """Warn of percentiles whose tail the samples do not reach."""
    missing = {
        name: estimate["reason"]
        for name, estimate in headline["percentiles"].items()
        if estimate["n"] and estimate["value_ns"] is None and name != "50"
    }
    if not missing:
        return []
    names = " and ".join(f"p{name}" for name in missing)
    return [warning(
        "few-samples",
        f"too few samples for the tail: {names} cannot be given with an interval "
        f"({next(iter(missing.values()))})",
        "measure longer (--budget, --effort rigorous), or ask for lower --percentiles",
    )]  # fmt: skip


def _dependence(headline: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """Warn where runs that resemble their neighbours leave the interval wide."""
    n, n_eff, interval = headline["n"], headline["n_eff"], headline["median_ci95_within_ns"]
    widened = math.sqrt(n / n_eff) if n_eff else 1.0
    narrow = interval is not None and interval[1] - interval[0] <= 2 * _NARROW * interval[0]
    if widened < _WIDENED or narrow:
        return []
    return [warning(
        "dependent-samples",
        f"neighbouring runs resemble each other, so the interval is {widened:.0f} times as wide as "
        "if they were independent; slow stretches come and go, as with other programs or a "
        "changing clock",
        "stop other programs and fix the clock (see `edgeloop doctor`); else more processes help "
        "more than more runs",
    )]  # fmt: skip


def _steadiness(headline: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    state = headline["steady_state"]
    if state in (None, FLAT, WARM_UP):
        return []
    said = next((s["reason"] for s in headline["steady_states"] if s["kind"] == state), None)
    return [warning(
        "drift" if state in (DRIFT, SLOW_DOWN) else "not-steady",
        f"the latency did not settle ({state}): {said}; the headline holds for this run, not for "
        "the next",
        "let it run longer first (--budget, --regime sustained), close other programs, and see "
        "`edgeloop doctor` for what moves the clock",
    )]  # fmt: skip


def _coarse_timer(
    headline: Mapping[str, Any], clock: Mapping[str, Any]
) -> Sequence[dict[str, Any]]:
    """Warn where single runs are not resolved, or where the clock itself is coarse."""
    fix = (
        "put more work into a run (--batch-size), or give the kernel a finer clock source "
        "(see `edgeloop doctor`)"
    )
    reading = f"tick {clock['tick_ns']} ns, a read {clock['read_ns']:.0f} ns"
    if clock["tick_ns"] >= _COARSE_TICK_NS:
        return [warning(
            "timer-coarse",
            f"the clock is coarse ({reading}): a sample holds {headline['runs_per_sample']} runs, "
            "and what is shorter than a tick cannot be seen",
            fix,
        )]  # fmt: skip
    # Loops that are compared have no samples of single runs, however long these take.
    single_ns = TAIL_RESOLUTIONS * max(clock["tick_ns"], clock["read_ns"])
    untimed = any(estimate["n"] == 0 for estimate in headline["percentiles"].values())
    if untimed and headline["median_ns"] < single_ns:
        return [warning(
            "timer-coarse",
            f"a run of {duration(headline['median_ns'])} is too short for the clock ({reading}) to "
            f"time alone: samples are means of {headline['runs_per_sample']} runs, which hide the "
            "tail",
            fix,
        )]  # fmt: skip
    return []
