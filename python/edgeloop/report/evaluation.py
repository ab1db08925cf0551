"""What `eval` prints: metrics, agreement and preprocessing, each figure with its interval."""

from __future__ import annotations

from typing import Any

from edgeloop.report.accuracy import agreement_parts, metrics_parts
from edgeloop.report.columns import columns
from edgeloop.report.figures import duration_interval, warning_lines
from edgeloop.report.table import heading, latency_rows
from edgeloop.results.schema import Result


def evaluation_page(result: Result) -> str:
    """Return what `edgeloop eval` prints."""
    summary = result.summary
    parts = [heading(result.header), *metrics_parts(summary)]
    parts += agreement_parts(summary)
    parts += _preprocess(summary)
    loop = result.loops[0]
    parts.append(
        f"latency of each run in the data-set loop ({loop}), from the first sample on\n"
        + columns(latency_rows(summary["loops"][loop]))
    )
    return "\n\n".join([*parts, *warning_lines(result.summary["warnings"])])


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
