"""The demo on one page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgeloop.demo import ASSETS
from edgeloop.demo.run import Outcome, Row
from edgeloop.report.columns import columns
from edgeloop.report.figures import duration, duration_interval
from edgeloop.report.table import accuracy_figure

_LEGEND = """\
  latency: median of the native loop, or of the framework's where there is none, with its
  95 % interval over five short processes (a full `bench` measures longer).
  + Python: what one call more costs from a Python loop: over edgeloop's own binding, over the
  framework's own API, and with inputs set and outputs fetched each time."""


def demo_page(outcome: Outcome) -> str:
    """Return what `edgeloop demo` prints."""
    measured = [row for row in outcome.rows if row.result is not None]
    parts = [
        "handwritten digits, 8x8 pixels, in every runtime that is here (1 thread)",
        columns([_HEADER, *(_cells(row) for row in measured)]),
        _LEGEND,
    ]
    parts += [
        f"  {row.variant.name} in {row.runtime}: failed: {row.error}"
        for row in outcome.rows
        if row.error is not None
    ]
    if outcome.missing:
        rows = [(name, hint) for name, hint in outcome.missing]
        parts.append("not here, and how to add it\n" + columns(rows))
    parts.append(_next_steps())
    return "\n\n".join(parts)


_HEADER = ("model", "runtime", "latency [95 %]", "accuracy [95 %]",
           "+ binding", "+ framework", "+ framework-io")  # fmt: skip


def _cells(row: Row) -> Sequence[str]:
    assert row.result is not None
    summary = row.result.summary
    loops = row.result.loops
    headline = summary["loops"][loops[0]]
    latency = duration_interval(headline["median_ns"], headline["median_ci95_ns"])
    return (
        row.variant.name,
        row.runtime,
        latency,
        accuracy_figure(summary["accuracy"]),
        *(_more(summary, loop, loops[0]) for loop in ("binding", "framework", "framework-io")),
    )


def _more(summary: dict[str, Any], loop: str, reference: str) -> str:
    if loop == reference:
        return "(timed)"
    difference = summary["overhead"]["loops"].get(loop)
    if difference is None:
        return "none"
    if difference["difference_ns"] is None:
        return "unknown"
    return f"+{duration(difference['difference_ns'])}".replace("+-", "-")


def _next_steps() -> str:
    model = ASSETS / "digits_int8.tflite"
    return (
        "try next\n"
        f"  edgeloop bench {model} --runtime all\n"
        f"  edgeloop overhead {model}\n"
        "  edgeloop doctor"
    )
