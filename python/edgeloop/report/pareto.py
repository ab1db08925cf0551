"""The results that no other beats in both latency and accuracy."""

from __future__ import annotations

from collections.abc import Sequence

from edgeloop.results.row import ReportRow

# Of a metric that is an error, less is better.
ERRORS = ("mse",)


def pareto_front(rows: Sequence[ReportRow]) -> list[ReportRow]:
    """Return the front from fast to slow; rows without both figures are on no front."""
    candidates = [
        row for row in rows if row.latency_ns.value is not None and row.accuracy.value is not None
    ]
    candidates.sort(key=lambda row: (row.latency_ns.value or 0.0, -goodness(row)))
    front: list[ReportRow] = []
    for row in candidates:
        if not front or goodness(row) > goodness(front[-1]):
            front.append(row)
    return front


def goodness(row: ReportRow) -> float:
    """Return the accuracy so that more is better."""
    value = row.accuracy.value or 0.0
    return -value if row.metric in ERRORS else value
