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


@pytest.mark.parametrize("task", [None, "classification", "regression", "segmentation"])
@pytest.mark.parametrize("shape", [(4, 0), (4, 1, 0), (4, 0, 3)])
def test_an_output_without_values_is_refused(shape: tuple[int, ...], task: Optional[str]) -> None:
    assert why_not(np.zeros(shape), [0, 1, 2, 0], task=task) == "the model's output is empty"


def test_the_user_decides_the_task() -> None:
    assert accuracy_of(SCORES, np.eye(3)[LABELS], task="regression")["task"] == "regression"
    why = why_not(SCORES, SCORES, task="classification")
    assert "3 values for each sample, and not one-hot" in why
    assert "some are not whole numbers" in why_not(SCORES, LABELS + 0.5, task="classification")
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
    assert "one score" in why_not(SCORES[:, :1], LABELS, task="classification")
    assert why_not(SCORES, np.full((4, 3), np.nan)) == "the labels hold NaN"
    # Not "no whole numbers", which would make values of them.
    assert why_not(SCORES, np.array([0, 1, np.nan, 2])) == "the labels hold NaN"


ONE_SCORE = np.array([0.9, 0.2, 0.4, 0.6])


@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 1, 1)])
def test_one_score_tells_two_classes_apart(shape: tuple[int, ...]) -> None:
    accuracy = accuracy_of(ONE_SCORE.reshape(shape), [1, 0, 1, 1])
    assert accuracy["task"] == "classification"
    assert accuracy["accuracy"] == 0.75
    losses = -np.log([0.9, 0.8, 0.4, 0.6])
    assert accuracy["log_loss"] == pytest.approx(losses.mean())


def test_one_logit_tells_two_classes_apart_where_the_user_says_so() -> None:
    logits = np.array([3.0, -2.0, -0.5, 0.25])
    assert accuracy_of(logits, [1, 0, 1, 1])["task"] == "regression"
    accuracy = accuracy_of(logits, [1, 0, 1, 1], task="classification", softmax=True)
    assert accuracy["accuracy"] == 0.75
    own = 1 / (1 + np.exp(-logits * [1, -1, 1, 1]))
    assert accuracy["log_loss"] == pytest.approx(-np.log(own).mean())


def test_class_numbers_are_judged_by_being_the_same() -> None:
    found = Evaluation(8, MetricOptions(), 0.0, seed=0, whole=True)
    found.add(np.array([7.0, 0.0, 3.0, 2.0]), np.array([7, 0, 3, 3]))
    found.add(np.array([1.0, 1.0, 900.0, 2.0]), np.array([1, 1, 900, 900]))
    accuracy = found.as_dict()["accuracy"]
    assert (accuracy["task"], accuracy["correct"]) == ("classification", 6)
    assert accuracy["confusion_matrix"]["classes"] == 901
    assert (
        accuracy["log_loss_reason"] == "the model gives a class number, and no score for each class"
    )


def maps(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    scores = np.random.default_rng(seed).normal(size=(6, 4, 8, 8))
    labels = scores.argmax(axis=1)
    labels[:, :4] = (labels[:, :4] + 1) % 4  # half of the pixels
    return scores, labels


def iou(answers: np.ndarray, labels: np.ndarray) -> float:
    shares = []
    for one in range(4):
        a, b = answers == one, labels == one
        shares.append((a & b).sum() / (a | b).sum())
    return float(np.mean(shares))


@pytest.mark.parametrize("form", ["channels first", "channels last", "classes"])
def test_class_maps_are_judged_pixel_by_pixel(form: str) -> None:
    scores, labels = maps()
    answers = scores.argmax(axis=1)
    outputs = {
        "channels first": scores,
        "channels last": scores.transpose(0, 2, 3, 1),
        "classes": answers.astype(np.float64),
    }[form]
    found = Evaluation(6, MetricOptions(), 0.0, seed=0, whole=form == "classes")
    found.add(outputs[:4], labels[:4])
    found.add(outputs[4:], labels[4:, ..., np.newaxis])
    accuracy = found.as_dict()["accuracy"]
    assert accuracy["task"] == "segmentation"
    assert accuracy["pixel_accuracy"] == 0.5
    assert accuracy["mean_iou"] == pytest.approx(iou(answers, labels))


def test_pixels_of_no_class_count_for_nothing() -> None:
    scores, labels = maps()
    labels[:, :4] = 255
    accuracy = accuracy_of(scores, labels)
    assert accuracy["pixel_accuracy"] == 1.0
    assert accuracy["void_pixels_excluded"] == 6 * 32
    labels[:, :4] = 99
    assert "the labels run from 0 to 99, beyond the 4 classes" in why_not(scores, labels)


def test_pictures_as_targets_are_values() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3))
    assert accuracy_of(pictures, pictures)["task"] == "regression"


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
    assert "some are not whole numbers" in str(reason)
