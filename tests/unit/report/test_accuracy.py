from __future__ import annotations

from typing import Any

from edgeloop.cli.pages.accuracy import agreement_parts, metrics_parts
from edgeloop.cli.pages.evaluation import prediction_page
from edgeloop.measure.predict import Answer, PicturePrediction, Predictions

CLASSIFICATION: dict[str, Any] = {
    "task": "classification",
    "task_reason": "the labels are whole numbers",
    "n": 200,
    "correct": 150,
    "accuracy": 0.75,
    "accuracy_ci95": [0.686, 0.805],
    "top_5_accuracy": 0.99,
    "top_5_accuracy_ci95": [0.96, 0.998],
    "f1_macro": 1.0,
    "f1_macro_ci95": None,
    "f1_macro_ci95_reason": "resampling does not change it",
    "f1_micro": 0.75,
    "f1_micro_ci95": [0.686, 0.805],
    "log_loss": None,
    "log_loss_reason": "the scores are not probabilities",
}


def test_metrics_have_their_unit_and_interval_or_the_reason() -> None:
    (part,) = metrics_parts({"accuracy": CLASSIFICATION, "data": {"skipped": 2, "listed": 202}})
    lines = part.splitlines()
    assert "200 samples, 2 of 202 left out" in lines[0]
    assert lines[1].split() == ["accuracy", "75.00", "%", "[68.60,", "80.50]"]
    assert "top 5 accuracy  99.00 %" in part
    assert "100.00 % (no interval: resampling does not change it)" in part
    assert "the scores are not probabilities" in part
    assert "micro" not in part  # the accuracy once more: it stays in the JSON


def test_no_metrics_say_why() -> None:
    assert metrics_parts({"accuracy": None, "accuracy_reason": "no data was given"}) == [
        "no accuracy: no data was given"
    ]


def test_targets_of_zero_are_counted() -> None:
    accuracy = {
        "task": "regression", "task_reason": "said", "n": 3, "zero_targets_excluded": 4,
        "mean_squared_error": 9.70712, "mean_squared_error_ci95": [9.5, 9.912345],
    }  # fmt: skip
    (part,) = metrics_parts({"accuracy": accuracy})
    assert "mean squared error  9.7071 [9.5, 9.9123]" in part
    assert "4 targets of 0 are in no percentage error" in part


def test_agreement_names_each_output() -> None:
    output = {
        "name": "y", "n": 7, "top_1_agreement": 0.5, "top_1_agreement_ci95": [0.2, 0.8],
        "max_error": 0.25, "max_error_ci95": None, "max_error_ci95_reason": "it is no mean",
        "mean_error": 0.1, "mean_error_ci95": [0.05, 0.2], "cosine": 0.99,
        "cosine_ci95": [0.98, 1.0], "cosine_min": 0.9,
    }  # fmt: skip
    (part,) = agreement_parts({"agreement": {"reference": "a.onnx@x", "outputs": [output]}})
    assert part.startswith("agreement with a.onnx@x, 7 samples")
    assert "output 'y'" in part
    assert "top 1 agreement  50.00 % [20.00, 80.00]" in part
    assert "0.25 (no interval: it is no mean)" in part
    assert agreement_parts({}) == []


def test_the_classes_of_a_picture() -> None:
    predicted = Predictions(
        title="m.tflite@litert",
        task="classification",
        softmax=False,
        pictures=[
            PicturePrediction(
                "cat.png", (Answer(286, "Egyptian cat", 0.83984), Answer(7, "b", 0.1))
            )
        ],
        skipped=(),
        notes=(),
        warnings=("the names may be shifted",),
    )
    page = prediction_page(predicted)
    assert "286  0.8398  Egyptian cat" in page
    assert "warning: the names may be shifted" in page
    assert predicted.error is None
