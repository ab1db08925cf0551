"""A comparison on one page: the answer, verdict, reason; of folders, a row each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgeloop.cli.pages.accuracy import paired_words
from edgeloop.cli.pages.brief import brief_warnings
from edgeloop.cli.pages.columns import columns
from edgeloop.report.markdown import escape, markdown_table
from edgeloop.results.compare import Compared, FolderComparison
from edgeloop.results.figures import duration, duration_interval, warning_lines
from edgeloop.results.row import Figure
from edgeloop.stats.compare import Comparison
from edgeloop.stats.ratio import inverse, ratio_text
from edgeloop.stats.verdict import EQUIVALENT, FASTER, INCONCLUSIVE, NOT_COMPARABLE, SLOWER

_HEADINGS = ("configuration", "time of NEW / BASE [95 %]", "p (Holm)", "verdict")

# What needs attention stands first.
_ORDER = (SLOWER, NOT_COMPARABLE, INCONCLUSIVE, FASTER, EQUIVALENT)


def comparison_page(compared: Compared, *, verbose: bool = False) -> str:
    """Return what `edgeloop compare` prints; `verbose`: every warning with its remedy."""
    comparison = compared.comparison
    sides = [
        (name, _median(median), title)
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
    parts = [answer(comparison), columns(sides, indent=""), columns(rows, indent=""), *notes]
    if verbose:
        return "\n\n".join([*parts, *warning_lines(compared.warnings)])
    return "\n".join(["\n\n".join(parts), *brief_warnings(compared.warnings)])


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
    processes = "1 process" if comparison.count == 1 else f"{comparison.count} processes"
    return f"{processes} a side, {comparison.pairs} pairs of blocks"


def _words(verdict: str) -> str:
    if verdict == EQUIVALENT:
        return "equivalent to A"
    if verdict in (FASTER, SLOWER):
        return f"{verdict} than A"
    return f"{verdict} with A" if verdict == NOT_COMPARABLE else verdict


def folder_page(compared: FolderComparison) -> str:
    """Return what `edgeloop compare BASE NEW` prints."""
    rows: list[Sequence[str]] = [_HEADINGS, *(_cells(row) for row in _sorted(compared))]
    parts = [columns(rows, indent=""), _counts(compared), *_reasons(compared, "  "), _method()]
    return "\n\n".join([*parts, *(f"note: {note}" for note in _notes(compared))])


def folder_markdown(compared: FolderComparison) -> str:
    """Return the same for a pull request."""
    table = markdown_table(_HEADINGS, [_cells(row) for row in _sorted(compared)])
    parts = [f"**{escape(_counts(compared))}**", table, *_reasons(compared, "- ", escape)]
    notes = "\n".join(f"- {escape(note)}" for note in _notes(compared))
    return "\n\n".join([*parts, escape(_method()), *([notes] if notes else [])]) + "\n"


def _sorted(compared: FolderComparison) -> list[Compared]:
    return sorted(compared.rows, key=lambda row: (_ORDER.index(row.comparison.verdict), row.b))


def _cells(row: Compared) -> tuple[str, ...]:
    one = row.comparison
    p_value = "" if one.p_value is None else f"{one.p_value:.3g}"
    return (row.b, ratio_text(one.ratio, one.ratio_ci95), p_value, one.verdict)


def _counts(compared: FolderComparison) -> str:
    counts = [f"{compared.counts[word]} {word}" for word in _ORDER if word in compared.counts]
    if compared.only_base:
        counts.append(f"{len(compared.only_base)} missing")
    return f"{len(compared.rows)} compared: {', '.join(counts)}"


def _reasons(
    compared: FolderComparison, bullet: str, shown: Callable[[str], str] = str
) -> list[str]:
    """Return why rows have no verdict, each reason once."""
    found: dict[str, list[str]] = {}
    for row in compared.rows:
        if row.comparison.verdict == NOT_COMPARABLE or row.comparison.ratio_ci95 is None:
            found.setdefault(row.comparison.reason, []).append(row.b)
    lines = [
        f"{bullet}{shown(rows[0])}{f' and {len(rows) - 1} more' if rows[1:] else ''}: "
        f"{shown(reason)}"
        for reason, rows in found.items()
    ]
    return ["\n".join(lines)] if lines else []


def _notes(compared: FolderComparison) -> list[str]:
    missing = [f"only in BASE: {title}" for title in compared.only_base]
    return [*missing, *(f"only in NEW: {title}" for title in compared.only_new), *compared.notes]


def _method() -> str:
    return (
        "By the medians of the processes; p values corrected for all rows (Holm). Not interleaved: "
        "whatever changed between the two measurements is part of the ratio."
    )
