"""How figures are written: always with a unit, times with four significant digits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from edgeloop.spec.metrics import SQUARED_ERROR

_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))
_LARGER_BYTES = ("KiB", "MiB", "GiB")

_SIGNIFICANT = 4
_SIGNIFICANT_PERCENT = 3


def duration(value_ns: float) -> str:
    """Return a time in the unit that suits it: 163.2 µs."""
    form = _form(value_ns)
    return f"{form.digits(value_ns)} {form.unit}"


def duration_interval(value_ns: float, interval_ns: Optional[Sequence[Optional[float]]]) -> str:
    """Return a time with its interval in the same unit: 12.41 ms [12.38, 12.46].

    A bound of None is one that the samples do not give: ∞.
    """
    if interval_ns is None:
        return duration(value_ns)
    form = _form(value_ns)
    low, high = interval_ns
    bounds = (
        "-∞" if low is None else form.digits(low),
        "∞" if high is None else form.digits(high),
    )
    return f"{duration(value_ns)} [{', '.join(bounds)}]"


def percent(share: float) -> str:
    """Return a share as per cent with three significant digits, two decimals at most."""
    value = share * 100
    decimals = _decimals(value, _SIGNIFICANT_PERCENT)
    return f"{_rounded(value, decimals)} %"


def rate(value: float, interval: Optional[Sequence[float]] = None, unit: str = "runs/s") -> str:
    """Return a rate with its interval: 14,630 [11,710, 21,430] runs/s."""
    bounds = "" if interval is None else f" [{_grouped(interval[0])}, {_grouped(interval[1])}]"
    return f"{_grouped(value)}{bounds} {unit}"


def _grouped(value: float) -> str:
    rounded = f"{value:.{_SIGNIFICANT}g}"
    return f"{float(rounded):,.0f}" if abs(value) >= 1000 else rounded


def counted(number: int, noun: str) -> str:
    """Return '1 thread', '2 threads'."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size(value_bytes: int) -> str:
    """Return a size in binary units."""
    if value_bytes < 1024:
        return f"{value_bytes} B"
    value = value_bytes / 1024
    units = iter(_LARGER_BYTES)
    unit = next(units)
    for larger in units:
        if round(value, 1) < 1024:
            break
        value /= 1024
        unit = larger
    return f"{value:.1f} {unit}"


def warning_lines(warnings: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a paragraph for each warning of a result: what it is, and how to fix it."""
    return [
        f"warning: {one['text']}" + (f"\n  fix: {one['fix']}" if one["fix"] else "")
        for one in warnings
    ]


@dataclass(frozen=True)
class _Form:
    """Unit and decimals, shared by a value and its interval."""

    scale: float
    unit: str
    decimals: int

    def digits(self, value_ns: float) -> str:
        return _rounded(value_ns / self.scale, self.decimals)


def _form(value_ns: float) -> _Form:
    # Rounded first: 999.96 µs has four digits as 1.000 ms.
    rounded_ns = abs(float(f"{value_ns:.{_SIGNIFICANT - 1}e}"))
    scale, unit = next((u for u in _UNITS if rounded_ns >= u[0]), _UNITS[-1])
    return _Form(scale, unit, _decimals(value_ns / scale, _SIGNIFICANT))


def _decimals(value: float, significant: int) -> int:
    """Return the decimals for `significant` digits, of a value below 1 as if it were 1."""
    exponent = int(f"{value:.{significant - 1}e}".partition("e")[2])
    return min(significant - 1, max(0, significant - 1 - exponent))


def _rounded(value: float, decimals: int) -> str:
    nearest = round(value, decimals) + 0.0  # −0.0 + 0.0 is 0.0: no sign on nothing
    return f"{nearest:.{decimals}f}"


def in_words(seconds: float) -> str:
    """Return a duration in s, min or h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def paired_text(paired: Mapping[str, Any]) -> str:
    """Return a paired difference with its interval: -0.5 points [-1.3, +0.3] of 1000 samples."""
    points = paired["kind"] != SQUARED_ERROR
    numbers = [paired["difference"], *(paired["difference_ci95"] or ())]
    texts = [f"{100 * one:+.2f}" if points else f"{one:+.4g}" for one in numbers]
    bounds = f" [{texts[1]}, {texts[2]}]" if len(texts) > 1 else ""
    return f"{texts[0]} {'points' if points else 'squared error'}{bounds} of {paired['n']} samples"
