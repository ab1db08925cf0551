"""The answer on one screen: the headline, one small table, one line of context, the warnings.

Everything else is under --verbose, and always in the result.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from edgeloop.cli.pages.columns import columns
from edgeloop.cli.pages.python_cost import loop_rows, python_cost
from edgeloop.cli.pages.table import session_rows
from edgeloop.errors import plain
from edgeloop.results.figures import counted, duration, duration_interval, percent, rate, size
from edgeloop.results.placement import counted_names, covered_share
from edgeloop.results.schema import Result
from edgeloop.stats.processes import FEWEST_PROCESSES

# A figure whose cause is among the first makes all others doubtful.
_WORST_FIRST = (
    *("impossible", "delegate-useless", "delegate-unused", "cpu-emulated"),
    *("throttled", "throttled-now", "under-voltage", "disturbed", "other-load"),
    *("cpu-time-stolen", "drift", "not-steady", "threads-ignored", "threads-exceeded"),
    *("threads-above-cpus", "one-process", "no-interval", "few-samples", "dependent-samples"),
    "timer-coarse",
)
_MOST_WARNINGS = 3
# Two lines of a terminal, with the word in front.
_LONGEST_WARNING = 149

_BARS = "▁▂▃▄▅▆▇█"
_BINS = 32
# Beyond this quantile one outlier would squeeze all the rest into the first bar.
_SHOWN_QUANTILE = 0.95


def brief_page(result: Result) -> str:
    """Return what fits on a screen: the answer first."""
    if not result.summary or result.summary["summary"] is None:
        reason = result.summary.get("summary_reason", "the run ended before its summary")
        return f"{result.header['title']}\n\n{reason}"
    parts = [*_answer(result), *_figures(result), context(result.header)]
    parts += brief_warnings(result.summary["warnings"])
    return "\n".join(plain(line, 2000) for part in parts for line in part.split("\n"))


def _answer(result: Result) -> list[str]:
    """Return the headline and what its interval is of."""
    headline = result.summary["summary"]
    if headline.get("headline_withheld") is not None:
        return [f"{result.header['title']}: no headline", f"  {headline['headline_withheld']}", ""]
    if "overhead" in result.summary:
        return [python_cost(result), f"  {result.header['title']}", ""]
    loop = result.loop_names[0]
    of = "of one run" if loop == "native" else f"of one run in the {loop} loop"
    median = duration_interval(headline["median_ns"], headline["median_ci95_ns"])
    return [
        f"{median}  {result.header['title']}",
        f"  median {of}, {_interval_words(headline)}",
        "",
    ]


def _interval_words(headline: Mapping[str, Any]) -> str:
    count = headline["processes"]
    if headline["median_ci95_ns"] is None:
        within = headline["median_ci95_within_ns"]
        reason = headline.get("median_ci95_ns_reason", "unknown")
        if within is None or count >= FEWEST_PROCESSES:
            return f"no interval: {reason}"
        half = (within[1] - within[0]) / 2 / headline["median_ns"]
        return f"no interval from {_processes(count)} (±{percent(half)} within)"
    return f"95 % interval of {_processes(count)} in these seconds"


def _processes(count: int) -> str:
    return "one process" if count == 1 else f"{count} processes"


def _figures(result: Result) -> list[str]:
    """Return the small table: tails, throughput, cold start, accuracy, energy."""
    headline = result.summary["summary"]
    if headline.get("headline_withheld") is not None:
        return []
    if "overhead" in result.summary:
        return [columns(loop_rows(result), right=(1, 2, 3)), ""]
    rows: list[Sequence[str]] = []
    for name, estimate in headline["percentiles"].items():
        if name != "50" and estimate["ci95_ns"] is not None:
            text = duration_interval(estimate["value_ns"], estimate["ci95_ns"])
            rows.append((f"p{name}", text))
    if (headline.get("sessions") or {}).get("median_ci95_ns"):
        rows += session_rows(headline)
    rows += _rate(headline)
    rows += _cold(result)
    rows += _accuracy(result.summary)
    rows += _energy(result.summary)
    rows += _samples(result, headline)
    return [columns(rows), ""]


def _rate(headline: Mapping[str, Any]) -> list[Sequence[str]]:
    value, interval = headline["runs_per_s"], headline.get("runs_per_s_ci95")
    if value is None or interval is None:
        return []
    return [("throughput", rate(value, interval))]


def _cold(result: Result) -> list[Sequence[str]]:
    """Return load and first run of the first process: single measurements, without interval."""
    first = result.invocations[0]
    load_ns = sum(first.load_ns.values())
    run_ns = next(iter(first.first_run_ns.values()), None)
    text = f"load {duration(load_ns)}"
    if run_ns is not None:
        text += f", first run {duration(run_ns)}"
    return [("cold, once", text)]


def _accuracy(summary: Mapping[str, Any]) -> list[Sequence[str]]:
    found = summary.get("accuracy")
    if not found or found.get("accuracy") is None:
        return []
    low, high = found["accuracy_ci95"]
    text = f"{100 * found['accuracy']:.1f} % [{100 * low:.1f}, {100 * high:.1f}] of {found['n']}"
    return [("accuracy", text)]


def _energy(summary: Mapping[str, Any]) -> list[Sequence[str]]:
    power = summary.get("energy")
    if power is None or power.get("energy_per_run_ci95_j") is None:
        return []
    low, high = (1e3 * bound for bound in power["energy_per_run_ci95_j"])
    return [("energy", f"{1e3 * power['energy_per_run_j']:.4g} [{low:.4g}, {high:.4g}] mJ a run")]


def _samples(result: Result, headline: Mapping[str, Any]) -> list[Sequence[str]]:
    """Return how the samples are spread, as a row of bars between two times."""
    blocks = [
        block.run_times().ns
        for invocation in result.invocations
        for block in invocation.blocks
        if block.loop == result.loop_names[0] and not block.tail and block.durations_ns.size
    ]
    if not blocks:
        return []
    times_ns = np.concatenate(blocks)
    low, high = float(times_ns.min()), float(np.quantile(times_ns, _SHOWN_QUANTILE))
    count = f"{headline['n']} samples"
    if high <= low:
        return [("samples", count)]
    return [
        ("samples", f"{bars(times_ns, low, high)}  {count}"),
        ("", f"{duration(low):<{_BINS // 2}}{duration(high):>{_BINS // 2}}"),
    ]


def bars(values: np.ndarray[Any, Any], low: float, high: float) -> str:
    """Return a histogram of one line; the bars stand for counts, empty bins are blank."""
    counts, _ = np.histogram(values, bins=_BINS, range=(low, high))
    top = max(1, int(counts.max()))
    return "".join(
        " " if count == 0 else _BARS[min(len(_BARS) - 1, int(len(_BARS) * count / top))]
        for count in counts
    )


def context(header: Mapping[str, Any]) -> str:
    """Return one line: runtime, version, threads, who ran what, where."""
    runtime, model = header["runtime"], header["model"]
    threads = counted(runtime["threads"], "thread")
    precision = runtime.get("executed_precision")
    name = f"{runtime['name']} {runtime['version']}"
    parts = [f"{name} in {precision}" if precision else name, threads]
    placement = header.get("placement")
    if placement and placement["delegates"]:
        _, share, _ = covered_share(placement)
        parts.append(f"{counted_names(placement)} ran {percent(share)}")
    if runtime["provider"] and not (placement and placement["delegates"]):
        parts.append(str(runtime["provider"]))
    if model["bytes"] is not None:
        parts.append(size(model["bytes"]))
    board = header["host"]["board"].get("model")
    names = header["host"]["cpu"]["model_names"]
    where = board or (names[0] if names else "")
    if "remote" in header:
        where = f"{header['remote']['host']} ({where})" if where else header["remote"]["host"]
    return "  " + ", ".join([*parts, *([str(where)] if where else [])])


def brief_warnings(warnings: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the warnings that matter most, a line each."""
    found = sorted(warnings, key=lambda one: _rank(str(one["code"])))
    lines = [f"warning: {first_sentence(str(one['text']))}" for one in found[:_MOST_WARNINGS]]
    left = len(found) - len(lines)
    if left:
        lines.append(f"{left} more warning{'s' if left > 1 else ''} and all details: --verbose")
    return ["", *lines] if lines else []


def _rank(code: str) -> int:
    return _WORST_FIRST.index(code) if code in _WORST_FIRST else len(_WORST_FIRST)


def first_sentence(text: str, width: int = _LONGEST_WARNING) -> str:
    """Return the first sentence or clause of a text, cut where it is still too long."""
    sentence = re.split(r"(?<=[a-z0-9)])[.;:] ", text, maxsplit=1)[0].rstrip(".")
    return sentence if len(sentence) <= width else f"{sentence[: width - 1]}…"
