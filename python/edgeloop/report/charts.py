"""The charts over all results of a report that are drawn: accuracy, loops, cold start, energy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgeloop.report.answer import label, measured
from edgeloop.report.plots import COLOURS, HATCHES, Chart, unit_of
from edgeloop.results.row import Figure, ReportRow

# Bars of one chart; more would be thinner than a line. The table has all of them.
MOST_BARS = 40

# Of a metric that is an error, less is better.
ERRORS = ("mse",)

_COLD = ("interpreter", "import", "load", "first run")


def summary_charts(rows: Sequence[ReportRow]) -> list[Chart]:
    """Return the charts that these results have something for."""
    numbers = {id(row): str(number) for number, row in enumerate(rows, start=1)}
    timed = [row for row in measured(rows) if row.latency_ns.value is not None]
    judged = [row for row in timed if row.accuracy.value is not None]
    # One front never spans two data sets: their accuracies are not of the same thing.
    grounds = dict.fromkeys((row.data, row.metric) for row in judged)
    charts = [
        _accuracy([row for row in judged if (row.data, row.metric) == ground], numbers)
        for ground in grounds
    ]
    looped = [row for row in timed if len(row.loops_ns) > 1]
    if looped:
        charts.append(_overhead(looped[:MOST_BARS]))
    if timed:
        charts.append(_cold(timed[:MOST_BARS]))
    metered = [row for row in timed if row.energy_j.value is not None]
    if metered:
        charts.append(_energy(metered[:MOST_BARS]))
    return charts


def pareto_front(rows: Sequence[ReportRow]) -> list[ReportRow]:
    """Return the results that no other beats in both latency and accuracy, from fast to slow."""
    candidates = [
        row for row in rows if row.latency_ns.value is not None and row.accuracy.value is not None
    ]
    candidates.sort(key=lambda row: (row.latency_ns.value or 0.0, -_goodness(row)))
    front: list[ReportRow] = []
    for row in candidates:
        if not front or _goodness(row) > _goodness(front[-1]):
            front.append(row)
    return front


def _goodness(row: ReportRow) -> float:
    value = row.accuracy.value or 0.0
    return -value if row.metric in ERRORS else value


def _accuracy(rows: Sequence[ReportRow], numbers: dict[int, str]) -> Chart:
    metric, data = rows[0].metric, rows[0].data

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        divisor, unit = unit_of([row.latency_ns.value or 0.0 for row in rows])
        front = pareto_front(rows)
        for row in rows:
            x, y = (row.latency_ns.value or 0.0) / divisor, row.accuracy.value or 0.0
            colour = COLOURS[0] if row in front else "#808080"
            _cross(axes, x, y, row.latency_ns, row.accuracy, divisor, colour)
            axes.annotate(
                numbers[id(row)], (x, y), textcoords="offset points", xytext=(5, 4), fontsize=9
            )
        axes.plot(
            [(row.latency_ns.value or 0.0) / divisor for row in front],
            [row.accuracy.value for row in front],
            color=COLOURS[0], linestyle="--", linewidth=1,
        )  # fmt: skip
        _log_scale(axes, [(row.latency_ns.value or 1.0) / divisor for row in rows])
        axes.set_xlabel(f"latency of one run, {unit}; numbers are those of the table")
        axes.set_ylabel(f"{metric}, 95 % interval")

    title = f"{metric.capitalize()} on {data} against latency; the line is the best trade-off"
    return Chart(f"accuracy-{data}", title, draw, 3.6, first_page=True)


def _cross(
    axes: Any,
    x: float,
    y: float,
    across: Figure,
    up: Figure,
    divisor: float,
    colour: str,
) -> None:
    """Draw a point with both of its intervals."""
    axes.plot(x, y, "o", color=colour, markersize=6, zorder=3)
    for figure, scale, horizontal in ((across, divisor, True), (up, 1.0, False)):
        low, high = figure.interval or (None, None)
        if low is None or high is None:
            continue
        ends = [low / scale, high / scale]
        line = (ends, [y, y]) if horizontal else ([x, x], ends)
        axes.plot(*line, color=colour, linewidth=1, zorder=2)


def _log_scale(axes: Any, values: Sequence[float]) -> None:
    """Show ratios as equal steps, with plain numbers at the ticks; narrow ranges stay linear."""
    if max(values) < 3 * min(values):  # no two round numbers would be ticks
        return
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _overhead(rows: Sequence[ReportRow]) -> Chart:
    """Draw each loop as a row of dots: what it takes beyond the first loop of its result."""
    lines = [
        (f"{label(row)}: {name}", first, loop)
        for row in rows
        for first in [next(iter(row.loops_ns.values()))]
        for name, loop in list(row.loops_ns.items())[1:]
        if loop.value is not None and first.value
    ]

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        ratios = [(loop.value or 0.0) / (first.value or 1.0) for _, first, loop in lines]
        axes.plot(ratios, range(len(lines)), "o", color=COLOURS[0])
        for number, (_, first, loop) in enumerate(lines):
            low, high = loop.interval or (None, None)
            if low is not None and high is not None and first.value:
                ends = [low / first.value, high / first.value]
                axes.plot(ends, [number, number], color=COLOURS[0], linewidth=2, alpha=0.5)
        axes.set_yticks(range(len(lines)), [name for name, _, _ in lines])
        axes.invert_yaxis()
        _log_scale(axes, [*ratios, 1.0])
        axes.axvline(1.0, color="#808080", linewidth=1)
        axes.set_xlabel("median of the loop / median of the native loop")

    return Chart("overhead", "What each loop adds", draw, 1.0 + 0.3 * max(1, len(lines)))


def _cold(rows: Sequence[ReportRow]) -> Chart:
    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        for number, row in enumerate(rows):
            left = 0.0
            for index, name in enumerate(_COLD):
                width = row.cold_ns.get(name, 0) / 1e6
                axes.barh(
                    number, width, left=left, color=COLOURS[index], hatch=HATCHES[index],
                    edgecolor="white", label=name if number == 0 else None,
                )  # fmt: skip
                left += width
            axes.plot((row.latency_ns.value or 0.0) / 1e6, number, "k|", markersize=10)
        _rows_of(axes, rows)
        figure.supxlabel("ms to the first result, first process; | marks the warm median", size=10)
        figure.legend(fontsize=9, loc="outside upper left", ncols=len(_COLD))

    return Chart("cold", "Cold start against the warm latency", draw, 1.3 + 0.3 * len(rows))


def _energy(rows: Sequence[ReportRow]) -> Chart:
    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        values = [1e3 * (row.energy_j.value or 0.0) for row in rows]
        axes.plot(values, range(len(rows)), "o", color=COLOURS[2])
        for number, row in enumerate(rows):
            low, high = row.energy_j.interval or (None, None)
            if low is not None and high is not None:
                axes.plot([1e3 * low, 1e3 * high], [number] * 2, color=COLOURS[2], alpha=0.5)
        _rows_of(axes, rows)
        axes.set_xlim(left=0)
        axes.set_xlabel("energy of one run, mJ (95 % interval)")

    return Chart("energy", "Energy of one run", draw, 1.0 + 0.3 * len(rows))


def _rows_of(axes: Any, rows: Sequence[ReportRow]) -> None:
    names = [f"{row.model} {label(row)}" for row in rows]
    axes.set_yticks(range(len(rows)), [_short(name) for name in names])
    axes.invert_yaxis()
    axes.margins(y=0.02)


def _short(text: str, most: int = 48) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
