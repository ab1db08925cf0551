"""Which method a format and a precision lead to, and what is said where there is none."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from edgeloop.conversion.quantization.methods import (
    METHODS,
    choose_method,
    parse_io,
    parse_precision,
    possible_precisions,
)
from edgeloop.errors import UsageError


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_every_method_has_its_module(method) -> None:
    assert find_spec(method.module) is not None


@pytest.mark.parametrize(
    ("text", "meant"),
    [("int8", "int8"), ("INT8", "int8"), ("float16", "fp16"), ("16x8", "int16x8"),
     ("dynamic_range", "dynamic"), ("int16x8", "int16x8")],
)  # fmt: skip
def test_names_of_other_tools_are_understood(text: str, meant: str) -> None:
    assert parse_precision(text) == meant


def test_an_unknown_precision_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'int8'"):
        parse_precision("int")


@pytest.mark.parametrize(
    ("source", "precision", "name"),
    [("tflite", "int8", "tflite-static"), ("tflite", "int16x8", "tflite-static"),
     ("tflite", "dynamic", "tflite-dynamic"), ("tflite", "fp16", "tflite-float16"),
     ("savedmodel", "int8", "tensorflow-tflite"), ("keras", "int16x8", "tensorflow-tflite"),
     ("onnx", "int8", "onnx-static"), ("onnx", "dynamic", "onnx-dynamic"),
     ("onnx", "fp16", "onnx-float16")],
)  # fmt: skip
def test_the_format_decides_the_tool(source: str, precision: str, name: str) -> None:
    assert choose_method(source, precision).name == name


def test_what_onnx_cannot_do_names_what_it_can() -> None:
    with pytest.raises(UsageError, match="possible: int8, dynamic, fp16"):
        choose_method("onnx", "int16x8")


def test_pytorch_is_converted_first() -> None:
    with pytest.raises(UsageError, match="--to tflite or --to onnx"):
        choose_method("pytorch", "int8")


@pytest.mark.parametrize("source", ["edgetpu", "tensorrt", "aotinductor"])
def test_what_is_compiled_cannot_be_quantised(source: str) -> None:
    with pytest.raises(UsageError, match="what it was made from"):
        choose_method(source, "int8")
    assert possible_precisions(source) == []


def test_inputs_and_outputs_are_int8_unless_said_otherwise() -> None:
    method = choose_method("tflite", "int8")
    assert parse_io(None, method, "int8") == "int8"
    assert parse_io("UINT8", method, "int8") == "uint8"
    assert parse_io("float32", method, "int8") == "float32"


def test_only_full_integer_tflite_has_a_choice_of_io() -> None:
    with pytest.raises(UsageError, match="keeps float32"):
        parse_io("uint8", choose_method("onnx", "int8"), "int8")
    with pytest.raises(UsageError, match="keeps float32"):
        parse_io("int8", choose_method("tflite", "dynamic"), "dynamic")
    assert parse_io(None, choose_method("tflite", "dynamic"), "dynamic") == "float32"


def test_an_unknown_io_names_the_known() -> None:
    with pytest.raises(UsageError, match="did you mean 'uint8'"):
        parse_io("uint", choose_method("tflite", "int8"), "int8")
