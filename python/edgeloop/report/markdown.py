"""A report as Markdown, for a pull request or a README."""

from __future__ import annotations

from collections.abc import Sequence

from edgeloop.report.answer import answers, facts
from edgeloop.report.cells import PUBLISHED_HEADINGS, missing, published_cells, shown_columns
from edgeloop.report.html import differences
from edgeloop.report.published import Published
from edgeloop.results.row import ReportRow

# What Markdown or the HTML inside it would act on.
_ACTIVE = str.maketrans({c: f"\\{c}" for c in "\\`*_[]<>|#~!"} | {"&": "&amp;"})


def markdown_page(rows: Sequence[ReportRow], others: Sequence[Published] = ()) -> str:
    """Return the table of results, what differs between them, and others' figures apart."""
    columns = shown_columns(rows)
    cells = [[str(n), *(one.cell(row) for one in columns)] for n, row in enumerate(rows, start=1)]
    parts = [escape(answer) for answer in answers(rows)]
    parts += [escape(f"{name}: {value}") for name, value in facts(rows)]
    parts.append(markdown_table(["#", *(one.heading for one in columns)], cells))
    notes = [(n, missing(row)) for n, row in enumerate(rows, start=1)]
    parts += [f"{n}: {escape(note)}" for n, note in notes if note]
    found = differences(rows)
    if found:
        lines = [f"- {escape(name)}: {_counts(counts)}" for name, counts in found]
        parts.append("Not the same everywhere:\n\n" + "\n".join(lines))
    if others:
        table = markdown_table(PUBLISHED_HEADINGS, [published_cells(entry) for entry in others])
        parts.append("Published by others, not measured with edgeloop:\n\n" + table)
    return "\n\n".join(parts) + "\n"


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the cells are escaped."""
    lines = [_line(headings), "|" + " --- |" * len(headings)]
    return "\n".join([*lines, *(_line(row) for row in rows)])


def escape(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return text.translate(_ACTIVE)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(escape(cell) for cell in cells) + " |"


def _counts(counts: dict[str, int]) -> str:
    return "; ".join(f"{escape(value)} ({number})" for value, number in counts.items())
