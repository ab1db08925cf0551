"""Two folders of results against each other: as text, and as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgeloop.cli.pages.columns import columns
from edgeloop.report.markdown import escape, markdown_table
from edgeloop.results.compare import Compared
from edgeloop.results.folder_comparison import FolderComparison
from edgeloop.stats.ratio import ratio_text
from edgeloop.stats.verdict import EQUIVALENT, FASTER, INCONCLUSIVE, NOT_COMPARABLE, SLOWER

_HEADINGS = ("configuration", "time of NEW / BASE [95 %]", "p (Holm)", "verdict")

# What needs attention stands first.
_ORDER = (SLOWER, NOT_COMPARABLE, INCONCLUSIVE, FASTER, EQUIVALENT)


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
        "whatever changed between the two measurements is in the ratio."
    )
