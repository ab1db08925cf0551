"""What a ratio of two times means: a verdict, the reason, and what would settle it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from edgeloop.stats.location import Location
from edgeloop.stats.processes import FEWEST_PROCESSES
from edgeloop.stats.ratio import interval_text

FASTER = "faster"
SLOWER = "slower"
EQUIVALENT = "equivalent"
INCONCLUSIVE = "inconclusive"
NOT_COMPARABLE = "not comparable"

DELTA = 0.01
"""Relative difference that matters.

Where code happens to lie in memory shifts a run by as much: below it a difference is not a merit.
"""

SETTLED_MARGIN = 0.1
"""Distance from the bound, as a share of it, below which more data does not lead to a verdict.

It would take at least a hundred times the data that resolve the bound itself.
"""


@dataclass(frozen=True)
class Verdict:
    """One of the five words, with the sentence that justifies it."""

    word: str
    reason: str
    settle: Optional[str] = None
    """What would settle it, where more data would."""


def judge(
    log_ratio: Optional[Location],
    delta: float = DELTA,
    mismatches: Sequence[str] = (),
) -> Verdict:
    """Judge B against A from the logarithm of the time of B over the time of A.

    faster, slower: the interval excludes 1 and the ratio differs by more than `delta`.
    equivalent: the interval lies inside [1 / (1 + delta), 1 + delta], which is two one-sided
    tests (Schuirmann 1987). `mismatches` say in words what differs besides what is compared.
    """
    if mismatches:
        return Verdict(NOT_COMPARABLE, f"not the same conditions: {'; '.join(mismatches)}")
    if log_ratio is None:
        return Verdict(
            INCONCLUSIVE,
            "too few processes for an interval: one may have had all the luck",
            f"at least {FEWEST_PROCESSES} processes a side",
        )
    bound = math.log1p(delta)
    low, high = log_ratio.interval()
    differs = low > 0.0 or high < 0.0
    limit = f"{100 * delta:g} %"
    interval = f"the 95 % interval {interval_text((math.exp(low), math.exp(high)))}"
    if differs and abs(log_ratio.centre) > bound:
        word = SLOWER if log_ratio.centre > 0.0 else FASTER
        return Verdict(word, f"{interval} excludes 1 and the difference is more than {limit}")
    if -bound < low and high < bound:
        real = ", though it excludes 1" if differs else ""
        return Verdict(EQUIVALENT, f"{interval} lies within {limit} of 1{real}")
    what = "excludes 1 but" if differs else "includes 1 and"
    reason = f"{interval} {what} reaches beyond {limit}"
    return Verdict(INCONCLUSIVE, reason, _settle(log_ratio, bound, limit))


def _settle(log_ratio: Location, bound: float, limit: str) -> str:
    """Say how much more data would give a verdict, if the ratio stays what it is.

    Enough for the half-width and one standard error to fit: then it succeeds in five of six cases.
    """
    distance = abs(log_ratio.centre)
    room = distance if distance > bound else bound - distance
    if room < SETTLED_MARGIN * bound:
        return f"the difference lies at the {limit} bound itself: only another bound settles it"
    reach = log_ratio.half_width() + log_ratio.standard_error
    needed = math.ceil(log_ratio.count * (reach / room) ** 2)
    return f"about {needed} processes a side instead of {log_ratio.count}"
