"""Classification, segmentation or regression: as the user asked, or detected from the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.metrics.alignment import (
    is_one_hot,
    label_column,
    score_rows,
    squeezed,
    value_rows,
)
from edgeloop.metrics.segmentation import map_axis
from edgeloop.spec.metrics import CLASSIFICATION, REGRESSION, SEGMENTATION, MetricOptions

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True)
class Task:
    """What the labels are, and how that was found."""

    name: str
    words: str


def task_of(
    options: MetricOptions,
    outputs: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    whole: bool = False,
) -> Task:
    """Detect the task from the first samples, unless the user named it.

    `whole`: the output is stored as whole numbers that stand for themselves, as ArgMax gives them.
    """
    if options.task is not None:
        return Task(options.task, "as --task says")
    if labels.dtype.kind in "iu" and is_class_map(outputs, labels, whole):
        return Task(SEGMENTATION, "the labels are maps of whole numbers, a class for each pixel")
    rows = score_rows(outputs)
    classes = 1 if rows is None else rows.shape[1]
    column = label_column(labels)
    if column is None:
        if is_one_hot(labels, classes):
            return Task(CLASSIFICATION, "the labels are one-hot: one 1 for each sample")
        return Task(REGRESSION, f"the labels are {_shape(labels)} values for each sample")
    if rows is not None and classes < 2:
        return _task_of_one_value(rows[:, 0], column, whole)
    return _task_of_column(column)


def is_class_map(outputs: npt.NDArray[Any], labels: npt.NDArray[Any], whole: bool) -> bool:
    """Return whether the outputs are a class, or a score for each class, of every pixel."""
    shape, wanted = squeezed(outputs.shape[1:]), squeezed(labels.shape[1:])
    if len(wanted) < 2:
        return False
    return shape == wanted if whole else map_axis(shape, wanted) is not None


def _task_of_one_value(values: npt.NDArray[Any], column: npt.NDArray[Any], whole: bool) -> Task:
    if whole and column.dtype.kind in "iu":
        return Task(CLASSIFICATION, "the model gives class numbers, and the labels are some")
    if is_binary(column) and values.size and values.min() >= 0 and values.max() <= 1:
        return Task(CLASSIFICATION, "the labels are 0 or 1, and the output is one score in between")
    return Task(REGRESSION, "the model has one output, and the labels one value")


def is_binary(column: npt.NDArray[Any]) -> bool:
    """Return whether all labels are 0 or 1."""
    return bool(np.isin(column, (0, 1)).all())


def _task_of_column(column: npt.NDArray[Any]) -> Task:
    if column.dtype.kind in "iu":
        return Task(CLASSIFICATION, "the labels are whole numbers, one for each sample")
    if np.array_equal(column, np.rint(column)):
        return Task(CLASSIFICATION, "the labels are whole numbers, though stored as floats")
    return Task(REGRESSION, "the labels are not whole numbers")


def class_numbers(
    labels: npt.NDArray[Any], classes: int
) -> tuple[npt.NDArray[np.int64], Optional[str]]:
    """Return labels as class numbers (n,) below `classes`, or why they are not."""
    nothing = np.zeros(0, dtype=np.int64)
    column = label_column(labels)
    if column is None:
        if is_one_hot(labels, classes):
            return labels.reshape(len(labels), -1).argmax(axis=1), None
        return nothing, (
            f"the labels are not class numbers: {_shape(labels)} values for each sample, and not "
            f"one-hot of {classes} classes (give --task regression if they are values)"
        )
    if column.dtype.kind == "f":
        if not np.array_equal(column, np.rint(column)):
            return nothing, (
                "the labels are not class numbers: some are not whole numbers (give --task "
                "regression if they are values)"
            )
    elif column.dtype.kind not in "iu":
        return nothing, f"the labels are not class numbers: dtype {labels.dtype}"
    numbers = column.astype(np.int64)
    low, high = int(numbers.min()), int(numbers.max())
    if low < 0 or high >= classes:
        return nothing, _outside(low, high, classes)
    return numbers, None


def values(
    outputs: npt.NDArray[Any], labels: npt.NDArray[Any]
) -> tuple[Optional[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]], Optional[str]]:
    """Return outputs and labels as rows of values, or why they do not belong together."""
    rows = value_rows(outputs, labels)
    if rows is not None:
        return rows, None
    return None, (
        f"the labels, {_shape(labels)} for each sample, do not fit the model's output, "
        f"{_shape(outputs)}; nothing is broadcast"
    )


def _outside(low: int, high: int, classes: int) -> str:
    words = f"the labels run from {low} to {high}, but the model has {classes} outputs"
    if low >= 1 and high == classes:
        return f"{words}; if they count from 1, or from a background class, give --label-offset -1"
    if low == -1:
        return f"{words}; if the model has a background class first, give --label-offset 1"
    return words


def _shape(array: npt.NDArray[Any]) -> str:
    return "x".join(str(dim) for dim in array.shape[1:]) or "1"
