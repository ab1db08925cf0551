"""The metrics of a data set as text, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgeloop.cli.pages.columns import columns
from edgeloop.metrics.paired import (
    BETTER,
    CORRECT,
    NO_DIFFERENCE,
    PIXEL_ACCURACY,
    SQUARED_ERROR,
    WORSE,
)

_PERCENT = (
    "accuracy", "pixel_accuracy", "mean_iou", "balanced_accuracy", "precision_macro",
    "precision_micro", "precision_weighted", "recall_macro", "recall_micro", "recall_weighted",
    "f1_macro", "f1_micro", "f1_weighted",
)  # fmt: skip
_VALUES = (
    "log_loss", "mean_absolute_error", "mean_squared_error", "root_mean_squared_error", "r2",
    "mean_absolute_percentage_error",
)  # fmt: skip

# What single samples were scored by → the metric that is its mean.
_PAIRED_METRICS = {
    CORRECT: "accuracy",
    PIXEL_ACCURACY: "pixel_accuracy",
    SQUARED_ERROR: "mean_squared_error",
}

_VERDICTS = {
    BETTER: "more accurate",
    WORSE: "less accurate",
    NO_DIFFERENCE: "not shown to differ in accuracy",
}

# Micro averages over single labels are the accuracy: they stay in the JSON.
_NOT_PRINTED = ("precision_micro", "recall_micro", "f1_micro")


def metrics_parts(summary: dict[str, Any]) -> list[str]:
    """Return the metrics of a data set as one part of a page, or why there are none."""
    accuracy = summary["accuracy"]
    data = summary.get("data", {})
    if accuracy is None:
        return [f"no accuracy: {summary['accuracy_reason']}"]
    about = f"{accuracy['task']} ({accuracy['task_reason']}), {accuracy['n']} samples"
    if "output_reason" in accuracy:
        about = f"output '{accuracy['output']}', {accuracy['output_reason']}\n{about}"
    if data.get("skipped"):
        about += f", {data['skipped']} of {data['listed']} left out"
    rows: list[Sequence[str]] = []
    for name in metric_names(accuracy):
        if name not in _NOT_PRINTED:
            rows.append((name.replace("_", " "), metric_text(accuracy, name)))
    lines = [about, columns(rows)]
    if "log_loss_note" in accuracy:
        lines.append(f"  log loss: {accuracy['log_loss_note']}")
    if accuracy.get("void_pixels_excluded"):
        lines.append(
            f"  {accuracy['void_pixels_excluded']} pixels labelled 255 (no class) are in no metric"
        )
    excluded = accuracy.get("zero_targets_excluded")
    if excluded:
        lines.append(f"  {excluded} targets of 0 are in no percentage error")
    return ["\n".join(lines)]


def paired_parts(summary: Mapping[str, Any]) -> list[str]:
    """Return how much better a model is than its reference, as one part of a page."""
    paired = summary.get("paired")
    if paired is None:
        reason = summary.get("paired_reason")
        return [f"not compared with the reference's accuracy: {reason}"] if reason else []
    theirs, name = summary["reference_accuracy"], _PAIRED_METRICS[paired["kind"]]
    lines = [
        f"beside the reference, on the same samples: {paired_words(paired)}",
        columns([(f"{name.replace('_', ' ')} of the reference", metric_text(theirs, name))]),
    ]
    return ["\n".join(lines)]


def paired_words(paired: Mapping[str, Any]) -> str:
    """Return a paired difference as a sentence: the verdict, the figure, and what it rests on."""
    points = paired["kind"] != SQUARED_ERROR
    scale, unit = (100.0, " points") if points else (1.0, " squared error")
    numbers = [paired["difference"], *(paired["difference_ci95"] or ())]
    texts = [f"{scale * one:+.2f}" if points else f"{scale * one:+.4g}" for one in numbers]
    bounds = f" [{texts[1]}, {texts[2]}]" if len(texts) > 1 else ""
    p_value = "p < 0.001" if paired["p_value"] < 0.001 else f"p = {paired['p_value']:.3g}"
    basis = f"{paired['test']}, {p_value}"
    if paired["only_first"] is not None:
        basis += f"; right alone: {paired['only_first']} against {paired['only_second']}"
    verdict = _VERDICTS[paired["verdict"]]
    return f"{verdict}: {texts[0]}{unit}{bounds} of {paired['n']} samples ({basis})"


def metric_names(accuracy: dict[str, Any]) -> list[str]:
    """Return the metrics of a document in its order."""
    return [name for name in accuracy if name in _PERCENT or name in _VALUES or _is_top_k(name)]


def metric_text(document: dict[str, Any], name: str) -> str:
    """Return a metric with its interval, or why it has none."""
    value = document[name]
    if value is None:
        return str(document[f"{name}_reason"])
    share = name in _PERCENT or _is_top_k(name) or name == "top_1_agreement"
    interval = document.get(f"{name}_ci95")
    text = f"{100 * value:.2f} %" if share else f"{value:.5g}"
    if interval is None:
        return f"{text} (no interval: {document[f'{name}_ci95_reason']})"
    low, high = interval
    ends = f"{100 * low:.2f}, {100 * high:.2f}" if share else f"{low:.5g}, {high:.5g}"
    return f"{text} [{ends}]"


def agreement_parts(summary: dict[str, Any]) -> list[str]:
    """Return the agreement with a reference as one part of a page; none where there was none."""
    agreement = summary.get("agreement")
    if not agreement:
        return []
    samples = sum(agreement["outputs"][0].get(name, 0) for name in ("n", "empty", "other_shapes"))
    lines = [f"agreement with {agreement['reference']}, {samples} samples"]
    lines += [f"  {note}" for note in agreement.get("notes", ())]
    for output in agreement["outputs"]:
        names = ("top_1_agreement", "max_error", "mean_error", "cosine")
        rows = [
            (name.replace("_", " "), metric_text(output, name)) for name in names if name in output
        ]
        if output["cosine_min"] is None:
            rows = [("", output["cosine_reason"])]
        else:
            rows.append(("least cosine", f"{output['cosine_min']:.6g}"))
        if output.get("empty") and output["n"]:
            rows.append(("", f"{output['empty']} more samples are empty on both sides"))
        if output.get("other_shapes"):
            rows.append(("", f"{output['other_shapes']} samples have another shape on either side"))
        lines.append(f"  output '{output['name']}'\n" + columns(rows, indent="    "))
    return ["\n".join(lines)]


def _is_top_k(name: str) -> bool:
    return name.startswith("top_") and name.endswith("_accuracy")
