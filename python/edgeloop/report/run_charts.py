"""The charts of one result: its blocks over time, and how its samples are distributed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgeloop.report.plots import COLOURS, Chart, unit_of
from edgeloop.results.block_labels import CLEAN, DISTURBED, SLOWER, THROTTLED
from edgeloop.results.schema import Block, Result
from edgeloop.spec.plain_text import plain
from edgeloop.stats.run_times import joined

# As many points as a curve needs to look smooth; the samples themselves are in the result.
_CURVE_POINTS = 200

_SHADES = {THROTTLED: "#D55E00", DISTURBED: "#0072B2", SLOWER: "#777777"}

# Beyond this quantile one outlier would squeeze all the rest.
_SHOWN_QUANTILE = 0.999


def run_charts(result: Result, number: int) -> list[Chart]:
    """Return the charts of the headline loop; none where nothing was measured."""
    processes = [
        [b for b in invocation.blocks if b.loop == result.loops[0] and b.durations_ns.size]
        for invocation in result.invocations
    ]
    processes = [blocks for blocks in processes if any(not block.tail for block in blocks)]
    if not processes:
        return []
    title = plain(str(result.header["title"]), 160)
    return [
        _over_time(result, processes, f"time-{number}", f"{title}: blocks over time"),
        _distribution(processes, f"distribution-{number}", f"{title}: distribution of the samples"),
    ]


def _over_time(result: Result, processes: list[list[Block]], name: str, title: str) -> Chart:
    labels = {
        id(block): label.name
        for invocation, each in zip(result.invocations, result.block_labels())
        for block, label in zip(invocation.blocks, each)
        if label is not None
    }
    states = (result.summary.get("summary") or {}).get("steady_states") or []

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        every_ns = [_median_ns(block) for blocks in processes for block in blocks]
        divisor, unit = unit_of(every_ns)
        begun_ns = min(block.start_ns for blocks in processes for block in blocks)
        explained: set[str] = set()
        for number, blocks in enumerate(processes):
            shown = [block for block in blocks if not block.tail]
            times_s = [(block.start_ns - begun_ns) / 1e9 for block in shown]
            medians = [_median_ns(block) / divisor for block in shown]
            axes.plot(
                times_s, medians, ".-", markersize=3, linewidth=0.7, color=COLOURS[number % 6],
                label=f"process {number + 1}",
            )  # fmt: skip
            for block, time_s in zip(shown, times_s):
                name = labels.get(id(block), CLEAN)
                if name != CLEAN:
                    axes.axvspan(
                        time_s, time_s + block.wall_ns / 1e9, color=_SHADES[name], alpha=0.25,
                        linewidth=0, label=None if name in explained else name,
                    )  # fmt: skip
                    explained.add(name)
            for start in _changes(states, number):
                if start < len(times_s):
                    axes.axvline(times_s[start], color="black", linestyle=":", linewidth=1)
        axes.set_xlabel("s since the first block (a dotted line marks a change of level)")
        axes.set_ylabel(f"median of a block, {unit}")
        if len(processes) <= 6:
            axes.legend(fontsize=7, ncols=2)

    return Chart(name, title, draw, 3.0)


def _changes(states: list[Any], number: int) -> list[int]:
    """Return the blocks at which a new level begins."""
    if number >= len(states):
        return []
    return [int(segment["start"]) for segment in states[number]["segments"][1:]]


def _distribution(processes: list[list[Block]], name: str, title: str) -> Chart:
    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        samples = [_singles(blocks) for blocks in processes]
        pooled = np.concatenate(samples)
        divisor, unit = unit_of([float(np.quantile(pooled, _SHOWN_QUANTILE))])
        shares = np.linspace(0.0, _SHOWN_QUANTILE, _CURVE_POINTS)
        for number, values in enumerate(samples):
            quantiles = np.quantile(values, shares) / divisor
            axes.plot(quantiles, shares, color=COLOURS[number % 6], linewidth=1)
        for share, word in ((0.5, "median"), (0.9, "p90"), (0.99, "p99")):
            axes.axhline(share, color="#777777", linewidth=0.5, linestyle=":")
            axes.annotate(word, (axes.get_xlim()[0], share), fontsize=7, va="bottom")
        axes.set_xlabel(f"latency of one run, {unit} (a line for each process)")
        axes.set_ylabel("share of the samples up to it")

    return Chart(name, title, draw, 3.0)


def _singles(blocks: list[Block]) -> npt.NDArray[np.float64]:
    """Return the samples of single runs where there are some, else the means of several."""
    tails = [block for block in blocks if block.tail]
    chosen = tails or [block for block in blocks if not block.tail]
    return joined(block.run_times() for block in chosen)


def _median_ns(block: Block) -> float:
    return block.run_times().median_ns
