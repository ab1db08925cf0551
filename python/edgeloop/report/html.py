"""A report as one HTML file that needs nothing else: no network, no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from edgeloop.report.cells import HEADINGS, PUBLISHED_HEADINGS, cells, published_cells
from edgeloop.report.differences import differences
from edgeloop.report.plots import Chart
from edgeloop.report.published import Published
from edgeloop.results.row import ReportRow

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 70rem; padding: 1rem;
  color: #111; background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
figure { margin: 1.5rem 0; } figcaption { font-weight: 600; margin-bottom: .25rem; }
figure svg { width: 100%; height: auto; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #ccc; padding: .35rem .6rem; text-align: left;
  vertical-align: top; }
td:first-child { overflow-wrap: anywhere; min-width: 12rem; }
.bad { color: #9a3412; font-weight: 600; }
@media (max-width: 40rem) { body { font-size: 14px; padding: .5rem; }
  .scroll figure svg { min-width: 36rem; } }
@media print { body { max-width: none; } figure, tr { break-inside: avoid; }
  .scroll { overflow: visible; } }
"""


def html_page(
    title: str,
    rows: Sequence[ReportRow],
    charts: Sequence[Chart],
    run_charts: Sequence[Chart],
    others: Sequence[Published] = (),
    notes: Sequence[str] = (),
) -> str:
    """Return the page. All text is escaped; charts are inline SVG."""
    parts = [f"<h1>{escape(title)}</h1>", _summary(rows)]
    parts += [f'<p class="bad">{escape(note)}</p>' for note in notes]
    parts.append(_table(HEADINGS, [cells(row) for row in rows]))
    parts += [_figure(chart) for chart in charts]
    found = differences(rows)
    if found:
        parts.append("<h2>Not the same everywhere</h2>")
        parts.append(_table(("condition", "values (results)"), [
            (name, "; ".join(f"{value} ({number})" for value, number in counts.items()))
            for name, counts in found
        ]))  # fmt: skip
    if others:
        parts.append("<h2>Published by others</h2><p>Not measured with edgeloop, and not by its "
                     "rules: other threads, statistics and timed regions.</p>")  # fmt: skip
        parts.append(_table(PUBLISHED_HEADINGS, [published_cells(entry) for entry in others]))
    if run_charts:
        parts.append("<h2>Each run</h2>")
        parts += [_figure(chart) for chart in run_charts]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _summary(rows: Sequence[ReportRow]) -> str:
    boards = ", ".join(dict.fromkeys(row.board for row in rows))
    models = len({row.model for row in rows})
    return f"<p>{len(rows)} results of {models} models on {escape(boards)}.</p>"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n'
        "</tbody></table></div>"
    )


def _figure(chart: Chart) -> str:
    title = escape(chart.title)
    svg = chart.svg().replace("<svg", f'<svg role="img" aria-label="{title}"', 1)
    caption = f"<figcaption>{title}</figcaption>"
    return f'<div class="scroll"><figure>{caption}\n{svg}</figure></div>'
