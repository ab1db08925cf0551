"""Results as text for a terminal: every figure with its interval, or why it has none."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from edgeloop.cli.pages.accuracy import metrics_parts
from edgeloop.cli.pages.columns import columns
from edgeloop.cli.pages.placement import placement_lines
from edgeloop.cli.pages.python_cost import loop_rows, missing_figures, python_cost
from edgeloop.errors import plain
from edgeloop.results.block_labels import CLEAN
from edgeloop.results.figures import duration, duration_interval, percent, rate, size, warning_lines
from edgeloop.results.plausibility import POSSIBLE
from edgeloop.results.schema import Result
from edgeloop.stats.processes import FEWEST_PROCESSES, across_interval

_LONGEST_LINE = 2000

# The share of processes in a slow mode, by which a page says what so few processes cannot see.
_SLOW_MODE = 0.1

_COLD = (
    ("interpreter start", "interpreter_start_ns"),
    ("import", "import_ns"),
    ("load", "load_ns"),
    ("first run", "first_run_ns"),
)


def result_page(result: Result) -> str:
    """Return what the command that measured a result printed of it."""
    if not result.summary or result.summary["summary"] is None:
        reason = result.summary.get("summary_reason", "the run was ended before its summary")
        return f"{heading(result.header)}\n\n{reason}"
    page = overhead_table(result) if "overhead" in result.summary else bench_table(result)
    # A file from elsewhere may hold what steers a terminal.
    return "\n".join(plain(line, _LONGEST_LINE) for line in page.split("\n"))


def bench_table(result: Result) -> str:
    """Return what `edgeloop bench` prints for one configuration."""
    parts = [heading(result.header)]
    parts += _withheld(result)
    for loop in result.loop_names if len(parts) == 1 else ():
        title = "" if len(result.loop_names) == 1 else f"{loop} loop\n"
        rows = latency_rows(result.summary["loops"][loop])
        if loop == result.loop_names[0]:
            rows += session_rows(result.summary["summary"])
        parts.append(title + columns(rows))
    parts += _stages(result)
    parts += _accuracy(result)
    parts.append(_cold(result))
    parts.append(_how(result))
    return "\n\n".join([*parts, *warning_lines(result.summary["warnings"])])


def overhead_table(result: Result) -> str:
    """Return what `edgeloop overhead` prints for one configuration."""
    parts = [python_cost(result), heading(result.header)]
    parts.append(columns(loop_rows(result), right=(1, 2, 3)))
    parts += missing_figures(result)
    parts += _stages(result)
    parts.append(_timed_regions(result))
    parts.append(_cold(result))
    parts.append(_how(result))
    return "\n\n".join([*parts, *warning_lines(result.summary["warnings"])])


def heading(header: Mapping[str, Any]) -> str:
    """Return what was measured: configuration, runtime, model, and who ran which node."""
    runtime = header["runtime"]
    model = header["model"]
    about = [f"{runtime['name']} {runtime['version']}", f"{runtime['threads']} threads"]
    if runtime["threads"] == 1:
        about[1] = "1 thread"
    if runtime["delegates"]:
        about.append(" + ".join(runtime["delegates"]))
    if runtime["provider"]:
        about.append(runtime["provider"])
    if runtime.get("device"):
        about.append(runtime["device"])
    if model["bytes"] is not None:
        about.append(f"{model['format']}, {size(model['bytes'])}")
    lines = [header["title"], "  " + "; ".join(about), *_board(header)]
    return "\n".join([*lines, *placement_lines(header)])


def _board(header: Mapping[str, Any]) -> list[str]:
    """Return the line that names the board, where it was not measured here."""
    if "remote" not in header:
        return []
    board = header["host"]["board"].get("model")
    cpus = ", ".join(header["host"]["cpu"]["model_names"])
    return [f"  on {header['remote']['host']}: {board or cpus or 'a machine without a name'}"]


def _withheld(result: Result) -> list[str]:
    """Return the words that stand instead of a headline that cannot be trusted."""
    text = (result.summary["summary"] or {}).get("headline_withheld")
    if text is None:
        return []
    return [f"{text}\n  the headline is withheld; the samples are in the result"]


def latency_rows(summary: dict[str, Any], instances: int = 1) -> list[Sequence[str]]:
    """Return the figures of one loop, name and value."""
    rows: list[Sequence[str]] = [
        ("median", _figure(summary, "median_ns", "median_ci95_ns")),
        *(
            (f"p{name}", _percentile(estimate))
            for name, estimate in summary["percentiles"].items()
            if name != "50"
        ),
    ]
    if summary["n"]:
        rows.append(("interval", _about_the_interval(summary)))
        rows.append(("mean", _figure(summary, "mean_ns", "mean_ci95_ns")))
        each = " in each instance" if instances > 1 else ""
        rows.append(("throughput", _throughput(summary) + each))
        rows.append(("seen", _spread(summary)))
        if summary["steady_state"] is not None:
            rows.append(("steady state", _steady(summary)))
        effective = summary["n_eff"]
        worth = "" if effective is None else f", effective sample size {effective:.0f}"
        rows.append(
            ("samples", f"{summary['n']} in {summary['processes']} processes{worth}")
            if summary["processes"] != 1
            else ("samples", f"{summary['n']} in 1 process{worth}")
        )
    return rows


def session_rows(summary: Mapping[str, Any]) -> list[Sequence[str]]:
    """Return what runs at other times add; nothing where the command keeps no history."""
    if "sessions" not in summary:
        return []
    found = summary["sessions"]
    if found is None or found["median_ci95_ns"] is None:
        return [("over hours", "unknown: --sessions 3 --every 10m, or run it again later")]
    median = duration_interval(found["median_ns"], found["median_ci95_ns"])
    return [("over hours", f"{median}, {found['sessions']} sessions in {_hours(found['span_s'])}")]


def _hours(span_s: float) -> str:
    return f"{span_s / 60:.0f} min" if span_s < 7200 else f"{span_s / 3600:.1f} h"


def _stages(result: Result) -> list[str]:
    """Return what the device says of the stages of a run, in runs that were not timed."""
    stages = (result.summary.get("summary") or {}).get("stages")
    if not stages:
        return []
    rows = [(name, _percentile(estimate)) for name, estimate in stages.items()]
    return ["stages, median of runs of their own\n" + columns(rows)]


def _about_the_interval(summary: dict[str, Any]) -> str:
    """Return what the interval is of, what it cannot see, and what the processes say inside."""
    count = summary["processes"]
    within = _half_width(summary, "median_ci95_within_ns")
    if count < FEWEST_PROCESSES or summary["median_ns"] is None:
        return f"none; {within} is the scatter within {'one process' if count == 1 else 'them'}"
    missed = percent((1 - _SLOW_MODE) ** count)
    return (
        f"of {count} processes in these seconds, {_half_width(summary, 'median_ci95_ns')} "
        f"({within} by the scatter within them); a slow mode of one process in ten would be "
        f"missed by {missed} of such runs"
    )


def _half_width(summary: dict[str, Any], name: str) -> str:
    interval = summary[name]
    if interval is None or summary["median_ns"] is None:
        return f"unknown ({summary.get(f'{name}_reason', 'no median')})"
    return f"±{percent((interval[1] - interval[0]) / 2 / summary['median_ns'])}"


def _throughput(summary: dict[str, Any]) -> str:
    """Return the rate; a result of an older version has no interval of it."""
    text = rate(summary["runs_per_s"], summary.get("runs_per_s_ci95"))
    if summary.get("runs_per_s_ci95") is None:
        reason = summary.get("runs_per_s_ci95_reason", "not recorded")
        return f"{text} (no interval: {reason})"
    return text


def _steady(summary: dict[str, Any]) -> str:
    """Return the class, the levels where there are several, and what was left out for them."""
    state = str(summary["steady_state"])
    processes = [s for s in summary["steady_states"] if s["kind"] == state]
    levels = [s for s in processes[0]["segments"] if "median_ns" in s] if processes else []
    if len(levels) > 1:
        state += f": {' → '.join(duration(level['median_ns']) for level in levels)}"
        state += f" (so in {len(processes)} of {summary['processes']} processes)"
    left_out = summary["n_left_out"]
    if not left_out:
        return state
    return f"{state} ({left_out} samples before it are kept, not counted)"


def _percentile(estimate: dict[str, Any]) -> str:
    if estimate["value_ns"] is None:
        return str(estimate["reason"])
    if estimate["ci95_ns"] is None:
        return f"{duration(estimate['value_ns'])} (no interval: {estimate['reason']})"
    return duration_interval(estimate["value_ns"], estimate["ci95_ns"])


def _spread(summary: dict[str, Any]) -> str:
    """Return what describes these samples and claims nothing beyond them."""
    names = {"min": "min_ns", "max": "max_ns", "IQR": "iqr_ns", "MAD": "mad_ns"}
    words = [
        f"{word} {duration(summary[name])}"
        for word, name in names.items()
        if summary[name] is not None
    ]
    if not words:
        return str(summary["min_ns_reason"])
    clock = " (a clock read is in each)" if summary["runs_per_sample"] > 1 else ""
    return f"{', '.join(words)} of single runs{clock}: a description, no estimates"


def _figure(summary: dict[str, Any], value: str, interval: str) -> str:
    if summary[value] is None:
        return str(summary.get(f"{value}_reason", "unknown"))
    if summary.get(interval) is None:
        reason = summary.get(f"{interval}_reason", "not recorded")
        return f"{duration(summary[value])} (no interval: {reason})"
    return duration_interval(summary[value], summary[interval])


def _timed_regions(result: Result) -> str:
    rows = [(loop, words) for loop, words in result.header["timed_region"].items()]
    floors = result.header["clock"]
    reads = f"{floors['read_ns']:.0f} ns native, {floors['python_read_ns']:.0f} ns in Python"
    lines = [
        "between two clock reads",
        columns(rows),
        f"  one clock read is in every sample: {reads}; never subtracted",
    ]
    others = [
        loop for loop, same in result.summary["overhead"]["same_instance"].items() if not same
    ]
    if others:
        lines.append(
            f"  {', '.join(others)}: another instance of the model than the {result.loop_names[0]} "
            "loop's, so compared across processes"
        )
    return "\n".join(lines)


def accuracy_figure(accuracy: Optional[dict[str, Any]]) -> str:
    """Return an accuracy with its interval and the number of samples."""
    if accuracy is None:
        return "unknown"
    low, high = accuracy["accuracy_ci95"]
    value = accuracy["accuracy"]
    return f"{100 * value:.1f} % [{100 * low:.1f}, {100 * high:.1f}] of {accuracy['n']}"


def _accuracy(result: Result) -> list[str]:
    if result.header["spec"]["inputs"]["data"] is None:
        return []
    return [f"{part}\n  on the engine that was timed" for part in metrics_parts(result.summary)]


def _cold(result: Result) -> str:
    """Return what the first process took before it measured, and what all of them took."""
    count = len(result.invocations)
    typical = "" if count < FEWEST_PROCESSES else f"; then the typical one of {count} [95 %]"
    rows = []
    for words, name in _COLD:
        parts = [_parts(getattr(invocation, name)) for invocation in result.invocations]
        if not any(any(part.values()) for part in parts):
            continue  # the loops import nothing
        texts = []
        for which in parts[0]:
            values = [float(part[which]) for part in parts if which in part]
            label = f" ({which})" if which else ""
            texts.append(f"{duration(values[0])}{_typical(values)}{label}")
        rows.append((words, ", ".join(texts)))
    return f"cold: the first process{typical}\n" + columns(rows)


def _parts(value: Any) -> dict[str, float]:
    return value if isinstance(value, dict) else {"": value}


def _typical(values: Sequence[float]) -> str:
    interval = across_interval(values) if min(values) > 0.0 else None
    if interval is None:
        return ""
    return f"; {duration_interval(statistics.geometric_mean(values), interval)}"


def _how(result: Result) -> str:
    summary = result.summary["summary"]
    clock = result.header["clock"]
    threads = _threads(result)
    resolution = f"clock {clock['name']}, tick {clock['tick_ns']} ns"
    per_sample = f"{summary['runs_per_sample']} run(s) per sample"
    lines = [f"stopped: {summary['stop_reason']}; {resolution}, {per_sample}; {threads}"]
    lines += _machine(result)
    lines += _share_of_peak(result)
    if summary["advice"]:
        lines.append(f"to know it better: {summary['advice']}")
    return "\n".join([*_open_loop(summary), *lines])


def _machine(result: Result) -> list[str]:
    """Return the lines about clock, heat and power."""
    lines = []
    found = result.summary.get("throttling", {})
    if found.get("verdict") == CLEAN:  # all else is a warning
        regime = result.header["spec"].get("regime")
        lines.append(f"clock: {found['text']}" + (f" (regime {regime})" if regime else ""))
    power = result.summary.get("energy")
    if power is not None:
        watts = _with_interval(power["power_w"], power["power_ci95_w"])
        run_mj = _with_interval(power["energy_per_run_j"], power["energy_per_run_ci95_j"], 1e3)
        lines.append(
            f"power: {watts} W, {run_mj} mJ a run, {power['runs_per_j']:.4g} runs/J: "
            f"{power['meter']['covers']}; {_idle(power)}"
        )
    return lines


def _idle(power: dict[str, Any]) -> str:
    if power["idle_w"] is None:
        return f"no idle baseline: {power['idle_w_reason']}"
    above_mj = _with_interval(
        power["above_idle_per_run_j"], power["above_idle_per_run_ci95_j"], 1e3
    )
    return f"{power['idle_w']:.4g} W when idle, {above_mj} mJ a run above that"


def _with_interval(value: float, interval: Optional[Sequence[float]], scale: float = 1.0) -> str:
    text = f"{scale * value:.4g}"
    if interval is None:
        return f"{text} (no interval)"
    return f"{text} [{scale * interval[0]:.4g}, {scale * interval[1]:.4g}]"


def _share_of_peak(result: Result) -> list[str]:
    found = result.summary.get("plausibility", {})
    return [f"arithmetic: {found['text']}"] if found.get("verdict") == POSSIBLE else []


def _open_loop(summary: dict[str, Any]) -> list[str]:
    """Return the line that says what a fixed rate means."""
    if "rate_hz" not in summary:
        return []
    late = f"{summary['missed_deadlines']} of {summary['n']} runs ended after the next was due"
    busy = f"{percent(summary['utilisation'])} of the time was inside runs"
    rate = f"open loop at {summary['rate_hz']:g} Hz: latency counts from when a run was due"
    return [f"{rate}; {late}, {busy}"]


def _threads(result: Result) -> str:
    used: Optional[float] = result.summary["summary"].get("cpus_used")
    busy = "" if used is None else f", {used:.2f} CPUs busy in a block"
    return f"{result.header['runtime']['threads']} thread(s) asked for{busy}"
