"""The list of stored results as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgeloop.cli.pages.columns import columns
from edgeloop.results.figures import duration, duration_interval
from edgeloop.results.history import HistoryEntry

_HEADER = ("#", "created", "command", "median [95 %]", "what")


def history_page(entries: Sequence[HistoryEntry], numbers: Mapping[str, int]) -> str:
    """Return what `edgeloop results list` prints; `numbers` by path: 1 is the newest of all."""
    if not entries:
        return "no result fits"
    boards = {entry.board or "unknown" for entry in entries}
    rows = [
        (
            str(numbers[entry.path]),
            entry.created[:16].replace("T", " "),
            entry.command,
            _median(entry),
            entry.title if len(boards) == 1 else f"{entry.title} on {entry.board or 'unknown'}",
        )
        for entry in entries
    ]
    lines = [columns([_HEADER, *rows])]
    if len(boards) == 1:
        lines.append(f"  all on {boards.pop()}; show the newest: edgeloop results show 1")
    return "\n".join(lines)


def _median(entry: HistoryEntry) -> str:
    if entry.median_ns is None:
        return entry.note
    if entry.median_ci95_ns is None:
        return f"{duration(entry.median_ns)} (no interval)"
    return duration_interval(entry.median_ns, entry.median_ci95_ns)
