"""How figures are written: always with a unit, with at least four significant digits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))
_BYTES = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))

# Below a thousand of the smaller unit nothing is lost to rounding.
_SIGNIFICANT = 4


def duration(value_ns: float) -> str:
    """Return a time in the unit that suits it: 163.2 µs."""
    scale, unit = _unit(value_ns)
    return f"{_digits(value_ns / scale, abs(value_ns) / scale)} {unit}"


def duration_interval(value_ns: float, interval_ns: Optional[Sequence[Optional[float]]]) -> str:
    """Return a time with its interval in the same unit: 12.41 ms [12.38, 12.46]."""
    if interval_ns is None:
        return duration(value_ns)
    scale, _ = _unit(value_ns)
    low, high = (
        "∞" if bound is None else _digits(bound / scale, abs(value_ns) / scale)
        for bound in interval_ns
    )
    return f"{duration(value_ns)} [{low}, {high}]"


def percent(share: float) -> str:
    """Return a share as per cent, with a sign of its own where it is negative."""
    value = share * 100
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:.{digits}f} %"


def size(value_bytes: int) -> str:
    """Return a size in binary units."""
    for scale, unit in _BYTES:
        if value_bytes >= scale:
            return f"{value_bytes / scale:.1f} {unit}"
    return f"{value_bytes} B"


def _unit(value_ns: float) -> tuple[float, str]:
    for scale, unit in _UNITS:
        if abs(value_ns) >= scale:
            return scale, unit
    return _UNITS[-1]


def _digits(value: float, reference: float) -> str:
    """Write a value with the decimals that give the reference four significant digits."""
    whole = len(str(int(reference))) if reference >= 1 else 1
    return f"{value:.{max(0, _SIGNIFICANT - whole)}f}"
