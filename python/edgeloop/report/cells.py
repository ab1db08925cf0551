"""The table of a report: the same cells in HTML, Markdown and CSV."""

from __future__ import annotations

from collections.abc import Sequence

from edgeloop.report.published import Published
from edgeloop.results.figures import duration_interval, percent, size
from edgeloop.results.row import Figure, ReportRow

HEADINGS = ("configuration", "board", "median [95 %]", "accuracy [95 %]", "energy of a run",
            "model", "on delegates", "clock")  # fmt: skip

PUBLISHED_HEADINGS = ("model", "runtime", "board", "latency", "source", "note")


def cells(row: ReportRow) -> tuple[str, ...]:
    """Return what a person reads of one result; every figure has its interval or a reason."""
    return (
        row.title,
        row.board,
        row.withheld or _latency(row.latency_ns),
        _accuracy(row),
        _energy(row.energy_j),
        "" if row.bytes is None else size(row.bytes),
        "" if row.covered is None else f"{percent(row.covered)} ({row.covered_by})",
        row.verdict or "not known",
    )


def published_cells(entry: Published) -> tuple[str, ...]:
    """Return what a person reads of a figure of others."""
    latency = duration_interval(entry.latency_ns, None)
    return (
        entry.model,
        f"{entry.runtime}, {entry.precision}",
        f"{entry.board} ({entry.device})",
        f"{latency}, {entry.source.statistic}, no interval published",
        f"{entry.source.name} {entry.source.url}",
        (entry.impossible and f"IMPOSSIBLE: {entry.impossible}")
        or entry.note or entry.source.caution or "",
    )  # fmt: skip


def csv_rows(rows: Sequence[ReportRow]) -> list[list[object]]:
    """Return the figures as numbers, each unit in the name of its column."""
    table: list[list[object]] = [[
        "title", "model", "runtime", "board", "created", "loop",
        "median_ns", "median_low_ns", "median_high_ns",
        "metric", "metric_value", "metric_low", "metric_high",
        "energy_j", "energy_low_j", "energy_high_j",
        "model_bytes", "covered_share", "clock_verdict", "withheld",
        "interpreter_start_ns", "import_ns", "load_ns", "first_run_ns",
    ]]  # fmt: skip
    for row in rows:
        table.append([
            row.title, row.model, row.runtime, row.board, row.created, row.loop,
            *_numbers(row.latency_ns), row.metric, *_numbers(row.accuracy),
            *_numbers(row.energy_j), row.bytes, row.covered, row.verdict, row.withheld,
            *(row.cold_ns.get(name) for name in ("interpreter", "import", "load", "first run")),
        ])  # fmt: skip
    return [["" if cell is None else cell for cell in line] for line in table]


def _numbers(figure: Figure) -> tuple[object, object, object]:
    low, high = figure.interval or (None, None)
    return figure.value, low, high


def _latency(figure: Figure) -> str:
    if figure.value is None:
        return figure.reason
    if figure.interval is None:
        return f"{duration_interval(figure.value, None)} (no interval: {figure.reason})"
    return duration_interval(figure.value, figure.interval)


def _accuracy(row: ReportRow) -> str:
    value, interval = row.accuracy.value, row.accuracy.interval
    if value is None:
        return ""
    low, high = interval or (None, None)
    bounds = "" if low is None or high is None else f" [{low:.4g}, {high:.4g}]"
    return f"{row.metric} {value:.4g}{bounds}"


def _energy(figure: Figure) -> str:
    if figure.value is None:
        return ""
    low, high = figure.interval or (None, None)
    bounds = "" if low is None or high is None else f" [{1e3 * low:.4g}, {1e3 * high:.4g}]"
    return f"{1e3 * figure.value:.4g} mJ{bounds}"
