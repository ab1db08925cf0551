from __future__ import annotations

import numpy as np
import pytest

from edgeloop.errors import ModelError
from edgeloop.metrics.agreement import Agreement
from edgeloop.spec.load import TensorSpec


def specs(*outputs: np.ndarray) -> list[TensorSpec]:
    return [TensorSpec("y", "float64", array.shape[1:]) for array in outputs]


def compared(ours: np.ndarray, theirs: np.ndarray, classes: bool = True) -> dict[str, object]:
    agreement = Agreement(specs(ours), specs(theirs), len(ours), seed=0)
    for start in range(0, len(ours), 7):
        agreement.add([ours[start : start + 7]], [theirs[start : start + 7]])
    (document,) = agreement.as_dict(classes)
    return document


def test_errors_cosine_and_the_highest_score() -> None:
    generator = np.random.default_rng(0)
    theirs = generator.normal(size=(50, 10))
    ours = theirs + generator.normal(scale=0.3, size=theirs.shape)
    document = compared(ours, theirs)
    same = (ours.argmax(axis=1) == theirs.argmax(axis=1)).mean()
    assert document["top_1_agreement"] == pytest.approx(same)
    assert document["max_error"] == pytest.approx(np.abs(ours - theirs).max())
    assert document["mean_error"] == pytest.approx(np.abs(ours - theirs).mean())
    norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    cosines = (ours * theirs).sum(axis=1) / norms
    assert document["cosine"] == pytest.approx(cosines.mean())
    assert document["cosine_min"] == pytest.approx(cosines.min())
    for name in ("mean_error", "cosine", "top_1_agreement"):
        low, high = document[f"{name}_ci95"]
        assert low < document[name] < high
    assert document["max_error_ci95"] is None
    assert "largest" in str(document["max_error_ci95_reason"])


def test_equal_outputs_agree_also_where_they_are_zero() -> None:
    zeros = np.zeros((3, 4))
    document = compared(zeros, zeros)
    assert document["cosine"] == 1.0
    assert document["max_error"] == 0.0
    assert compared(zeros, zeros + 1.0)["cosine"] == 0.0


def test_values_have_no_highest_score() -> None:
    values = np.ones((3, 4))
    assert "top_1_agreement" not in compared(values, values, classes=False)
    assert "top_1_agreement" not in compared(np.ones((3, 1)), np.ones((3, 1)))
    assert "top_1_agreement" not in compared(np.ones((3, 2, 2)), np.ones((3, 2, 2)))


def test_dimensions_of_one_do_not_count_and_others_do() -> None:
    assert compared(np.ones((3, 1, 4)), np.ones((3, 4)))["max_error"] == 0.0
    with pytest.raises(ModelError, match="cannot be compared"):
        compared(np.ones((3, 2, 2)), np.ones((3, 4)))


def rows(*lengths: int) -> list[np.ndarray]:
    return [np.arange(3.0 * length).reshape(length, 3) for length in lengths]


def test_outputs_of_no_rows_and_of_a_changing_number_agree() -> None:
    shape = [TensorSpec("y", "float32", (1, 0, 3))]
    agreement = Agreement(shape, shape, 9, seed=0)
    agreement.add([rows(2, 0, 1)], [rows(2, 0, 1)])
    agreement.add([rows(2, 2)], [rows(2, 3)])
    agreement.add([np.zeros((4, 0, 3))], [np.zeros((4, 0, 3))])
    (document,) = agreement.as_dict(classes=True)
    assert (document["n"], document["empty"], document["other_shapes"]) == (3, 5, 1)
    assert document["cosine"] == 1.0


def test_an_output_that_is_always_empty_says_so() -> None:
    shape = [TensorSpec("y", "float32", (1, 0))]
    agreement = Agreement(shape, shape, 2, seed=0)
    agreement.add([np.zeros((2, 0))], [np.zeros((2, 0))])
    (document,) = agreement.as_dict(classes=True)
    assert document["max_error"] is None
    assert document["max_error_reason"] == "the output is empty in every sample"


def test_outputs_in_another_order_are_those_of_their_names() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(2, 5, 4))
    ours = [TensorSpec(name, "float32", (1, 4)) for name in ("a", "b")]
    agreement = Agreement(ours, ours[::-1], 5, seed=0)
    agreement.add([a, b], [b, a])
    assert [output["max_error"] for output in agreement.as_dict(classes=True)] == [0.0, 0.0]
