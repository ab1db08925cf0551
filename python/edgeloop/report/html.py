"""A report as one HTML file that needs nothing else: no network, no script."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Optional

from edgeloop.report.answer import answers, facts, label, measured
from edgeloop.report.cells import (
    PUBLISHED_HEADINGS,
    missing,
    published_cells,
    shown_columns,
)
from edgeloop.report.plots import Chart, unit_of
from edgeloop.report.published import Published, published
from edgeloop.report.tracks import Mark, tracks
from edgeloop.results.figures import duration, duration_interval
from edgeloop.results.row import ReportRow

_STYLE = """
:root { color-scheme: light dark; --ink: #16181d; --soft: #5c6370; --line: #d9dce1; --paper: #fff;
  --mark: #0072b2; --theirs: #8a8f98; --bad: #9a3412; --band: #f4f5f7; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e9ec; --soft: #a2a7b0; --line: #3a3e46;
  --paper: #15171b; --mark: #56b4e9; --theirs: #858b95; --bad: #f0a070; --band: #1e2126; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1.25rem;
  color: var(--ink); background: var(--paper); }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
dl { display: flex; flex-wrap: wrap; gap: 0 1.5rem; margin: 0; color: var(--soft); }
dl div { display: flex; gap: .4rem; } dt::after { content: ":"; } dd { margin: 0; }
.answer { font-size: 1.15rem; margin: 1rem 0 0; }
.bad { color: var(--bad); font-weight: 600; } small, .soft { color: var(--soft); }
figure { margin: 1rem 0; } figcaption { font-weight: 600; margin-bottom: .35rem; }
figure svg { width: 100%; height: auto; color: var(--ink); }
.row { display: grid; grid-template-columns: minmax(8rem, 26%) 1fr minmax(10rem, 24%);
  gap: 0 .75rem; align-items: center; padding: .15rem 0; }
.row .label { overflow-wrap: break-word; } .row .value { font-variant-numeric: tabular-nums; }
.track { position: relative; height: 1.25rem; background: var(--band); border-radius: 3px; }
.track i { position: absolute; top: 0; bottom: 0; }
.grid { border-left: 1px solid var(--line); }
.interval { background: var(--mark); opacity: .35; margin: .3rem 0; min-width: 2px; }
.dot { width: .7rem; height: .7rem; margin: .275rem 0 0 -.35rem; border-radius: 50%;
  background: var(--mark); bottom: auto !important; }
.theirs .dot { background: var(--paper); border: 2px solid var(--theirs); border-radius: 0; }
.impossible .label, .impossible .value { text-decoration: line-through; }
.axis .track { background: none; } .axis span span { position: absolute;
  transform: translateX(-50%); font-size: .8rem; color: var(--soft); }
.axis > span:last-child { font-size: .8rem; color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left;
  vertical-align: top; } .n { text-align: right; white-space: nowrap; }
details { border-top: 1px solid var(--line); padding: .5rem 0; } summary { cursor: pointer;
  font-weight: 600; }
@media (max-width: 44rem) { body { padding: .75rem; }
  .row { grid-template-columns: 1fr auto; } .row .track { grid-column: 1 / -1; grid-row: 2; }
  .axis span:first-child { display: none; } .axis .track { grid-row: 1; }
  thead { display: none; } table, tbody, tr, td { display: block; }
  tr { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; padding: .25rem .5rem; }
  td { border: 0; padding: .1rem 0; text-align: left !important; white-space: normal !important; }
  td:empty { display: none; }
  td::before { content: attr(data-label) " "; color: var(--soft); }
  section h2 { margin: 1rem 0 0; }
  figure.picture svg { min-width: 34rem; } }
@media print { body { max-width: none; } figure, tr { break-inside: avoid; }
  section.model { break-before: page; } section.model:first-of-type { break-before: auto; }
  .scroll { overflow: visible; } }
"""

# Of the figures of others, those nearest to one's own; the table has all of them.
_MOST_PUBLISHED = 10


def html_page(
    title: str,
    rows: Sequence[ReportRow],
    charts: Sequence[Chart],
    run_charts: Sequence[Chart],
    others: Sequence[Published] = (),
    notes: Sequence[str] = (),
) -> str:
    """Return the page: the answer, the chart of it, the table, then what is behind it, folded.

    All text is escaped. `charts` are those over all results, `run_charts` those of single runs.
    """
    numbers = {id(row): str(number) for number, row in enumerate(rows, start=1)}
    parts = [f"<header><h1>{escape(title)}</h1>", _facts(rows), "</header>"]
    parts += [f'<p class="answer">{escape(answer)}</p>' for answer in answers(rows)]
    parts += [f'<p class="bad">{escape(note)}</p>' for note in notes]
    parts += _latencies(rows, numbers)
    parts += [_picture(chart) for chart in charts if chart.first_page]
    parts.append(_results(rows, numbers))
    parts.append(_warnings(rows, numbers))
    parts += [_others(model, rows, others) for model in _models(measured(rows))]
    parts += _folded(rows, charts, run_charts, others)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body>\n</html>\n"
    )


def differences(rows: Sequence[ReportRow]) -> list[tuple[str, dict[str, int]]]:
    """Return each condition that is not the same everywhere: value → number of results.

    A condition that only some results know (another runtime's version) is not a difference.
    """
    names = dict.fromkeys(name for row in rows for name in row.environment)
    found = []
    for name in names:
        counts: dict[str, int] = {}
        for row in rows:
            value = row.environment.get(name)
            if value is not None:
                counts[value] = counts.get(value, 0) + 1
        if len(counts) > 1:
            found.append((name, counts))
    return found


def _models(rows: Iterable[ReportRow]) -> list[str]:
    return list(dict.fromkeys(row.model for row in rows))


def _facts(rows: Sequence[ReportRow]) -> str:
    said = (
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts(rows)
    )
    return f"<dl>{''.join(said)}</dl>"


def _latencies(rows: Sequence[ReportRow], numbers: dict[int, str]) -> list[str]:
    """Return a chart for each model: every latency with its interval, the fastest first."""
    drawn = [_of_model(model, rows, numbers) for model in _models(measured(rows))]
    drawn = [chart for chart in drawn if chart]
    title = '<p class="soft">Latency of one run: median and 95 % interval.</p>'
    return [title, *drawn] if drawn else []


def _of_model(model: str, rows: Sequence[ReportRow], numbers: dict[int, str]) -> str:
    timed = [
        row
        for row in measured(rows)
        if row.model == model and row.latency_ns.value and row.withheld is None
    ]
    if not timed:
        return ""
    timed.sort(key=lambda row: (row.board, row.latency_ns.value or 0.0))
    boards = {row.board for row in timed}
    divisor, unit = unit_of([row.latency_ns.value or 0.0 for row in timed])
    marks = [
        Mark(
            number=numbers[id(row)],
            label=label(row, with_board=len(boards) > 1),
            value=(row.latency_ns.value or 0.0) / divisor,
            low=_scaled(row, 0, divisor),
            high=_scaled(row, 1, divisor),
            text=duration_interval(row.latency_ns.value or 0.0, row.latency_ns.interval),
            note=("" if row.verdict in (None, "clean") else f" {row.verdict}")
            + ("" if row.latency_ns.interval else " no interval"),
        )
        for row in timed
    ]
    chart = tracks("", unit, marks)
    return f'<section class="model"><h2>{escape(model)}</h2>\n{chart}</section>'


def _scaled(row: ReportRow, end: int, divisor: float) -> Optional[float]:
    bound = (row.latency_ns.interval or (None, None))[end]
    return None if bound is None else bound / divisor


def _others(model: str, rows: Sequence[ReportRow], others: Sequence[Published]) -> str:
    """Return one's own fastest beside the nearest figures of others, at the same precision."""
    same = [entry for entry in published(model) if entry in others]
    timed = [row for row in measured(rows) if row.model == model and row.latency_ns.value]
    if not same or not timed:
        return ""
    own = min(timed, key=lambda row: row.latency_ns.value or 0.0)
    if own.precision:
        same = [entry for entry in same if entry.precision == own.precision]
    value_ns = own.latency_ns.value or 1.0
    same.sort(key=lambda entry: abs(math.log(entry.latency_ns / value_ns)))
    nearest = sorted(same[:_MOST_PUBLISHED], key=lambda entry: entry.latency_ns)
    if not nearest:
        return ""
    divisor, unit = unit_of([value_ns, *(float(entry.latency_ns) for entry in nearest)])
    marks = [
        Mark(
            "",
            f"here: {label(own)}",
            value_ns / divisor,
            _scaled(own, 0, divisor),
            _scaled(own, 1, divisor),
            duration_interval(value_ns, own.latency_ns.interval),
        )
    ]
    marks += [
        Mark(
            "",
            f"{entry.runtime}, {entry.precision} on {entry.board} ({entry.device})",
            entry.latency_ns / divisor,
            None,
            None,
            duration(entry.latency_ns),
            entry.source.name + ("; impossible" if entry.impossible else ""),
            theirs=True,
            impossible=entry.impossible is not None,
        )
        for entry in nearest
    ]
    chart = tracks("Published by others, by their own rules; no intervals", unit, marks)
    return f"<section><h2>{escape(model)} elsewhere</h2>\n{chart}</section>"


def _results(rows: Sequence[ReportRow], numbers: dict[int, str]) -> str:
    """Return the table; why a figure is missing is a footnote."""
    columns = shown_columns(rows)
    notes: dict[str, int] = {}
    lines = []
    for row in rows:
        cells = [f'<td data-label="#">{numbers[id(row)]}</td>']
        for column in columns:
            text = escape(column.cell(row))
            reason = missing(row) if column.heading == "95 % interval" and not text else ""
            if reason:
                mark = notes.setdefault(reason, len(notes) + 1)
                text = f"– <sup>{mark}</sup>"
            kind = ' class="n"' if column.number else ""
            cells.append(f'<td{kind} data-label="{escape(column.heading)}">{text}</td>')
        lines.append(f"<tr>{''.join(cells)}</tr>")
    heads = "".join(
        f'<th scope="col"{" class=n" if column.number else ""}>{escape(column.heading)}</th>'
        for column in columns
    )
    foot = "".join(
        f'<p class="soft"><sup>{mark}</sup> {escape(reason)}</p>' for reason, mark in notes.items()
    )
    return (
        '<h2>All results</h2><div class="scroll"><table>\n'
        f'<thead><tr><th scope="col">#</th>{heads}</tr></thead>\n<tbody>\n'
        + "\n".join(lines)
        + f"\n</tbody></table></div>{foot}"
    )


def _warnings(rows: Sequence[ReportRow], numbers: dict[int, str]) -> str:
    """Return each warning once, with the rows that it touches."""
    touched: dict[str, list[str]] = {}
    for row in rows:
        for text in row.warnings:
            touched.setdefault(text, []).append(numbers[id(row)])
    if not touched:
        return ""
    items = "".join(
        f"<li>{escape(text)} <small>({'all' if len(which) == len(rows) else ', '.join(which)})"
        "</small></li>"
        for text, which in sorted(touched.items(), key=lambda item: -len(item[1]))
    )
    summary = f"<summary>{len(touched)} warnings</summary>"
    return f"<details>{summary}<ul>{items}</ul></details>"


def _folded(
    rows: Sequence[ReportRow],
    charts: Sequence[Chart],
    run_charts: Sequence[Chart],
    others: Sequence[Published],
) -> list[str]:
    parts = [
        f"<details><summary>{escape(chart.title)}</summary>{_picture(chart)}</details>"
        for chart in charts
        if not chart.first_page
    ]
    found = differences(rows)
    if found:
        table = _table(("condition", "values (results)"), [
            (name, "; ".join(f"{value} ({number})" for value, number in counts.items()))
            for name, counts in found
        ])  # fmt: skip
        parts.append(f"<details><summary>Not the same everywhere</summary>{table}</details>")
    if others:
        table = _table(PUBLISHED_HEADINGS, [published_cells(entry) for entry in others])
        parts.append(
            "<details><summary>Published by others</summary><p>Not measured with edgeloop, and "
            f"not by its rules: other threads, statistics and timed regions.</p>{table}</details>"
        )
    if run_charts:
        drawn = "".join(_picture(chart) for chart in run_charts)
        parts.append(f"<details><summary>Each run</summary>{drawn}</details>")
    return parts


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "\n".join(
        "<tr>"
        + "".join(
            f'<td data-label="{escape(heading)}">{escape(cell)}</td>'
            for heading, cell in zip(headings, row)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n'
        "</tbody></table></div>"
    )


def _picture(chart: Chart) -> str:
    title = escape(chart.title)
    svg = chart.svg().replace("<svg", f'<svg role="img" aria-label="{title}"', 1)
    caption = f"<figcaption>{title}</figcaption>"
    return f'<div class="scroll"><figure class="picture">{caption}\n{svg}</figure></div>'
