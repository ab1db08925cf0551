"""A summary survives JSON, and its sums say when they are none."""

from __future__ import annotations

import json

import pytest

from edgeloop.models.macs import MatrixOperator, Operand, add_up
from edgeloop.models.precision import decide
from edgeloop.models.summary import (
    ModelSummary,
    OperatorCount,
    Quantization,
    TensorSummary,
    stated,
    summary_from_dict,
)
from edgeloop.spec.plain_text import plain

TENSOR = TensorSummary(
    name="x", dtype="int8", shape=(None, 3), dim_names=("batch", None),
    quantization=Quantization((0.5, 0.25), (1, 2), 1),
)  # fmt: skip
SUMMARY = ModelSummary(
    path="m", format="onnx", kind=None, bytes=9, sha256="0", precision=None, precision_reason="r",
    inputs=(TENSOR,), outputs=(TensorSummary("y", "float32", None, (), None),),
    operators=(OperatorCount("Conv", 2, False, None),), parameters=1, parameters_reason="",
    parameter_bytes=4, macs=None, macs_reason="r", custom_operators=("a",),
    metadata={"opset": {"ai.onnx": 17}}, notes=("n",),
)  # fmt: skip


def test_the_dictionary_is_json_and_comes_back():
    text = json.dumps(SUMMARY.as_dict(), allow_nan=False)
    assert summary_from_dict(json.loads(text)) == SUMMARY
    assert json.loads(text)["inputs"][0]["shape"] == [None, 3]


def test_unknown_lists_stay_unknown():
    nothing = {**SUMMARY.as_dict(), "inputs": None, "outputs": None, "operators": None}
    found = summary_from_dict(nothing)
    assert found.inputs is found.outputs is found.operators is None


def test_stated_leaves_out_what_is_empty():
    assert stated(a="", b=None, c=[], d={}, e=0, f="x") == {"e": 0, "f": "x"}


def product(name, macs, activation="float32", weight="float32", constant=True, elements=4096):
    reason = "" if macs is not None else f"{name} unknown"
    return MatrixOperator(
        name, macs, reason, Operand(activation, False, 8), Operand(weight, constant, elements)
    )


def test_a_sum_with_a_gap_is_no_sum():
    total = add_up([product("a", 5), product("b", None), product("a", 2)], [])
    assert total.macs is None
    assert total.reason == "b unknown; the rest adds up to 7"
    assert total.by_operator == {"a": 7, "b": None}
    many = add_up([product(name, None) for name in "abcde"], ["opaque"])
    assert many.reason.startswith("opaque; a unknown; b unknown, and 3 more reasons")
    assert add_up([], []).macs == 0


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("float32", "float32")], "fp32"),
        ([("float16", "float16")], "fp16"),
        ([("bfloat16", "bfloat16")], None),
        ([("uint8", "int8"), ("int8", "int8")], "int8"),
        ([("int8", "int8"), ("float32", "float32")], "mixed"),
        ([("float32", "int8"), ("int8", "int8")], "mixed"),
    ],
)
def test_precision_of_operators(pairs, expected):
    assert decide([product("a", 1, *pair) for pair in pairs], [])[0] == expected


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [(["float32"], "fp32"), (["float16"], "fp16"), (["int8", "float32"], None), ([], None)],
)
def test_precision_without_operators(dtypes, expected):
    tensors = [TensorSummary("t", dtype, (1,), (None,), None) for dtype in dtypes]
    name, how = decide([], tensors)
    assert name == expected
    assert "no convolution or matrix operator is visible" in how


def test_plain_text_bears_printing():
    assert plain("a\nb\x1b[0m") == "a?b?[0m"
    assert plain("é" * 80) == "é" * 80
    assert len(plain("x" * 10**6)) == 80
