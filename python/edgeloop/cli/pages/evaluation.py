"""What `eval` and `predict` print: metrics, agreement, preprocessing, classes, boxes."""

from __future__ import annotations

from typing import Any

from edgeloop.cli.pages.accuracy import (
    agreement_parts,
    metric_label,
    metric_names,
    metric_text,
    metrics_parts,
    paired_parts,
)
from edgeloop.cli.pages.brief import brief_warnings, context
from edgeloop.cli.pages.columns import columns
from edgeloop.cli.pages.table import heading, latency_rows
from edgeloop.measure.predict import PicturePrediction, Predictions
from edgeloop.results.figures import duration_interval, rate, warning_lines
from edgeloop.results.schema import Result


def evaluation_page(result: Result, *, verbose: bool = False) -> str:
    """Return what `edgeloop eval` prints: the accuracy first; `verbose`: all figures, all fixes."""
    summary = result.summary
    parts = [] if summary.get("accuracy") is None else [_answer(result)]
    parts += metrics_parts(summary)
    parts += paired_parts(summary)
    parts += agreement_parts(summary)
    parts += _preprocess(summary)
    if not verbose:
        whole = _throughput(summary.get("data", {}))
        parts += [columns(whole)] if whole else []
        parts.append(context(result.header))
        return "\n".join(["\n\n".join(parts), *brief_warnings(summary["warnings"])])
    parts.append(heading(result.header))
    loop = result.loop_names[0]
    instances = summary.get("data", {}).get("instances", 1)
    beside = f", {instances} instances beside each other" if instances > 1 else ""
    rows = latency_rows(summary["loops"][loop], instances=instances)
    parts.append(
        f"latency of each run in the data-set loop ({loop}{beside}), from the first sample on\n"
        + columns([*rows, *_throughput(summary.get("data", {}))])
    )
    return "\n\n".join([*parts, *warning_lines(result.summary["warnings"])])


def _answer(result: Result) -> str:
    """Return the metric that matters most, and of what."""
    accuracy, title = result.summary["accuracy"], result.header["title"]
    name = next(iter(metric_names(accuracy)), None)
    if name is None:
        return str(title)
    return f"{metric_label(name)} {metric_text(accuracy, name)}  {title}"


def _throughput(data: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the samples in a second of the whole loop, copying in and out included."""
    if data.get("samples_per_s") is None:
        return []
    text = rate(data["samples_per_s"], data["samples_per_s_ci95"], "samples/s")
    if data["samples_per_s_ci95"] is None:
        text += f" (no interval: {data['samples_per_s_ci95_reason']})"
    return [("whole loop", text)]


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


def prediction_page(predictions: Predictions) -> str:
    """Return the best classes, or the boxes, of every picture."""
    parts = [predictions.title, *(_picture(picture) for picture in predictions.pictures)]
    warnings = [f"warning: {text}" for text in predictions.warnings]
    return "\n\n".join([*parts, *warnings])


def _picture(picture: PicturePrediction) -> str:
    if not picture.answers:
        return f"{picture.path}\nno box with a score that counts (--score)"
    boxes = [one.box for one in picture.answers if one.box is not None]
    head = ("left", "top", "right", "bottom") if boxes else ()
    rows: list[tuple[str, ...]] = [("class", "score", *head, "name")]
    for one in picture.answers:
        corners = [f"{edge:.0f}" for edge in one.box or ()]
        rows.append((str(one.number), f"{one.score:.4g}", *corners, one.name))
    return f"{picture.path}\n{columns(rows, right=range(2 + len(head)))}"
