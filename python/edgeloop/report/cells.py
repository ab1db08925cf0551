"""The table of a report: the same columns in HTML, Markdown and CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Optional

from edgeloop.report.published import Published
from edgeloop.results.figures import duration, duration_interval, percent, size
from edgeloop.results.row import Figure, ReportRow

PUBLISHED_HEADINGS = ("model", "runtime", "board", "latency", "source", "note")


@dataclass(frozen=True)
class Column:
    """One column: its heading, and what a row has in it; an empty column is left out."""

    heading: str
    cell: Callable[[ReportRow], str]
    number: bool = False
    """Aligned to the right."""
    said_above: bool = False
    """Stands in the heading of the report, where it is the same in all rows."""


def _optional(value: Optional[int]) -> str:
    return "" if value is None else str(value)


def _bounds(figure: Figure, digits: Callable[[float], str]) -> str:
    low, high = figure.interval or (None, None)
    return "" if low is None or high is None else f"{digits(low)} to {digits(high)}"


def _latency(row: ReportRow) -> str:
    # Runs over a data set copy between two runs: their latency stands beside no benchmark's.
    if row.withheld is not None or row.latency_ns.value is None or row.command == "eval":
        return ""
    return duration(row.latency_ns.value)


def _latency_bounds(row: ReportRow) -> str:
    value, interval = row.latency_ns.value, row.latency_ns.interval
    if row.withheld is not None or value is None or interval is None:
        return ""
    return duration_interval(value, interval).partition("[")[2].rstrip("]").replace(", ", " to ")


def _p90(row: ReportRow) -> str:
    return "" if row.p90_ns.value is None else duration(row.p90_ns.value)


def _accuracy(row: ReportRow) -> str:
    value = row.accuracy.value
    if value is None:
        return ""
    if row.metric == "accuracy":
        bounds = _bounds(row.accuracy, lambda share: percent(share).removesuffix(" %"))
        return percent(value) + (f" ({bounds})" if bounds else "")
    bounds = _bounds(row.accuracy, "{:.4g}".format)
    return f"{row.metric} {value:.4g}" + (f" ({bounds})" if bounds else "")


def _energy(row: ReportRow) -> str:
    def millijoules(value: float) -> str:
        return f"{1e3 * value:.4g} mJ"

    if row.energy_j.value is None:
        return ""
    bounds = _bounds(row.energy_j, millijoules)
    return millijoules(row.energy_j.value) + (f" ({bounds})" if bounds else "")


COLUMNS = (
    Column("model", lambda row: row.model),
    Column("runtime", lambda row: f"{row.runtime} {row.version}".strip()),
    Column("loop", lambda row: "" if row.loop == "native" else row.loop),
    Column("threads", lambda row: _optional(row.threads), number=True),
    Column("delegate", lambda row: row.delegates),
    Column("on delegates", lambda row: "" if row.covered is None else percent(row.covered)),
    Column("precision", lambda row: row.precision),
    Column("computes in", lambda row: row.executed),
    Column("board", lambda row: row.board, said_above=True),
    Column("median", _latency, number=True),
    Column("95 % interval", _latency_bounds, number=True),
    Column("p90", _p90, number=True),
    Column("accuracy", _accuracy),
    Column("data set", lambda row: row.data),
    Column("energy of a run", _energy),
    Column("size", lambda row: "" if row.bytes is None else size(row.bytes), number=True),
    Column("clock", lambda row: "" if row.verdict in (None, "clean") else str(row.verdict)),
)
"""In the order of the table."""


def shown_columns(rows: Sequence[ReportRow]) -> list[Column]:
    """Return the columns in which a row says something."""
    shown = []
    for column in COLUMNS:
        values = {column.cell(row) for row in rows}
        if values != {""} and not (column.said_above and len(values) == 1):
            shown.append(column)
    return shown


def missing(row: ReportRow) -> str:
    """Return why a row has no latency, or no interval; empty where it has both."""
    if row.withheld is not None:
        return row.withheld
    if row.command == "eval":
        return ""
    return row.latency_ns.reason if row.latency_ns.interval is None else ""


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
    named: list[tuple[str, Callable[[ReportRow], object]]] = [
        ("title", lambda row: row.title),
        ("command", lambda row: row.command),
        ("model", lambda row: row.model),
        ("runtime", lambda row: row.runtime),
        ("runtime_version", lambda row: row.version),
        ("threads", lambda row: row.threads),
        ("delegates", lambda row: row.delegates),
        ("precision", lambda row: row.precision),
        ("executed_precision", lambda row: row.executed),
        ("board", lambda row: row.board),
        ("created", lambda row: row.created),
        ("effort", lambda row: row.effort),
        ("loop", lambda row: row.loop),
        *_three("median", "_ns", lambda row: row.latency_ns),
        ("no_interval", lambda row: row.latency_ns.reason),
        *_three("p90", "_ns", lambda row: row.p90_ns),
        ("samples", lambda row: row.samples),
        ("n_eff", lambda row: None if row.n_eff is None else round(row.n_eff)),
        ("processes", lambda row: row.processes),
        ("data_set", lambda row: row.data),
        ("metric", lambda row: row.metric),
        *_three("metric", "", lambda row: row.accuracy, value="metric_value"),
        *_three("energy", "_j", lambda row: row.energy_j),
        ("model_bytes", lambda row: row.bytes),
        ("covered_share", lambda row: row.covered),
        ("clock_verdict", lambda row: row.verdict),
        ("withheld", lambda row: row.withheld),
        ("interpreter_start_ns", lambda row: row.cold_ns.get("interpreter")),
        ("import_ns", lambda row: row.cold_ns.get("import")),
        ("load_ns", lambda row: row.cold_ns.get("load")),
        ("first_run_ns", lambda row: row.cold_ns.get("first run")),
        ("python", lambda row: row.environment.get("Python")),
    ]
    table: list[list[object]] = [[name for name, _ in named]]
    table += [[_cell(read(row)) for _, read in named] for row in rows]
    return table


_Named = tuple[str, Callable[[ReportRow], object]]


def _three(
    name: str, unit: str, read: Callable[[ReportRow], Figure], value: Optional[str] = None
) -> list[_Named]:
    """Return the columns of a figure: its value and both bounds."""
    return [
        (value or f"{name}{unit}", lambda row: read(row).value),
        (f"{name}_low{unit}", lambda row: (read(row).interval or (None, None))[0]),
        (f"{name}_high{unit}", lambda row: (read(row).interval or (None, None))[1]),
    ]


def _cell(value: object) -> object:
    """Keep seven significant digits: more say nothing, and spreadsheets show them all."""
    if value is None:
        return ""
    return float(f"{value:.7g}") if isinstance(value, float) else value
