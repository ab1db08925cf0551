"""The figures of a loop as values with types: what a notebook reads of a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Optional

Interval = tuple[float, float]


@dataclass(frozen=True)
class ResultWarning:
    """One thing to know before relying on a result."""

    code: str
    """For programs: "virtual-machine", "other-load", ..."""
    text: str
    fix: Optional[str]
    """What to do about it."""


@dataclass(frozen=True)
class LoopFigures:
    """Times in ns per run. A field is None where `reason` says why."""

    median_ns: Optional[float] = None
    median_ci95_ns: Optional[Interval] = None
    """Over processes; None below three of them."""
    median_ci95_within_ns: Optional[Interval] = None
    """By the scatter within processes."""
    p90_ns: Optional[float] = None
    p90_ci95_ns: Optional[Interval] = None
    p99_ns: Optional[float] = None
    p99_ci95_ns: Optional[Interval] = None
    min_ns: Optional[float] = None
    max_ns: Optional[float] = None
    mean_ns: Optional[float] = None
    mean_ci95_ns: Optional[Interval] = None
    runs_per_s: Optional[float] = None
    runs_per_s_ci95: Optional[Interval] = None
    items_per_s: Optional[float] = None
    energy_j: Optional[float] = None
    n: Optional[int] = None
    """Samples in the figures."""
    n_eff: Optional[float] = None
    processes: Optional[int] = None
    runs_per_sample: Optional[int] = None
    steady_state: Optional[str] = None
    stop_reason: Optional[str] = None
    reasons: Mapping[str, str] = field(default_factory=dict, repr=False)

    def reason(self, name: str) -> Optional[str]:
        """Return why a field is None, by its name; None where it has a value."""
        if getattr(self, name) is not None:
            return None
        return self.reasons.get(name, "not recorded")

    @classmethod
    def of(cls, document: Optional[Mapping[str, Any]], reason: Optional[str] = None) -> LoopFigures:
        """Read a summary of a result; `reason` is why there is none."""
        if document is None:
            why = reason or "the run ended before its summary"
            return cls(reasons={one.name: why for one in fields(cls)})
        values: dict[str, Any] = {}
        reasons: dict[str, str] = {}
        for one in fields(cls):
            if one.name == "reasons":
                continue
            value = document.get(one.name)
            values[one.name] = tuple(value) if isinstance(value, list) else value
            if value is None:
                reasons[one.name] = str(document.get(f"{one.name}_reason", "not recorded"))
        return cls(**values, reasons=reasons)
