"""The demo on one page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgeloop.cli.pages.columns import columns
from edgeloop.cli.pages.python_cost import difference_text
from edgeloop.cli.pages.table import accuracy_figure
from edgeloop.demo import ASSETS
from edgeloop.demo.run import Outcome, Row
from edgeloop.results.figures import duration_interval

_LATENCY = """\
  The median of the native loop, or of the framework's where there is none, with its 95 % interval
  over short processes (`bench` measures longer); accuracy on the engine that was timed."""

_PYTHON = """\
  What one call more costs from a Python loop, with its 95 % interval: over edgeloop's own binding,
  over the framework's own API, and with inputs set and outputs fetched each time."""

_LOOPS = ("binding", "framework", "framework-io")


def demo_page(outcome: Outcome) -> str:
    """Return what `edgeloop demo` prints."""
    measured = [row for row in outcome.rows if row.result is not None]
    parts = [
        "handwritten digits, 8x8 pixels, in every installed runtime (1 thread)",
        columns([_HEADER, *(_cells(row) for row in measured)]),
        _LATENCY,
        columns([_PYTHON_HEADER, *(_python_cells(row) for row in measured)]),
        _PYTHON,
    ]
    parts += [
        f"  {row.variant.name} in {row.runtime}: failed: {row.error}"
        for row in outcome.rows
        if row.error is not None
    ]
    if outcome.missing:
        rows = [(name, hint) for name, hint in outcome.missing]
        parts.append("not installed, and how to install it\n" + columns(rows))
    parts.append(_next_steps())
    return "\n\n".join(parts)


_HEADER = ("model", "runtime", "latency [95 %]", "accuracy [95 %]")
_PYTHON_HEADER = ("model", "runtime", *(f"+ {loop}" for loop in _LOOPS))


def _cells(row: Row) -> Sequence[str]:
    assert row.result is not None
    summary = row.result.summary
    headline = summary["loops"][row.result.loop_names[0]]
    latency = duration_interval(headline["median_ns"], headline["median_ci95_ns"])
    return (row.variant.name, row.runtime, latency, accuracy_figure(summary["accuracy"]))


def _python_cells(row: Row) -> Sequence[str]:
    assert row.result is not None
    more = (_more(row.result.summary, loop, row.result.loop_names[0]) for loop in _LOOPS)
    return (row.variant.name, row.runtime, *more)


def _more(summary: dict[str, Any], loop: str, reference: str) -> str:
    if loop == reference:
        return "(the loop above)"
    difference = summary["overhead"]["loops"].get(loop)
    if difference is None:
        return "none"
    if difference["difference_ns"] is None:
        return "unknown"
    return difference_text(difference["difference_ns"], difference["difference_ci95_ns"])


def _next_steps() -> str:
    model = ASSETS / "digits_int8.tflite"
    return (
        "try next\n"
        f"  edgeloop bench {model} --runtime all\n"
        f"  edgeloop overhead {model}\n"
        "  edgeloop doctor"
    )
