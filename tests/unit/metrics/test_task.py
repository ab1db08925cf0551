"""Which task the labels mean, and what is refused; nothing is broadcast."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
import pytest

from edgeloop.errors import UsageError
from edgeloop.metrics.evaluation import Evaluation
from edgeloop.spec.metrics import MetricOptions, metric_options

SCORES = np.array([[0.1, 0.7, 0.2], [0.8, 0.1, 0.1], [0.3, 0.3, 0.4], [0.6, 0.2, 0.2]])


def evaluated(outputs: Any, labels: Any, **said: Any) -> Evaluation:
    found = Evaluation(len(outputs), MetricOptions(**said), 0.0, seed=0)
    found.add(np.asarray(outputs, np.float64), None if labels is None else np.asarray(labels))
    return found


def accuracy_of(outputs: Any, labels: Any, **said: Any) -> dict[str, Any]:
    found = evaluated(outputs, labels, **said)
    assert found.reason is None, found.reason
    accuracy: dict[str, Any] = found.as_dict()["accuracy"]
    return accuracy


def why_not(outputs: Any, labels: Any, **said: Any) -> str:
    document = evaluated(outputs, labels, **said).as_dict()
    assert document["accuracy"] is None
    return str(document["accuracy_reason"])


LABELS = np.array([1, 0, 2, 2])


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (LABELS, "whole numbers, one for each"),
        (LABELS.astype(np.uint8), "whole numbers, one for each"),
        (LABELS[:, np.newaxis], "whole numbers, one for each"),
        (LABELS[:, np.newaxis, np.newaxis], "whole numbers, one for each"),
        (LABELS.astype(np.float32), "though stored as floats"),
        (np.eye(3)[LABELS], "one-hot"),
        (np.eye(3, dtype=np.int64)[LABELS], "one-hot"),
        (np.eye(3)[LABELS][:, np.newaxis], "one-hot"),
    ],
    ids=["int", "uint8", "column", "n11", "float", "one-hot", "one-hot int", "n1c"],
)
def test_labels_of_classes_in_every_form(labels: np.ndarray, words: str) -> None:
    accuracy = accuracy_of(SCORES, labels)
    assert accuracy["task"] == "classification"
    assert words in accuracy["task_reason"]
    assert accuracy["correct"] == 3


@pytest.mark.parametrize("shape", [(4, 3), (4, 1, 3), (4, 3, 1), (4, 1, 1, 3)])
def test_scores_with_dimensions_of_one(shape: tuple[int, ...]) -> None:
    assert accuracy_of(SCORES.reshape(shape), LABELS)["correct"] == 3


def test_the_user_decides_the_task() -> None:
    assert accuracy_of(SCORES, np.eye(3)[LABELS], task="regression")["task"] == "regression"
    why = why_not(SCORES, SCORES, task="classification")
    assert "3 values for each sample, and not one-hot" in why
    assert "some are no whole numbers" in why_not(SCORES, LABELS + 0.5, task="classification")
    with pytest.raises(UsageError, match="did you mean 'regression'"):
        metric_options("regresion", 5, False)
    with pytest.raises(UsageError, match="--top-k must be"):
        metric_options(None, 0, False)


# A peer tool subtracts (N,) from (N, 1, 1) and gives a perfect model an error of 2.5.
@pytest.mark.parametrize("output_shape", [(4,), (4, 1), (4, 1, 1)])
@pytest.mark.parametrize("label_shape", [(4,), (4, 1), (4, 1, 1)])
def test_a_perfect_model_has_no_error_whatever_the_shapes(
    output_shape: tuple[int, ...], label_shape: tuple[int, ...]
) -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0])
    accuracy = accuracy_of(values.reshape(output_shape), values.reshape(label_shape))
    assert accuracy["task"] == "regression"
    assert accuracy["mean_squared_error"] == 0.0
    assert accuracy["r2"] == 1.0


@pytest.mark.parametrize(
    ("outputs", "labels"),
    [((4, 3), (4, 2)), ((4, 3), (4, 3, 3)), ((4, 2, 3), (4, 3, 2)), ((4, 6), (4, 2, 3))],
)
def test_values_of_another_shape_are_refused(
    outputs: tuple[int, ...], labels: tuple[int, ...]
) -> None:
    why = why_not(np.zeros(outputs), np.full(labels, 0.5))
    assert "do not fit the model's output" in why
    assert "nothing is broadcast (regression, because the labels are" in why


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0, 1, 2, 3], "run from 0 to 3, but the model has 3 outputs"),
        ([1, 2, 3, 3], "--label-offset -1"),
        ([-1, 0, 1, 1], "--label-offset 1"),
        ([-5, 0, 1, 1], "run from -5 to 1"),
    ],
)
def test_labels_out_of_range(labels: list[int], words: str) -> None:
    assert words in why_not(SCORES, labels)


def test_no_labels_and_outputs_that_are_no_scores() -> None:
    assert why_not(SCORES, None) == "the data has no labels"
    boxes = np.zeros((4, 10, 4))
    assert "shape (10, 4) is not one score" in why_not(boxes, LABELS)
    assert why_not(np.where(SCORES > 0.7, np.nan, SCORES), LABELS) == "the model's outputs hold NaN"
    assert "one output" in why_not(SCORES[:, :1], LABELS, task="classification")
    assert why_not(SCORES, np.full((4, 3), np.nan)) == "the labels hold NaN"
    # Not "no whole numbers", which would make values of them.
    assert why_not(SCORES, np.array([0, 1, np.nan, 2])) == "the labels hold NaN"


def test_no_samples_at_all() -> None:
    found = Evaluation(5, MetricOptions(), 0.0, seed=0)
    assert found.as_dict() == {"accuracy": None, "accuracy_reason": "there are no samples"}


def test_a_later_chunk_that_breaks_the_rule_is_named() -> None:
    found = Evaluation(8, MetricOptions(), 0.0, seed=0)
    found.add(SCORES, LABELS.astype(np.float32))
    assert not found.ended
    found.add(SCORES, LABELS + 0.5)
    assert found.ended
    reason: Optional[str] = found.as_dict()["accuracy_reason"]
    assert "some are no whole numbers" in str(reason)
