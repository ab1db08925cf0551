"""The warnings of a quantisation, and the causes that they name."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

import pytest

from edgeloop.conversion.quantization.causes import (
    Facts,
    accuracy_warnings,
    calibration_warning,
    causes_of_inaccuracy,
    causes_of_slowness,
    kernel_warnings,
    overflow_notes,
    saturates,
    slowness_warning,
    snr_warnings,
    this_machine,
)

INT8 = Facts("tflite", "int8", machine="x86_64", cpu_flags=frozenset({"avx2", "avx512_vnni"}))


@pytest.mark.parametrize("verdict", ["faster", "not comparable", None])
def test_only_what_was_measured_and_is_not_faster_is_warned_of(verdict: Optional[str]) -> None:
    assert slowness_warning(INT8, verdict, "") == []


@pytest.mark.parametrize(
    ("verdict", "words"),
    [("slower", "is slower"), ("equivalent", "is no faster"),
     ("inconclusive", "was not shown to be faster")],
)  # fmt: skip
def test_what_is_not_faster_is_said_with_its_figure(verdict: str, words: str) -> None:
    (found,) = slowness_warning(INT8, verdict, "1.20 [1.18, 1.22]")
    assert found["code"] == "not-faster"
    assert f"int8 {words} than the float model here" in found["text"]
    assert "(1.20 [1.18, 1.22] of its time)" in found["text"]
    assert "Known causes: " in found["text"]


def test_16x8_is_slow_whatever_was_measured() -> None:
    (found,) = kernel_warnings(Facts("tflite", "int16x8"))
    assert "reference kernels" in found["text"]
    assert kernel_warnings(INT8) == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [(Facts("tflite", "int16x8"), "reference kernels"),
     (Facts("onnx", "fp16"), "compute in float32"),
     (Facts("onnx", "dynamic"), "quantised anew in every run"),
     (Facts("onnx", "int8", activations="symmetric"), "made for TensorRT"),
     (Facts("onnx", "int8", machine="x86_64", cpu_flags=frozenset({"avx2"})), "lacks VNNI"),
     (Facts("tflite", "int8", machine="aarch64"), "lacks the dot-product extension"),
     (Facts("tflite", "int8", undelegated=3), "3 node(s)")],
)  # fmt: skip
def test_a_known_cause_is_named(facts: Facts, words: str) -> None:
    assert any(words in cause for cause in causes_of_slowness(facts))


def test_a_cpu_with_the_instructions_is_not_blamed() -> None:
    arm = Facts("tflite", "int8", machine="aarch64", cpu_flags=frozenset({"asimddp"}))
    for facts in (INT8, arm):
        assert not any("lacks" in cause for cause in causes_of_slowness(facts))


@pytest.mark.parametrize(
    ("machine", "flags", "expected"),
    [("x86_64", {"avx2"}, True), ("x86_64", {"avx2", "avx512f"}, True),
     ("x86_64", {"avx2", "avx512_vnni"}, False), ("x86_64", {"avx2", "avx_vnni"}, False),
     ("aarch64", set(), False), ("armv7l", set(), False)],
)  # fmt: skip
def test_only_x86_without_vnni_overflows(machine: str, flags: set[str], expected: bool) -> None:
    assert saturates(machine, flags) is expected


def test_8_bit_weights_are_spoken_of_where_they_can_overflow() -> None:
    vnni = Facts("onnx", "int8", machine="x86_64", cpu_flags=frozenset({"avx_vnni"}))
    (found,) = overflow_notes(vnni)
    assert "--reduce-range yes" in found
    (found,) = overflow_notes(replace(vnni, cpu_flags=frozenset({"avx2"})))
    assert "overflow on this CPU" in found
    assert overflow_notes(replace(vnni, reduce_range=True)) == []
    assert overflow_notes(replace(vnni, precision="dynamic")) == []
    assert overflow_notes(INT8) == []


def test_the_flags_of_this_machine_are_read() -> None:
    machine, flags = this_machine()
    assert machine
    assert flags  # every Linux names some


def accuracy(before: object, after: object, name: str = "accuracy") -> dict[str, dict[str, object]]:
    return {"before": {name: before}, "after": {name: after}}


def test_a_point_of_accuracy_is_allowed_more_is_not() -> None:
    assert accuracy_warnings(INT8, accuracy(0.90, 0.895)) == []
    assert accuracy_warnings(INT8, accuracy(0.90, 0.95)) == []
    assert accuracy_warnings(INT8, None) == []
    (found,) = accuracy_warnings(INT8, accuracy(0.90, 0.85))
    assert found["code"] == "less-accurate"
    assert "from 90.0 % to 85.0 %" in found["text"]


def test_a_tenth_of_the_squared_error_is_allowed_more_is_not() -> None:
    assert accuracy_warnings(INT8, accuracy(9.7, 10.2, "mean_squared_error")) == []
    (found,) = accuracy_warnings(INT8, accuracy(9.7, 12.0, "mean_squared_error"))
    assert "rises from 9.7 to 12" in found["text"]
    assert accuracy_warnings(INT8, accuracy(1, 2, "something else")) == []


def test_few_samples_and_smooth_activations_are_causes_of_inaccuracy() -> None:
    facts = Facts("tflite", "int8", samples=8, operators=("CONV_2D", "HARD_SWISH"))
    causes = "; ".join(causes_of_inaccuracy(facts))
    assert "8 calibration samples" in causes
    assert "HARD_SWISH" in causes
    assert "CONV_2D" not in causes
    assert "7 bits" not in causes
    assert any(
        "7 bits" in c for c in causes_of_inaccuracy(Facts("onnx", "int8", reduce_range=True))
    )


def test_a_noisy_output_is_named() -> None:
    found = snr_warnings(INT8, [("boxes", 12.34), ("scores", 31.0), ("count", None)])
    assert [warning["code"] for warning in found] == ["low-snr"]
    assert "'boxes'" in found[0]["text"]
    assert "12.3 dB" in found[0]["text"]


def test_calibrating_on_the_test_data_is_said() -> None:
    assert calibration_warning("ab", "cd") == []
    assert calibration_warning("ab", None) == []
    assert calibration_warning("ab", "ab")[0]["code"] == "calibrated-on-test-data"
