"""What the user says of the metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from edgeloop.errors import UsageError, canonical, nearest

CLASSIFICATION, REGRESSION, SEGMENTATION = "classification", "regression", "segmentation"
TASKS = (CLASSIFICATION, REGRESSION, SEGMENTATION)

# What a single sample is scored by.
CORRECT, PIXEL_ACCURACY, SQUARED_ERROR = "correct", "pixel_accuracy", "squared_error"

_MOST_TOP_K = 1000


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


def metric_options(
    task: Optional[str], top_k: int, softmax: bool, output: Optional[str] = None
) -> MetricOptions:
    """Check what the user gave. Raises UsageError."""
    name = None if task is None else canonical(task)
    if name is not None and name not in TASKS:
        raise UsageError(f"unknown task '{task}'; {nearest(name, TASKS)}")
    if not 1 <= top_k <= _MOST_TOP_K:
        raise UsageError(f"--top-k must be a whole number from 1 to {_MOST_TOP_K}, not {top_k}")
    return MetricOptions(name, top_k, softmax, output)
