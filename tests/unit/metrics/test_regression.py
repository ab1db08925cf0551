"""Regression: scikit-learn's values, the same from running sums, and what is excluded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeloop.metrics import regression
from edgeloop.metrics.regression import NAMES, RegressionTally

metrics = pytest.importorskip("sklearn.metrics", reason="pip install scikit-learn")


def data(n: int = 300, values: int = 4) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    labels = generator.normal(loc=5.0, scale=2.0, size=(n, values))
    labels[:, 0] += 1e4  # a mean far from 0 must not drown the variance
    outputs = labels + generator.normal(scale=0.5, size=labels.shape)
    return outputs, labels


def tally(outputs: np.ndarray, labels: np.ndarray) -> RegressionTally:
    found = RegressionTally(labels.shape[1], len(labels), seed=0)
    for start in range(0, len(labels), 37):
        found.add(outputs[start : start + 37], labels[start : start + 37])
    return found


def expected(outputs: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    return {
        "mean_absolute_error": metrics.mean_absolute_error(labels, outputs),
        "mean_squared_error": metrics.mean_squared_error(labels, outputs),
        "root_mean_squared_error": np.sqrt(metrics.mean_squared_error(labels, outputs)),
        "r2": metrics.r2_score(labels, outputs),
        "mean_absolute_percentage_error": metrics.mean_absolute_percentage_error(labels, outputs),
    }


@pytest.mark.parametrize("values", [1, 4])
@pytest.mark.parametrize("kept", [True, False], ids=["scikit-learn", "sums"])
def test_the_values_are_scikit_learns_also_where_outputs_are_not_kept(
    kept: bool, values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kept:
        monkeypatch.setattr(regression, "_MOST_KEPT_BYTES", 10_000)
    outputs, labels = data(values=values)
    document = tally(outputs, labels).as_dict()
    for name, value in expected(outputs, labels).items():
        # Sums and means over 1200 numbers in another order.
        assert document[name] == pytest.approx(value, rel=1e-9), name
        low, high = document[f"{name}_ci95"]
        assert low < document[name] < high, name


def test_nothing_is_kept_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regression, "_MOST_KEPT_BYTES", 10_000)
    monkeypatch.setattr(
        "sklearn.metrics.mean_squared_error", lambda *arrays: pytest.fail("all outputs were kept")
    )
    assert tally(*data()).as_dict()["n"] == 300


def test_targets_of_zero_are_in_no_percentage_error_and_are_counted() -> None:
    labels = np.array([[0.0], [2.0], [4.0]])
    document = tally(labels + 1.0, labels).as_dict()
    assert document["mean_absolute_percentage_error"] == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert document["zero_targets_excluded"] == 1
    assert document["mean_absolute_error"] == 1.0
    nothing = tally(np.ones((3, 1)), np.zeros((3, 1))).as_dict()
    assert nothing["mean_absolute_percentage_error"] is None
    assert nothing["mean_absolute_percentage_error_reason"] == "all targets are 0"


def test_a_constant_target_has_scikit_learns_r2() -> None:
    labels = np.array([[3.0, 1.0], [3.0, 2.0], [3.0, 4.0]])
    for outputs in (labels, labels + 0.5):
        document = tally(outputs, labels).as_dict()
        assert document["r2"] == pytest.approx(metrics.r2_score(labels, outputs))


def test_one_sample_has_no_r2_and_no_intervals() -> None:
    document = tally(np.array([[1.5]]), np.array([[1.0]])).as_dict()
    assert document["mean_absolute_error"] == 0.5
    assert document["mean_absolute_error_ci95"] is None
    assert document["r2"] is None
    assert document["r2_reason"] == "it needs two samples"


def test_so_many_values_that_r2_is_not_followed() -> None:
    labels = np.random.default_rng(0).normal(size=(5, 2000))
    document = tally(labels + 0.1, labels).as_dict()
    assert document["r2"] is None
    assert "2000 values" in document["r2_reason"]
    assert document["mean_squared_error"] == pytest.approx(0.01)


def test_without_scikit_learn_there_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regression, "why_no_sklearn", lambda: "scikit-learn is not installed")
    document: dict[str, Any] = tally(*data()).as_dict()
    assert all(document[name] is None for name in NAMES)
    assert document["r2_reason"] == "scikit-learn is not installed"
