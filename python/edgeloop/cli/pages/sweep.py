"""A sweep as text: its plan, and the table sorted by latency, within 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from edgeloop.cli.output import cut
from edgeloop.cli.pages.columns import columns
from edgeloop.errors import plain
from edgeloop.results.figures import duration_interval
from edgeloop.results.row import Figure, ReportRow, report_rows
from edgeloop.suite.run import Row, SuiteReport
from edgeloop.suite.sweep import FLOAT, Sweep

_WIDTH = 79
_LONGEST = 2000
_HEADER = ("runtime", "MB", "load", "median ± 95 %")

# From this share on a delegate ran the model.
_ALL = 0.995


def sweep_plan_page(sweep: Sweep) -> str:
    """Return what `edgeloop sweep --plan` prints."""
    table: list[Sequence[str]] = [("runtime", "runs", "made by")]
    table += [
        (f"{row.runtime} {row.precision or FLOAT}", row.format, row.way) for row in sweep.rows
    ]
    runtimes = len({row.runtime for row in sweep.rows})
    rows = f"{len(sweep.rows)} rows in {runtimes} runtime{'' if runtimes == 1 else 's'}"
    lines = [cut(line, _WIDTH) for line in columns(table).splitlines()]
    parts = [f"{sweep.name}: {rows}, from {sweep.source.format}", "\n".join(lines)]
    missing = dict.fromkeys(row.missing for row in sweep.rows if row.missing is not None)
    parts += [_wrapped(f"cannot be made here: {reason}", 4) for reason in missing]
    return "\n\n".join([*parts, *_left_out(sweep)])


def sweep_page(sweep: Sweep, report: SuiteReport) -> str:
    """Return what `edgeloop sweep` prints: the fastest first, then what failed, and why."""
    figures = {
        row.entry.id: report_rows([row.result])[0] for row in report.rows if row.result is not None
    }
    measured = [
        (row, figures[row.entry.id])
        for row in report.rows
        if row.entry.id in figures and figures[row.entry.id].latency_ns.value is not None
    ]
    measured.sort(key=lambda pair: pair[1].latency_ns.value or 0.0)
    parts = [_answer(report, measured)]
    if measured:
        with_data = any(found.accuracy.value is not None for _, found in measured)
        header = (*_HEADER, "accuracy, 95 %" if with_data else "agreement", "ran by")
        cells = [_cells(row, found, with_data) for row, found in measured]
        parts.append(columns([header, *cells], indent="", right=(1, 2)))
    kept = {row.entry.id for row, _ in measured}
    failed = [row for row in report.rows if row.entry.id not in kept]
    if failed:
        parts.append("\n".join(_failure(row, figures.get(row.entry.id)) for row in failed))
    if report.interrupted:
        parts.append("interrupted: --resume continues")
    return "\n\n".join([*parts, *_left_out(sweep)])


def _answer(report: SuiteReport, measured: Sequence[tuple[Row, ReportRow]]) -> str:
    """Return the fastest row, of how many, and what was measured."""
    count = f"{len(measured)} of {len(report.rows)} rows measured"
    if not measured:
        return count
    row, found = measured[0]
    latency = duration_interval(found.latency_ns.value or 0.0, found.latency_ns.interval)
    threads = "1 thread" if found.threads == 1 else f"{found.threads} threads"
    parts = [Path(row.entry.spec.model).name, found.board, threads, found.data, count]
    return f"fastest: {_name(row, found)}, {latency}\n  {plain(', '.join(filter(None, parts)))}"


def _name(row: Row, found: Optional[ReportRow]) -> str:
    made = None if row.entry.conversion is None else row.entry.conversion.precision
    stored = "" if found is None else found.precision
    name = made or stored or FLOAT
    executed = "" if found is None or found.executed in ("", name) else f" in {found.executed}"
    return f"{row.entry.runtime} {name}{executed}"


def _cells(row: Row, found: ReportRow, with_data: bool) -> Sequence[str]:
    return (
        _name(row, found),
        "" if found.bytes is None else f"{found.bytes / 1e6:.3g}",
        _short(found.cold_ns.get("load")),
        _latency(found.latency_ns),
        _accuracy(found.accuracy) if with_data else _agreement(row),
        _owner(found),
    )


def _short(value_ns: Optional[float]) -> str:
    """Return a time with three digits."""
    if value_ns is None:
        return ""
    scale, unit = next(
        (one for one in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")) if value_ns >= 0.9995 * one[0]),
        (1.0, "ns"),
    )
    value = value_ns / scale
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"


def _latency(figure: Figure) -> str:
    text = _short(figure.value)
    if figure.interval is None or figure.value is None or None in figure.interval:
        return f"{text} (none)"
    low, high = figure.interval
    half = ((high or 0.0) - (low or 0.0)) / 2 / figure.value
    return f"{text} ±{100 * half:.2g} %"


def _accuracy(figure: Figure) -> str:
    if figure.value is None:
        return "-"
    if figure.interval is None or None in figure.interval:
        return f"{100 * figure.value:.1f} %"
    low, high = figure.interval
    return f"{100 * figure.value:.1f} [{100 * (low or 0):.0f}, {100 * (high or 0):.0f}]"


def _agreement(row: Row) -> str:
    """Return how the outputs of a converted model agree with the source's."""
    made = None if row.result is None else row.result.header.get("conversion")
    if row.entry.conversion is None:
        return "the source"
    found = (made or {}).get("verification") or {}
    if found.get("passed") is None:
        return "not verified"
    worst = [one["cosine_min"] for one in found["outputs"] if one["cosine_min"] is not None]
    return f"cosine {min(worst):.5f}" if worst else "verified"


def _owner(found: ReportRow) -> str:
    """Return who ran the model: the delegates or providers, or the runtime itself."""
    if found.covered is None:
        return "itself"
    name = found.covered_by.partition(",")[0].replace("ExecutionProvider", "")
    return name if found.covered >= _ALL else f"{name} {100 * found.covered:.0f} %"


def _failure(row: Row, found: Optional[ReportRow]) -> str:
    """Return a row without a latency, and why, on three lines at most."""
    if row.ended is None:
        return f"{_name(row, found)}: not measured yet"
    reason = row.ended.error or (found.withheld or found.latency_ns.reason if found else "")
    words = plain(reason or "without a reason", _LONGEST)
    return _wrapped(f"{_name(row, found)}: failed: {words}", 3)


def _left_out(sweep: Sweep) -> list[str]:
    """Return a line for each reason, and one for all that is not installed."""
    names: dict[str, list[str]] = {}
    for one in sweep.left_out:
        names.setdefault(one.reason, []).append(one.name)
    lines = [f"left out: {', '.join(found)}: {reason}" for reason, found in names.items()]
    if sweep.missing:
        missing = ", ".join(one.name for one in sweep.missing)
        lines.append(f"not installed: {missing} (edgeloop doctor says what to do)")
    return ["\n".join(_wrapped(line, 2) for line in lines)] if lines else []


def _wrapped(text: str, most_lines: int) -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        subsequent_indent="  ",
        max_lines=most_lines,
        placeholder=" …",
        break_on_hyphens=False,
    )
