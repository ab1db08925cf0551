"""A comparison on one page: the answer, both medians, verdict, reason, what would settle it."""

from __future__ import annotations

from edgeloop.cli.pages.accuracy import paired_words
from edgeloop.cli.pages.columns import columns
from edgeloop.results.compare import Compared
from edgeloop.results.figures import duration, duration_interval, warning_lines
from edgeloop.results.row import Figure
from edgeloop.stats.compare import Comparison
from edgeloop.stats.ratio import inverse, ratio_text
from edgeloop.stats.verdict import EQUIVALENT, FASTER, NOT_COMPARABLE, SLOWER


def comparison_page(compared: Compared) -> str:
    """Return what `edgeloop compare` prints."""
    comparison = compared.comparison
    sides = [
        (name, title, _median(median))
        for name, title, median in zip("AB", (compared.a, compared.b), compared.medians_ns)
    ]
    rows = [
        ("verdict", f"B is {_words(comparison.verdict)}"),
        ("because", comparison.reason),
    ]
    if comparison.settle is not None:
        rows.append(("to settle it", comparison.settle))
    rows.append(("measured", _measured(comparison)))
    if compared.stop_reason is not None:
        rows.append(("stopped", compared.stop_reason))
    if compared.accuracy is not None:
        rows.append(("accuracy", f"B is {paired_words(compared.accuracy.as_dict())}"))
    elif compared.accuracy_reason is not None:
        rows.append(("accuracy", f"not compared: {compared.accuracy_reason}"))
    notes = [f"note: {text}" for text in (*comparison.warnings, *compared.notes)]
    return "\n\n".join([
        answer(comparison),
        columns(sides, indent=""),
        columns(rows, indent=""),
        *notes,
        *warning_lines(compared.warnings),
    ])  # fmt: skip


def answer(comparison: Comparison) -> str:
    """Return the comparison as one sentence."""
    longer = ratio_text(comparison.ratio, comparison.ratio_ci95)
    if comparison.verdict == FASTER:
        times = ratio_text(1.0 / comparison.ratio, inverse(comparison.ratio_ci95))
        return f"B is {_times(times, 'as fast as A')}"
    if comparison.verdict == EQUIVALENT:
        same = f"within {100 * comparison.delta:g} %"
        return f"B takes as long as A, {same}: {_times(longer, 'its time')}"
    found = f"B takes {_times(longer, 'as long as A')}"
    return found if comparison.verdict == SLOWER else f"{comparison.verdict}: {found}"


def _times(ratio: str, of_what: str) -> str:
    """Put the words between a ratio and its interval."""
    value, _, interval = ratio.partition(" ")
    return f"{value} times {of_what} {interval}"


def _median(figure: Figure) -> str:
    if figure.value is None:
        return figure.reason
    if figure.interval is None:
        return f"{duration(figure.value)} (no interval: {figure.reason})"
    return duration_interval(figure.value, figure.interval)


def _measured(comparison: Comparison) -> str:
    if comparison.pairs is None:
        return f"{comparison.count} processes on the smaller side"
    sessions = "1 session" if comparison.count == 1 else f"{comparison.count} sessions"
    return f"{sessions} of separate workers, {comparison.pairs} pairs of blocks"


def _words(verdict: str) -> str:
    if verdict == EQUIVALENT:
        return "equivalent to A"
    if verdict in (FASTER, SLOWER):
        return f"{verdict} than A"
    return f"{verdict} with A" if verdict == NOT_COMPARABLE else verdict
