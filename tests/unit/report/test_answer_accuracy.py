"""What a report says of the accuracy of models on the same samples."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from edgeloop.metrics.paired import SampleScores
from edgeloop.report.answer import answers
from edgeloop.spec.metrics import CORRECT


def row(model: str, right: np.ndarray, labels: str = "same") -> Any:
    return SimpleNamespace(model=model, command="eval", scores=SampleScores(CORRECT, right, labels))


def test_models_on_the_same_samples_are_compared_with_the_first() -> None:
    right = np.arange(1000) % 10 > 1
    worse = right & (np.arange(1000) % 7 > 0)
    rows = [
        row("float.onnx", right),
        row("int8.onnx", worse),
        row("int8.onnx", worse),  # in another runtime
        row("other.onnx", right, labels="others"),
        SimpleNamespace(model="none.onnx", command="eval", scores=None),
    ]
    (sentence,) = answers(rows)
    assert sentence.startswith("int8.onnx is less accurate than float.onnx on the same samples: -1")
    assert "of 1000 samples" in sentence
