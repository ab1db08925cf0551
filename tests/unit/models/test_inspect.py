"""Any model file gives one summary; the bundled ones agree with each other."""

from __future__ import annotations

import pytest

from edgeloop.errors import ModelError
from edgeloop.models.inspect import inspect_model


@pytest.mark.parametrize(
    ("name", "format_", "precision", "macs"),
    [
        ("digits_float32.tflite", "tflite", "fp32", 125_248),
        ("digits_int8.tflite", "tflite", "int8", 125_248),
        ("digits_float32.onnx", "onnx", "fp32", 125_248),
        ("digits_int8.onnx", "onnx", "int8", 125_248),
        ("digits_float32.pt", "pytorch", "fp32", None),
    ],
)
def test_one_network_counts_the_same_in_each_format(asset, name, format_, precision, macs):
    if format_ == "onnx":
        pytest.importorskip("onnx")
    found = inspect_model(str(asset(name)))
    assert (found.format, found.precision, found.macs) == (format_, precision, macs)
    assert found.parameters == 7882
    assert found.bytes == asset(name).stat().st_size


def test_keras_says_who_can_tell(tmp_path):
    (tmp_path / "k").write_bytes(b"\x89HDF\r\n\x1a\n")
    found = inspect_model(tmp_path / "k")
    assert found.macs_reason == "known only to Keras"
    assert "convert it to a SavedModel" in found.notes[0]


def test_a_plan_tells_the_tensorrt_that_built_it(tmp_path):
    path = tmp_path / "p"
    path.write_bytes(b"ftrt" + bytes(20) + bytes((10, 3, 0, 26)) + bytes(99))
    assert inspect_model(path).metadata == {"tensorrt_version": "10.3.0.26"}
    path.write_bytes(b"ftrt" + b"\x01" + bytes(40))
    assert inspect_model(path).metadata == {}
    path.write_bytes(b"ftrt" + bytes(20))
    with pytest.raises(ModelError, match="cut short"):
        inspect_model(path)
