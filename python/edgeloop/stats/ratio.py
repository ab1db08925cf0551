"""How a ratio is written: value and bounds with as many decimals as the interval bears out."""

from __future__ import annotations

import math
from typing import Optional

from edgeloop.stats.quantile import Interval

_MOST_DECIMALS = 6


def ratio_text(value: float, interval: Optional[Interval]) -> str:
    """Return a ratio with its interval: 1.31 [1.24, 1.38], 518 [486, 550]."""
    if interval is None:
        return f"{float(f'{value:.2g}'):g} (no interval)"
    return f"{value:.{_decimals(interval)}f} {interval_text(interval)}"


def interval_text(interval: Interval) -> str:
    """Return the bounds of a ratio: [1.24, 1.38]."""
    decimals = _decimals(interval)
    return f"[{interval[0]:.{decimals}f}, {interval[1]:.{decimals}f}]"


def inverse(interval: Optional[Interval]) -> Optional[Interval]:
    """Return the interval of one over the ratio."""
    return None if interval is None else (1.0 / interval[1], 1.0 / interval[0])


def decimals_of(interval: Interval) -> int:
    """Return the decimals up to the first digit of an interval's half-width."""
    half = (interval[1] - interval[0]) / 2.0
    return 2 if half <= 0.0 else min(_MOST_DECIMALS, max(0, math.ceil(-math.log10(half))))


def _decimals(interval: Interval) -> int:
    """Return the decimals of a ratio with this interval.

    More where a bound that is not 1 would be written as 1: the reader asks which side it is on.
    """
    decimals = decimals_of(interval)
    while decimals < _MOST_DECIMALS and any(_looks_like_one(end, decimals) for end in interval):
        decimals += 1
    return decimals


def _looks_like_one(bound: float, decimals: int) -> bool:
    return bound != 1.0 and round(bound, decimals) == 1.0
