"""What the objects of the API show in a notebook: a table, and one line as their repr()."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from edgeloop.errors import plain
from edgeloop.results.figures import duration_interval

_LONGEST = 200


def one_line(kind: str, text: str) -> str:
    """Return a repr: `<Compared B is …>`, without what names from files could do to a terminal."""
    return f"<{kind} {plain(text, _LONGEST)}>"


def html_table(caption: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose texts may be anybody's."""
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows
    )
    return (
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def loop_text(loop: Mapping[str, Any]) -> str:
    """Return the median of a loop with its interval, or why there is none."""
    if loop.get("median_ns") is None:
        return str(loop.get("median_ns_reason", "ended early"))
    return duration_interval(loop["median_ns"], loop.get("median_ci95_ns"))


def metric_rows(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return name and value of every metric of an `accuracy` that has a value and an interval."""
    rows = []
    for name, value in document.items():
        interval = document.get(f"{name}_ci95")
        if isinstance(value, (int, float)) and interval is not None:
            low, high = interval
            rows.append((name.replace("_", " "), f"{value:.4g} [{low:.4g}, {high:.4g}]"))
    return rows
