"""The metrics of a data set as text, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgeloop.cli.pages.columns import columns
from edgeloop.metrics.paired import BETTER, NO_DIFFERENCE, WORSE
from edgeloop.results.figures import paired_text
from edgeloop.spec.metrics import CORRECT, PIXEL_ACCURACY, SQUARED_ERROR

_PERCENT = (
    "accuracy", "pixel_accuracy", "mean_iou", "balanced_accuracy", "precision_macro",
    "precision_micro", "precision_weighted", "recall_macro", "recall_micro", "recall_weighted",
    "f1_macro", "f1_micro", "f1_weighted",
    "map_50_95", "map_50", "ar_100",
)  # fmt: skip
_SHARES = ("top_1_agreement", "kept_share", "added_share")
_LABELS = {"map_50_95": "mAP50-95", "map_50": "mAP50", "ar_100": "AR100"}
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
    if "decoder" in accuracy:
        about += f", {accuracy['objects']} objects\ndecoder {accuracy['decoder']}: "
        about += "\n  ".join(accuracy["decoder_notes"])
    if "output_reason" in accuracy:
        about = f"output '{accuracy['output']}', {accuracy['output_reason']}\n{about}"
    if data.get("skipped"):
        about += f", {data['skipped']} of {data['listed']} left out"
    rows: list[Sequence[str]] = []
    for name in metric_names(accuracy):
        if name not in _NOT_PRINTED:
            rows.append((metric_label(name), metric_text(accuracy, name)))
    lines = [about, columns(rows)]
    if "classes" in accuracy:
        each = [
            (
                one["name"],
                metric_text(one, "map_50_95"),
                f"{one['objects']} object{'s' if one['objects'] != 1 else ''}",
            )
            for one in accuracy["classes"]
        ]
        lines.append(f"  mAP50-95 of each class\n{columns(each, indent='    ')}")
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
    p_value = "p < 0.001" if paired["p_value"] < 0.001 else f"p = {paired['p_value']:.3g}"
    basis = f"{paired['test']}, {p_value}"
    if paired["only_first"] is not None:
        basis += f"; right alone: {paired['only_first']} against {paired['only_second']}"
    return f"{paired_verdict(paired)} ({basis})"


def paired_verdict(paired: Mapping[str, Any]) -> str:
    """Return a paired difference as a clause: the verdict and the figure."""
    return f"{_VERDICTS[paired['verdict']]}: {paired_text(paired)}"


def metric_label(name: str) -> str:
    """Return how a metric is called where it is printed."""
    return _LABELS.get(name, name.replace("_", " "))


def metric_names(accuracy: dict[str, Any]) -> list[str]:
    """Return the metrics of a document in its order."""
    return [name for name in accuracy if name in _PERCENT or name in _VALUES or _is_top_k(name)]


def metric_text(document: Mapping[str, Any], name: str) -> str:
    """Return a metric with its interval, or why it has none."""
    value = document[name]
    if value is None:
        return str(document[f"{name}_reason"])
    share = name in _PERCENT or _is_top_k(name) or name in _SHARES
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
    if "detections" in agreement:  # whose order in the outputs is each model's own
        lines.append(f"  {detections_words(agreement['detections'])}")
        return ["\n".join(lines)]
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


def detections_words(found: Mapping[str, Any]) -> str:
    """Return how many of the reference's detections a model keeps, as sentences."""
    what = f"detections of score {found['least_score']:g} or more"
    if found["kept_share"] is None:
        return f"{what}: {found['kept_share_reason']}"
    kept = f"{found['kept']} of {found['reference_detections']}"
    share = metric_text(found, "kept_share")
    alike = f"same class, IoU {found['least_iou']:g} or more"
    lines = [f"{what}: {share} of the reference's are kept ({kept}; {alike})"]
    if found["added_share"] is not None:
        lines.append(
            f"{metric_text(found, 'added_share')} of the model's are new ({found['added']} of "
            f"{found['detections']})"
        )
    if found["iou"] is not None:
        lines.append(
            f"of those kept, IoU {metric_text(found, 'iou')}; score differs by "
            f"{metric_text(found, 'score_difference')}, on average "
            f"{metric_text(found, 'score_shift')}, at most {found['max_score_difference']:.2g}"
        )
    return "\n  ".join(lines)


def _is_top_k(name: str) -> bool:
    return name.startswith("top_") and name.endswith("_accuracy")
