"""What `eval` prints: metrics, agreement and preprocessing, each figure with its interval."""

from __future__ import annotations

from typing import Any

from edgeloop.cli.pages.accuracy import agreement_parts, metrics_parts, paired_parts
from edgeloop.cli.pages.columns import columns
from edgeloop.cli.pages.table import heading, latency_rows
from edgeloop.results.figures import duration_interval, warning_lines
from edgeloop.results.schema import Result


def evaluation_page(result: Result) -> str:
    """Return what `edgeloop eval` prints."""
    summary = result.summary
    parts = [heading(result.header), *metrics_parts(summary)]
    parts += paired_parts(summary)
    parts += agreement_parts(summary)
    parts += _preprocess(summary)
    loop = result.loops[0]
    instances = summary.get("data", {}).get("instances", 1)
    beside = f", {instances} instances beside each other" if instances > 1 else ""
    rows = latency_rows(summary["loops"][loop], instances=instances)
    parts.append(
        f"latency of each run in the data-set loop ({loop}{beside}), from the first sample on\n"
        + columns([*rows, *_throughput(summary.get("data", {}))])
    )
    return "\n\n".join([*parts, *warning_lines(result.summary["warnings"])])


def _throughput(data: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the samples in a second of the whole loop, copying in and out included."""
    if data.get("samples_per_s") is None:
        return []
    text = f"{data['samples_per_s']:.4g} samples/s"
    interval = data["samples_per_s_ci95"]
    if interval is None:
        return [("whole loop", f"{text} (no interval: {data['samples_per_s_ci95_reason']})")]
    return [("whole loop", f"{text} [{interval[0]:.4g}, {interval[1]:.4g}]")]


def _preprocess(summary: dict[str, Any]) -> list[str]:
    preprocess = summary.get("preprocess")
    if preprocess is None:
        return []
    rows = []
    for step in ("decode", "resize", "quantize"):
        value = preprocess[f"{step}_ns"]
        if value is None:
            rows.append((step, str(preprocess[f"{step}_ns_reason"])))
            continue
        interval = preprocess[f"{step}_ci95_ns"]
        text = duration_interval(value, interval)
        if interval is None:
            text += f" (no interval: {preprocess[f'{step}_ci95_ns_reason']})"
        rows.append((step, text))
    return ["preprocessing, median of a sample [95 %]\n" + columns(rows)]
