from __future__ import annotations

import numpy as np
import pytest

from edgeloop.errors import ModelError
from edgeloop.metrics.agreement import Agreement


def compared(ours: np.ndarray, theirs: np.ndarray, classes: bool = True) -> dict[str, object]:
    agreement = Agreement(["y"], len(ours), seed=0)
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
    with pytest.raises(ModelError, match="1 outputs and the reference 2"):
        Agreement(["y"], 3, seed=0).add([np.ones(3)], [np.ones(3), np.ones(3)])
