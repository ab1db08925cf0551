from __future__ import annotations

import pytest

from edgeloop.errors import canonical, nearest


@pytest.mark.parametrize(
    "name", ["tflite-runtime", "tflite_runtime", "TFLite-Runtime", " TFLITE_runtime "]
)
def test_hyphens_underscores_and_case_are_the_same(name: str) -> None:
    assert canonical(name) == "tflite-runtime"


def test_the_nearest_name_and_all_there_are() -> None:
    known = ("litert", "onnxruntime")
    assert nearest("onnx-runtime", known) == (
        "did you mean 'onnxruntime'? known: litert, onnxruntime"
    )
    assert nearest("zzz", known) == "known: litert, onnxruntime"
