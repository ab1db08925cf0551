"""From stored results to the files of a report."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from edgeloop.errors import CannotWriteError, UsageError, nearest, plain
from edgeloop.report.cells import csv_rows
from edgeloop.report.charts import summary_charts
from edgeloop.report.html import html_page
from edgeloop.report.markdown import markdown_page
from edgeloop.report.plots import Chart
from edgeloop.report.published import Published, published
from edgeloop.report.run_charts import run_charts
from edgeloop.results.collection import Collection, collect
from edgeloop.results.row import ReportRow

STDOUT = "-"
PLOT_FORMATS = ("svg", "png")

# How a spreadsheet's formula begins, behind spaces and tabs.
_FORMULA = ("=", "+", "-", "@", "|", "%")

# With more results the charts of single runs are left out unless they are asked for.
MOST_DETAILED = 20


@dataclass(frozen=True)
class ReportTargets:
    """Where each form of the report goes; None: nowhere, "-": standard output."""

    html: Optional[str] = None
    markdown: Optional[str] = None
    csv: Optional[str] = None
    plots: Optional[str] = None
    """A folder."""
    plot_format: str = "svg"


def write_report(
    places: Sequence[str],
    targets: ReportTargets,
    title: str,
    detail: bool,
    with_published: bool,
    print_out: Callable[[str], None],
) -> list[str]:
    """Read the results and write what was asked for; return a line for each file and problem.

    Raises ModelError where there is no result, NotAvailableError where charts are wanted and
    matplotlib is missing, CannotWriteError with the system's reason.
    """
    if targets.plot_format not in PLOT_FORMATS:
        hint = nearest(targets.plot_format, PLOT_FORMATS)
        raise UsageError(f"unknown value '{targets.plot_format}' for --plot-format; {hint}")
    collection = collect(places)
    rows = collection.rows
    others = _published(rows) if with_published else []
    said = list(collection.unreadable)
    if targets.html is not None or targets.plots is not None:
        charts = summary_charts(rows)
        single = _single_charts(collection, detail)
        if targets.html is not None:
            page = html_page(plain(title, 200), rows, charts, single, others, collection.unreadable)
            said.append(_write(targets.html, page, print_out))
        if targets.plots is not None:
            said += _save(targets.plots, [*charts, *single], targets.plot_format)
    if targets.csv is not None:
        said.append(_write(targets.csv, _csv(rows), print_out))
    if targets.markdown is not None or targets == ReportTargets(plot_format=targets.plot_format):
        page = markdown_page(rows, others)
        said.append(_write(targets.markdown or STDOUT, page, print_out))
    return [line for line in said if line]


def _published(rows: Sequence[ReportRow]) -> list[Published]:
    """Return the figures of others for the networks of these results."""
    found: dict[Published, None] = {}
    for name in dict.fromkeys(row.model for row in rows):
        found.update(dict.fromkeys(published(name)))
    return list(found)


def _single_charts(collection: Collection, detail: bool) -> list[Chart]:
    if len(collection.results) > MOST_DETAILED and not detail:
        return []
    return [
        chart
        for number, result in enumerate(collection.results, start=1)
        for chart in run_charts(result, number)
    ]


def _csv(rows: Sequence[ReportRow]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([[_inert(cell) for cell in line] for line in csv_rows(rows)])
    return buffer.getvalue()


def _inert(cell: object) -> object:
    """Keep a spreadsheet from taking text of a result for a formula."""
    if isinstance(cell, str) and cell.lstrip().startswith(_FORMULA):
        return f"'{cell}"
    return cell


def _write(path: str, text: str, print_out: Callable[[str], None]) -> str:
    if path == STDOUT:
        print_out(text.rstrip("\n"))
        return ""
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        if Path(path).is_file():  # half a page is none
            with suppress(OSError):
                Path(path).unlink()
        raise CannotWriteError(f"{path} cannot be written: {error.strerror}") from error
    return f"report: {path}"


def _save(folder: str, charts: Sequence[Chart], kind: str) -> list[str]:
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for chart in charts:
            safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in chart.name)
            chart.save(str(Path(folder) / f"{safe.strip('.')[:100]}.{kind}"), kind)
    except OSError as error:
        raise CannotWriteError(f"{folder} cannot be written to: {error.strerror}") from error
    return [f"charts: {len(charts)} in {folder}"]
