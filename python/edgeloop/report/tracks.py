"""The chart that answers a report: a dot with its interval per result, sorted, as plain HTML.

Text stays text and widths are shares of the page, so that it is read on a phone, in print and in
the dark; no script and no picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Optional

# Beyond this ratio a linear axis would press the fast ones into its first pixels.
_LOG_FROM = 12.0

_STEPS = (1.0, 2.0, 5.0)
_MOST_TICKS = 7

# Up to two decades have ticks between their powers of ten.
_MANY_STEPS = 150.0


@dataclass(frozen=True)
class Mark:
    """One line of the chart."""

    number: str
    """Of the row in the table; empty for figures of others."""
    label: str
    value: float
    low: Optional[float]
    high: Optional[float]
    text: str
    """The value with its interval and unit, as it is printed."""
    note: str = ""
    theirs: bool = False
    """Published by others."""
    impossible: bool = False


@dataclass(frozen=True)
class Axis:
    """From a value to its place on the page, in per cent."""

    least: float
    most: float
    log: bool

    @classmethod
    def over(cls, marks: Sequence[Mark]) -> Axis:
        """Return the axis that holds all values and intervals; a linear one begins at 0."""
        lows = [mark.value if mark.low is None else min(mark.low, mark.value) for mark in marks]
        highs = [mark.value if mark.high is None else max(mark.high, mark.value) for mark in marks]
        least = min((low for low in lows if low > 0.0), default=1.0)
        most = max([*highs, least])
        if most / least < _LOG_FROM:
            return cls(0.0, most * 1.02, log=False)
        return cls(least / 1.15, most * 1.05, log=True)

    def place(self, value: float) -> float:
        """Return the place of a value, 0 to 100."""
        if self.log:
            share = math.log(max(value, self.least) / self.least) / math.log(self.most / self.least)
        else:
            share = (value - self.least) / (self.most - self.least)
        return 100.0 * min(1.0, max(0.0, share))

    def ticks(self) -> list[float]:
        """Return round values, few enough to be read."""
        if self.log:
            first, last = math.floor(math.log10(self.least)), math.ceil(math.log10(self.most))
            steps = _STEPS if self.most / self.least < _MANY_STEPS else (1.0,)
            every = [step * 10.0**power for power in range(first, last + 1) for step in steps]
            return [tick for tick in every if self.least <= tick <= self.most][:_MOST_TICKS]
        step = 10.0 ** math.floor(math.log10(self.most))
        while self.most / step < 3.0:  # three ticks at least
            step /= 2.0
        return [step * number for number in range(int(self.most / step) + 1)][:_MOST_TICKS]


def tracks(caption: str, unit: str, marks: Sequence[Mark]) -> str:
    """Return the chart: values in `unit`, marks in the order in which they are given."""
    axis = Axis.over(marks)
    ticks = axis.ticks()
    lines = "".join(f'<i class="grid" style="left:{axis.place(tick):.2f}%"></i>' for tick in ticks)
    rows = "\n".join(_row(axis, mark, lines) for mark in marks)
    labels = "".join(
        f'<span style="left:{axis.place(tick):.2f}%">{tick:g}</span>' for tick in ticks
    )
    scale = f"{escape(unit)}, logarithmic" if axis.log else escape(unit)
    heading = f"<figcaption>{escape(caption)}</figcaption>\n" if caption else ""
    return (
        f'<figure class="tracks">{heading}{rows}\n'
        f'<div class="row axis"><span></span><span class="track">{labels}</span>'
        f"<span>{scale}</span></div></figure>"
    )


def _row(axis: Axis, mark: Mark, grid: str) -> str:
    drawn = [grid]
    if mark.low is not None and mark.high is not None:
        left, right = axis.place(mark.low), axis.place(mark.high)
        drawn.append(f'<i class="interval" style="left:{left:.2f}%;width:{right - left:.2f}%"></i>')
    drawn.append(f'<i class="dot" style="left:{axis.place(mark.value):.2f}%"></i>')
    kind = " theirs" if mark.theirs else ""
    crossed = " impossible" if mark.impossible else ""
    number = f"<b>{escape(mark.number)}</b> " if mark.number else ""
    note = f" <small>{escape(mark.note)}</small>" if mark.note else ""
    return (
        f'<div class="row{kind}{crossed}"><span class="label">{number}{escape(mark.label)}</span>'
        f'<span class="track">{"".join(drawn)}</span>'
        f'<span class="value">{escape(mark.text)}{note}</span></div>'
    )
