"""What a quantisation refuses before anything runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeloop.conversion.quantization.spec import QuantizeSpec, require_float, require_sound
from edgeloop.demo import variants
from edgeloop.errors import ModelError, UsageError
from edgeloop.models.inspect import inspect_model
from edgeloop.models.summary import ModelSummary, OperatorCount, Quantization, TensorSummary

INT8 = QuantizeSpec("model.tflite", "int8", representative_data="train.npz")

FLOAT = ModelSummary(
    path="model.onnx", format="onnx", kind=None, bytes=1, sha256="", precision="fp32",
    precision_reason="", inputs=(), outputs=(), operators=(OperatorCount("Conv", 1, False, 1),),
    parameters=1, parameters_reason="", parameter_bytes=4, macs=1, macs_reason="",
)  # fmt: skip


@pytest.mark.parametrize("precision", ["int8", "int16x8"])
def test_ranges_need_samples(precision: str) -> None:
    with pytest.raises(UsageError, match="--representative-data"):
        require_sound(replace(INT8, representative_data=None), precision)
    require_sound(INT8, precision)


@pytest.mark.parametrize("precision", ["dynamic", "fp16"])
def test_samples_that_nothing_would_use_are_refused(precision: str) -> None:
    with pytest.raises(UsageError, match="nothing is calibrated"):
        require_sound(INT8, precision)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"samples": 0}, "--samples must be at least 1"),
     ({"purpose": "tensor-rt"}, "did you mean 'tensorrt'"),
     ({"reduce_range": "maybe"}, "known: auto, yes, no")],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        require_sound(replace(INT8, **changes), "int8")


def test_a_float_model_may_be_quantised() -> None:
    require_float(FLOAT)
    require_float(replace(FLOAT, precision=None))


@pytest.mark.parametrize("precision", ["int8", "int16x8", "dynamic"])
def test_a_model_is_not_quantised_twice(precision: str) -> None:
    with pytest.raises(ModelError, match="quantised already"):
        require_float(replace(FLOAT, precision=precision))


def test_a_float16_model_is_not_quantised_further() -> None:
    with pytest.raises(ModelError, match="float16 already"):
        require_float(replace(FLOAT, precision="fp16"))


def test_a_partly_quantised_onnx_model_is_told_by_its_operators() -> None:
    operators = (OperatorCount("QuantizeLinear", 3, False, 0), *(FLOAT.operators or ()))
    with pytest.raises(ModelError, match="it has QuantizeLinear"):
        require_float(replace(FLOAT, precision="mixed", operators=operators))


def test_quantised_inputs_tell_of_a_quantised_model() -> None:
    tensor = TensorSummary("x", "int8", (1, 8), (None, None), Quantization((0.1,), (0,), None))
    with pytest.raises(ModelError, match="inputs or outputs are quantised"):
        require_float(replace(FLOAT, format="tflite", precision=None, inputs=(tensor,)))


@pytest.mark.parametrize("variant", [v for v in variants() if v.format == "tflite"], ids=str)
def test_real_files_are_told_apart(variant) -> None:
    summary = inspect_model(variant.path)
    if variant.precision == "fp32":
        require_float(summary)
    else:
        with pytest.raises(ModelError, match="quantised already"):
            require_float(summary)
