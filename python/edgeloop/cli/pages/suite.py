"""A suite as text: its plan, and the table of what was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Optional

from edgeloop.cli.pages.columns import columns
from edgeloop.results.figures import duration_interval, in_words
from edgeloop.suite.matrix import LeftOut
from edgeloop.suite.plan import Plan, at_most_s
from edgeloop.suite.run import Row, SuiteReport


def plan_page(plan: Plan) -> str:
    """Return what `edgeloop suite --plan` prints."""
    most_s = at_most_s(plan.entries)
    time = (
        "as long as the counts of --runs take" if most_s is None else f"at most {in_words(most_s)}"
    )
    lines = [
        f"{plan.name}: {len(plan.entries)} entries, {time} of measuring, and the loading of each",
        columns(
            [(str(n), entry.name) for n, entry in enumerate(plan.entries, start=1)], right=(0,)
        ),
        f"order: random with seed {plan.order_seed}",
    ]
    if plan.conversions:
        lines.append(
            "made first, once each:\n" + columns([(made.words,) for made in plan.conversions])
        )
    return "\n\n".join([*lines, *_left_out(plan.left_out)])


def suite_page(report: SuiteReport) -> str:
    """Return what `edgeloop suite` prints: a row for each entry, failed ones with the reason."""
    rows: list[Sequence[str]] = [("entry", "median [95 %]", "accuracy", "")]
    rows += [_cells(row) for row in report.rows]
    states = Counter("pending" if row.ended is None else row.ended.state for row in report.rows)
    counts = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    foot = f"{counts}; order: random with seed {report.plan.order_seed}"
    if report.interrupted:
        foot += "\ninterrupted: --resume continues"
    return "\n\n".join([columns(rows), foot, *_left_out(report.left_out)])


def _cells(row: Row) -> Sequence[str]:
    if row.ended is None:
        return (row.entry.name, "not measured yet")
    summary: dict[str, Any] = {} if row.result is None else row.result.summary
    median = _median(summary.get("summary"))
    accuracy = _accuracy(summary.get("accuracy"))
    failed = "" if row.ended.error is None else f"failed: {row.ended.error}"
    return (row.entry.name, median, accuracy, failed)


def _median(summary: Optional[dict[str, Any]]) -> str:
    if summary is None:
        return "-"
    if summary["median_ns"] is None:
        return str(summary.get("median_ns_reason", "withheld"))
    text = duration_interval(summary["median_ns"], summary["median_ci95_ns"])
    return text if summary["median_ci95_ns"] is not None else f"{text} (no interval)"


def _accuracy(accuracy: Optional[dict[str, Any]]) -> str:
    if accuracy is None or accuracy.get("accuracy") is None:
        return ""
    low, high = accuracy["accuracy_ci95"]
    return f"{100 * accuracy['accuracy']:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def _left_out(left_out: Sequence[LeftOut]) -> list[str]:
    """Return the combinations that cannot be, by their reason."""
    if not left_out:
        return []
    by_reason: dict[str, list[str]] = {}
    for one in left_out:
        by_reason.setdefault(one.reason, []).append(one.name)
    rows = [
        (names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more", reason)
        for reason, names in by_reason.items()
    ]
    return ["left out:\n" + columns(rows)]
