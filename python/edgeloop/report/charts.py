"""The charts over all results of a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgeloop.report.pareto import pareto_front
from edgeloop.report.plots import COLOURS, HATCHES, Chart, unit_of
from edgeloop.report.published import Published, published
from edgeloop.results.row import ReportRow

# Bars of one chart; more would be thinner than a line. The table has all of them.
MOST_BARS = 60

_COLD = ("interpreter", "import", "load", "first run")


def summary_charts(rows: Sequence[ReportRow], others: Sequence[Published] = ()) -> list[Chart]:
    """Return the charts that these results have something for."""
    charts = []
    timed = [row for row in rows if row.latency_ns.value is not None]
    for model in dict.fromkeys(row.model for row in timed):
        of_model = [row for row in timed if row.model == model]
        same_network = set(published(model)) & set(others)
        theirs = [entry for entry in others if entry in same_network]
        charts.append(_latency(model, of_model[:MOST_BARS], theirs))
    if any(row.accuracy.value is not None for row in timed):
        charts.append(_accuracy(timed))
    looped = [row for row in timed if len(row.loops_ns) > 1]
    if looped:
        charts.append(_overhead(looped[:MOST_BARS]))
    if timed:
        charts.append(_cold(timed[:MOST_BARS]))
    metered = [row for row in timed if row.energy_j.value is not None]
    if metered:
        charts.append(_energy(metered[:MOST_BARS]))
    return charts


def _height(bars: int) -> float:
    return 1.2 + 0.32 * bars


def _label(row: ReportRow) -> str:
    """Return the configuration without the model's name, which the chart's title has."""
    return row.title.partition("@")[2] or row.title


def _latency(model: str, rows: Sequence[ReportRow], others: Sequence[Published]) -> Chart:
    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        times_ns = [row.latency_ns.value or 0.0 for row in rows]
        times_ns += [float(entry.latency_ns) for entry in others]
        divisor, unit = unit_of(times_ns)
        boards = list(dict.fromkeys(row.board for row in rows))
        labels = []
        for number, row in enumerate(rows):
            board = boards.index(row.board)
            _bar(axes, number, row, divisor, COLOURS[board % 7], HATCHES[board % 7])
            labels.append(_label(row))
        for number, entry in enumerate(others, start=len(rows)):
            axes.barh(
                number, entry.latency_ns / divisor, color="white", edgecolor="#777777",
                linestyle="--",
            )  # fmt: skip
            mark = "published" if entry.impossible is None else "published, IMPOSSIBLE"
            labels.append(f"{entry.runtime} {entry.precision}, {entry.board} ({mark})")
        axes.set_yticks(range(len(labels)), labels)
        axes.invert_yaxis()
        axes.set_xlabel(f"latency of one run, {unit} (median, 95 % interval)")
        axes.set_xlim(left=0)
        axes.margins(y=0.02)
        _legend(axes, boards)

    title = f"Latency of {model} by configuration and board"
    return Chart(f"latency-{model}", title, draw, _height(len(rows) + len(others)))


def _bar(axes: Any, number: int, row: ReportRow, divisor: float, colour: str, hatch: str) -> None:
    value = (row.latency_ns.value or 0.0) / divisor
    axes.barh(number, value, color=colour, hatch=hatch, edgecolor="white", linewidth=0.5)
    low, high = row.latency_ns.interval or (None, None)
    if low is not None and high is not None:
        error = [[value - low / divisor], [high / divisor - value]]
        axes.errorbar(value, number, xerr=error, color="black", capsize=3, linewidth=1)
    mark = "" if row.verdict in (None, "clean") else f" {row.verdict}"
    axes.annotate(
        f" {value:.4g}{mark}", (value if high is None else high / divisor, number), va="center",
        fontsize=8,
    )  # fmt: skip


def _log_scale(axes: Any) -> None:
    """Show ratios as equal steps, with plain numbers at the ticks."""
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _legend(axes: Any, names: Sequence[str]) -> None:
    if len(names) < 2:
        axes.set_title(names[0] if names else "", loc="left", fontsize=9)
        return
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=COLOURS[n % 7], hatch=HATCHES[n % 7], edgecolor="white", label=name)
        for n, name in enumerate(names)
    ]
    axes.legend(handles=handles, fontsize=8, loc="lower right")


def _accuracy(rows: Sequence[ReportRow]) -> Chart:
    metric = next(row.metric for row in rows if row.accuracy.value is not None)
    shown = [row for row in rows if row.metric == metric]

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        divisor, unit = unit_of([row.latency_ns.value or 0.0 for row in shown])
        front = pareto_front(shown)
        for number, model in enumerate(dict.fromkeys(row.model for row in shown)):
            points = [row for row in shown if row.model == model]
            axes.scatter(
                [(row.latency_ns.value or 0.0) / divisor for row in points],
                [row.accuracy.value for row in points],
                color=COLOURS[number % 7], marker="osD^vPX"[number % 7], label=model, zorder=3,
            )  # fmt: skip
        axes.plot(
            [(row.latency_ns.value or 0.0) / divisor for row in front],
            [row.accuracy.value for row in front],
            color="black", linestyle="--", linewidth=1, label="Pareto front",
        )  # fmt: skip
        for row in front:
            axes.annotate(
                _label(row), ((row.latency_ns.value or 0.0) / divisor, row.accuracy.value or 0.0),
                textcoords="offset points", xytext=(5, 5), fontsize=7,
            )  # fmt: skip
        for row in shown:
            low, high = row.accuracy.interval or (None, None)
            if low is not None and high is not None:
                place = (row.latency_ns.value or 0.0) / divisor
                axes.plot([place, place], [low, high], color="#777777", linewidth=1, zorder=2)
        _log_scale(axes)
        axes.set_xlabel(f"latency of one run, {unit} (median); the lines are 95 % intervals")
        axes.set_ylabel(metric)
        axes.legend(fontsize=8)

    return Chart("accuracy", f"{metric} against latency", draw, 4.5)


def _overhead(rows: Sequence[ReportRow]) -> Chart:
    names = list(dict.fromkeys(name for row in rows for name in row.loops_ns))

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        width = 0.8 / len(names)
        for index, name in enumerate(names):
            ratios, places = [], []
            for number, row in enumerate(rows):
                first = next(iter(row.loops_ns.values())).value
                own = row.loops_ns.get(name)
                if own is not None and own.value is not None and first:
                    ratios.append(own.value / first)
                    places.append(number + (index - len(names) / 2 + 0.5) * width)
            axes.barh(
                places, ratios, height=width, color=COLOURS[index % 7], hatch=HATCHES[index % 7],
                edgecolor="white", label=name,
            )  # fmt: skip
        axes.set_yticks(range(len(rows)), [row.title for row in rows])
        axes.invert_yaxis()
        _log_scale(axes)
        axes.margins(y=0.02)
        figure.supxlabel("median of the loop / median of the first loop", size=10)
        figure.legend(fontsize=8, loc="outside upper left", ncols=len(names))

    return Chart("overhead", "What each loop adds", draw, 1.2 + 0.6 * len(rows))


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
        axes.set_yticks(range(len(rows)), [row.title for row in rows])
        axes.invert_yaxis()
        axes.margins(y=0.02)
        figure.supxlabel("ms to the first result, first process; | marks the warm median", size=10)
        figure.legend(fontsize=8, loc="outside upper left", ncols=len(_COLD))

    return Chart("cold", "Cold start against the warm latency", draw, _height(len(rows)))


def _energy(rows: Sequence[ReportRow]) -> Chart:
    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        values = [1e3 * (row.energy_j.value or 0.0) for row in rows]
        axes.barh(range(len(rows)), values, color=COLOURS[2])
        for number, row in enumerate(rows):
            low, high = row.energy_j.interval or (None, None)
            if low is not None and high is not None:
                error = [[values[number] - 1e3 * low], [1e3 * high - values[number]]]
                axes.errorbar(values[number], number, xerr=error, color="black", capsize=3)
        axes.set_yticks(range(len(rows)), [row.title for row in rows])
        axes.invert_yaxis()
        axes.set_xlabel("energy of one run, mJ (95 % interval)")

    return Chart("energy", "Energy of one run", draw, _height(len(rows)))
