"""What is read from a converted file: lost weights, another opset, a side file."""

from __future__ import annotations

from edgeloop.conversion.faults import FileFacts, facts_of, file_faults
from edgeloop.demo import ASSETS


def facts(**changes):
    return FileFacts(**{"format": "tflite", "bytes": 63_000, "precision": "fp32", **changes})


def test_a_sound_file_has_no_fault():
    assert file_faults(facts(), [], parameters=15_000) == []


def test_a_file_that_cannot_hold_the_weights_is_a_fault():
    # What TensorFlow's converter writes of 15 k parameters that it left unfrozen.
    (fault,) = file_faults(facts(bytes=12_700), [], parameters=15_000)
    assert "cannot hold the 15000 parameters" in fault


def test_the_least_size_follows_the_precision():
    assert file_faults(facts(bytes=24_000, precision="int8"), [], parameters=15_000) == []
    assert file_faults(facts(bytes=36_000, precision="fp16"), [], parameters=15_000) == []
    assert file_faults(facts(bytes=4_000, precision="int8"), [], parameters=15_000) != []


def test_variables_that_are_not_frozen_are_a_fault():
    (fault,) = file_faults(facts(operators=("CONV_2D", "VAR_HANDLE", "READ_VARIABLE")), [])
    assert "READ_VARIABLE, VAR_HANDLE" in fault


def test_another_opset_is_a_fault():
    (fault,) = file_faults(facts(format="onnx", opset=18), [], opset=17)
    assert fault == "opset 17 was asked for, but the file has opset 18"
    assert file_faults(facts(format="onnx", opset=17), [], opset=17) == []


def test_weights_in_a_side_file_are_a_fault():
    (fault,) = file_faults(facts(format="onnx"), ["model.onnx.data"])
    assert "model.onnx.data" in fault
    assert file_faults(facts(format="onnx", external_weights=True), []) != []


def test_facts_are_read_from_real_files():
    tflite = facts_of(str(ASSETS / "digits_int8.tflite"))
    assert (tflite.format, tflite.precision) == ("tflite", "int8")
    assert tflite.parameters
    assert "CONV_2D" in tflite.operators
