from __future__ import annotations

import json

import numpy as np
import pytest

from edgeloop.metrics.classification import Accuracy, accuracy, why_no_accuracy

SCORES = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
LABELS = np.array([1, 0, 0, 0])


# R. G. Newcombe 1998, table I, method 3, four digits.
@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_as_published(correct: int, n: int, low: float, high: float) -> None:
    assert Accuracy(correct, n).interval == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("correct", "n"), [(0, 1), (1, 1), (5, 10), (10, 10), (9500, 10_000)])
def test_wilsons_interval_as_scipy_has_it(correct: int, n: int) -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    theirs = scipy_stats.binomtest(correct, n).proportion_ci(method="wilson")
    assert Accuracy(correct, n).interval == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_accuracy_counts_the_highest_scores() -> None:
    assert why_no_accuracy(SCORES, LABELS) is None
    found = accuracy(SCORES, LABELS)
    assert (found.correct, found.n, found.value) == (3, 4, 0.75)
    document = json.loads(json.dumps(found.as_dict()))
    assert document["accuracy"] == 0.75
    low, high = document["accuracy_ci95"]
    assert low < 0.75 < high


def test_of_equal_scores_the_first_counts() -> None:
    assert accuracy(np.zeros((3, 4)), np.array([0, 1, 0])).correct == 2


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64])
def test_labels_of_any_integer_and_in_a_column(dtype: type) -> None:
    labels = LABELS.astype(dtype)
    for shape in ((4,), (4, 1)):
        assert why_no_accuracy(SCORES, labels.reshape(shape)) is None
        assert accuracy(SCORES, labels.reshape(shape)).correct == 3


def test_scores_with_dimensions_of_one() -> None:
    scores = SCORES.reshape(4, 1, 1, 2)
    assert why_no_accuracy(scores, LABELS) is None
    assert accuracy(scores, LABELS).correct == 3


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (None, "the data has no labels"),
        (LABELS.astype(np.float64), "no class numbers: dtype float64, shape (4,)"),
        (np.array(["a", "b", "c", "d"]), "no class numbers: dtype <U1"),
        (np.eye(4, dtype=np.int64), "no class numbers: dtype int64, shape (4, 4)"),
        (np.zeros(0, np.int64), "there are no samples"),
        (np.array([0, 1, 2, 0]), "from 0 to 2, but the model has 2 outputs"),
        (np.array([0, -1, 1, 0]), "from -1 to 1, but the model has 2 outputs"),
    ],
)
def test_labels_that_are_no_classes(labels: np.ndarray | None, words: str) -> None:
    why = why_no_accuracy(SCORES, labels)
    assert why is not None
    assert words in why


def test_outputs_that_are_no_scores() -> None:
    boxes = np.zeros((4, 10, 4))
    assert "shape (10, 4) is not one score for each class" in str(why_no_accuracy(boxes, LABELS))
    unknown = np.where(SCORES == 0.9, np.nan, SCORES)
    assert why_no_accuracy(unknown, LABELS) == "the model's outputs hold NaN"


def test_a_single_output_tells_no_classes_apart() -> None:
    why = why_no_accuracy(np.full((4, 1), 0.7), LABELS)
    assert why == "the labels run from 0 to 1, but the model has 1 outputs"
