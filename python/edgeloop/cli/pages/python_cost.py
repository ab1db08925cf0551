"""What Python costs: one sentence, and the loops in a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Optional

from edgeloop.results.figures import duration, duration_interval, percent
from edgeloop.results.schema import Result
from edgeloop.stats.ratio import decimals_of

# Which loop answers the question, and in which words; the first that was measured.
_WAYS = (
    ("framework", "through the framework's own API"),
    ("binding", "over edgeloop's own binding"),
    ("framework-io", "through the framework's own API, inputs set and outputs fetched"),
    ("callable", "where C++ calls the framework's function"),
)

_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))


def python_cost(result: Result) -> str:
    """Return what a call from Python costs beyond the reference loop, and as a share of it."""
    differences = result.summary["overhead"]["loops"]
    sentences = [
        _sentence(differences[loop], words)
        for loop, words in _WAYS[:3]
        if loop in differences and differences[loop]["difference_ns"] is not None
    ]
    if sentences:
        return "\n".join(sentences)
    loop, words = next(way for way in _WAYS if way[0] in differences)
    reason = differences[loop].get("difference_ns_reason", "it was not compared")
    return f"What Python costs {words} is not known: {reason}."


def _sentence(found: dict[str, Any], words: str) -> str:
    """Say what one loop costs; where that is too little to be seen, how little it is."""
    ns_ci95, share_ci95 = found["difference_ci95_ns"], found["share_ci95"]
    if ns_ci95 is None or share_ci95 is None:
        cost = f"{duration(found['difference_ns'])} ({percent(found['share'])}) (no interval)"
        return f"Python costs about {cost} a call {words}."
    if ns_ci95[1] <= 0.0:
        cost = difference_text(-found["difference_ns"], (-ns_ci95[1], -ns_ci95[0]))
        return f"A call from Python takes {cost} less than the native one {words}."
    if ns_ci95[0] <= 0.0:
        most = f"{_at_most(ns_ci95[1])} ({_percent_at_most(share_ci95[1])})"
        return f"Python costs less than {most} a call {words}: too little to distinguish from zero."
    cost = difference_text(found["difference_ns"], ns_ci95)
    return f"Python costs {cost} a call {words}, {share_text(found['share'], share_ci95)}."


def difference_text(value_ns: float, interval_ns: Optional[Sequence[float]]) -> str:
    """Return a difference with as many digits as its interval bears out: 1.23 µs [1.18, 1.28]."""
    if interval_ns is None:
        return f"{duration(value_ns)} (no interval)"
    low, high = interval_ns
    scale, unit = _unit(max(abs(low), abs(high)))
    decimals = decimals_of((low / scale, high / scale))
    value, low_text, high_text = (f"{x / scale:.{decimals}f}" for x in (value_ns, low, high))
    return f"{value} {unit} [{low_text}, {high_text}]"


def share_text(share: float, interval: Optional[Sequence[float]]) -> str:
    """Return a share with its interval: 38 % [36, 40]."""
    if interval is None:
        return f"{percent(share)} (no interval)"
    low, high = (100.0 * bound for bound in interval)
    decimals = decimals_of((low, high))
    return f"{100.0 * share:.{decimals}f} % [{low:.{decimals}f}, {high:.{decimals}f}]"


def loop_rows(result: Result) -> list[Sequence[str]]:
    """Return the loops with their medians and differences."""
    rows: list[Sequence[str]] = [("loop", "median [95 %]", "cost [95 %]", "share")]
    differences = result.summary["overhead"]["loops"]
    for loop in result.loop_names:
        summary = result.summary["loops"][loop]
        median = duration_interval(summary["median_ns"], summary["median_ci95_ns"])
        if summary["median_ci95_ns"] is None:
            median += " (no interval)"
        difference = differences.get(loop)
        if difference is None:
            rows.append((loop, median, "reference", ""))
        elif difference["difference_ns"] is None:
            rows.append((loop, median, "(see below)", ""))
        else:
            rows.append((
                loop,
                median,
                difference_text(difference["difference_ns"], difference["difference_ci95_ns"]),
                share_text(difference["share"], difference["share_ci95"]),
            ))  # fmt: skip
    return rows


def missing_figures(result: Result) -> list[str]:
    """Return a line for every figure that the table of loops could not show."""
    lines = [
        f"  {loop}: no interval: {summary['median_ci95_ns_reason']}"
        for loop, summary in result.summary["loops"].items()
        if summary["median_ci95_ns"] is None
    ]
    lines += [
        f"  {loop}: {found['difference_ns_reason']}"
        for loop, found in result.summary["overhead"]["loops"].items()
        if found["difference_ns"] is None
    ]
    return ["\n".join(lines)] if lines else []


def _at_most(bound_ns: float) -> str:
    """Return a time that is not less, with two digits."""
    scale, unit = _unit(bound_ns)
    return f"{_rounded_up(bound_ns / scale)} {unit}"


def _percent_at_most(bound: float) -> str:
    return f"{_rounded_up(100.0 * bound)} %"


def _rounded_up(value: float) -> str:
    if value <= 0.0:
        return "0"
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return f"{float(f'{math.ceil(value / step - 1e-9) * step:.2g}'):g}"


def _unit(value_ns: float) -> tuple[float, str]:
    return next((unit for unit in _UNITS if value_ns >= unit[0]), _UNITS[-1])
