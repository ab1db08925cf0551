"""What the user says of the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from edgeloop.errors import UsageError, canonical, nearest

CLASSIFICATION, REGRESSION, SEGMENTATION = "classification", "regression", "segmentation"
DETECTION = "detection"
TASKS = (CLASSIFICATION, REGRESSION, SEGMENTATION, DETECTION)

# What reads the outputs of a detector.
TFLITE, YOLO, TF_DETECTION = "tflite-postprocess", "yolo", "tf-detection"
SSD_RAW, DETR = "ssd-raw", "detr"

# Setting → what it may be: one of some words, or a number between two ends.
_LIMITS: Mapping[str, Any] = {"score": (0.0, 1.0), "iou": (0.0, 1.0), "most": (1, 10000)}
_UNIT: Mapping[str, Any] = {"scale": ("pixels", "normalized")}
_HEADS: Mapping[str, Any] = {
    "box": ("xyxy", "yxyx", "cxcywh"),
    "activation": ("none", "softmax", "sigmoid"),
    "background": ("first", "last", "none"),
    **_UNIT,
    **_LIMITS,
}
DECODERS: Mapping[str, Mapping[str, Any]] = {
    TFLITE: {"order": "places", **_LIMITS},
    YOLO: {"version": ("5", "8", "end2end"), **_UNIT, **_LIMITS},
    TF_DETECTION: {"first": (0, 1), **_LIMITS},
    SSD_RAW: _HEADS,
    DETR: _HEADS,
}

# What a single sample is scored by.
CORRECT, PIXEL_ACCURACY, SQUARED_ERROR = "correct", "pixel_accuracy", "squared_error"

_MOST_TOP_K = 1000


@dataclass(frozen=True)
class DecoderChoice:
    """What reads the outputs of a detector, as far as the user said."""

    name: Optional[str]
    """One of DECODERS; None: detected from the outputs."""
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MetricOptions:
    """Which metrics, and from what."""

    task: Optional[str] = None
    """One of TASKS; None: detected from the labels."""
    top_k: int = 5
    softmax: bool = False
    """The outputs are logits: probabilities are their softmax."""
    output: Optional[str] = None
    """Name of the output that is judged; None: the one that fits the labels."""
    decoder: Optional[DecoderChoice] = None
    """None: detected from the outputs."""
    per_class: bool = False
    """The average precision of each class, too."""


def metric_options(
    task: Optional[str],
    top_k: int,
    softmax: bool,
    output: Optional[str] = None,
    decoder: Optional[str] = None,
    per_class: bool = False,
) -> MetricOptions:
    """Check what the user gave. Raises UsageError."""
    name = None if task is None else canonical(task)
    if name is not None and name not in TASKS:
        raise UsageError(f"unknown task '{task}'; {nearest(name, TASKS)}")
    if not 1 <= top_k <= _MOST_TOP_K:
        raise UsageError(f"--top-k must be a whole number from 1 to {_MOST_TOP_K}, not {top_k}")
    chosen = None if decoder is None else parse_decoder(decoder)
    return MetricOptions(name, top_k, softmax, output, chosen, per_class)


def parse_decoder(text: str) -> DecoderChoice:
    """Read NAME or NAME:key=value:key=value. Raises UsageError that shows what there is."""
    head, *parts = text.split(":")
    name = canonical(head)
    if name not in DECODERS:
        raise UsageError(f"unknown decoder '{head}'; {nearest(name, tuple(DECODERS))}")
    known = DECODERS[name]
    settings = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals or key not in known:
            raise UsageError(
                f"--decoder {name} has no setting '{key}'; {nearest(key, tuple(known))}"
            )
        settings[key] = _setting(name, key, value, known[key])
    return DecoderChoice(name, settings)


def _setting(name: str, key: str, value: str, allowed: Any) -> Any:
    if allowed == "places":
        places = value.split(",")
        if sorted(places) != ["0", "1", "2", "3"]:
            raise UsageError(
                f"--decoder {name}:{key}={value}: write the places of boxes, classes, scores and "
                "count among the outputs (0,1,2,3)"
            )
        return tuple(map(int, places))
    if isinstance(allowed[0], str):
        if value not in allowed:
            raise UsageError(f"--decoder {name}:{key}={value}: {nearest(value, allowed)}")
        return value
    low, high = allowed
    try:
        number = type(low)(value)
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise UsageError(f"--decoder {name}:{key}={value}: a number from {low} to {high} is wanted")
    return number
