"""The warnings of a quantisation, and the causes that they name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

import pytest

from edgeloop.conversion.agreement import OutputAgreement
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
from edgeloop.conversion.quantization.figures import undelegated
from edgeloop.conversion.quantization.report import Figures
from edgeloop.conversion.quantization.verdict import settled
from edgeloop.conversion.verification import Verification

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
    assert "known causes: " in found["text"]


def test_16x8_is_slow_whatever_was_measured() -> None:
    (found,) = kernel_warnings(Facts("tflite", "int16x8"))
    assert "reference kernels" in found["text"]
    assert kernel_warnings(INT8) == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [(Facts("tflite", "int16x8"), "reference kernels"),
     (Facts("onnx", "fp16"), "compute in float32"),
     (Facts("onnx", "dynamic"), "quantised again in every run"),
     (Facts("onnx", "int8", activations="symmetric"), "made for TensorRT"),
     (Facts("onnx", "int8", machine="x86_64", cpu_flags=frozenset({"avx2"})), "lacks VNNI"),
     (Facts("tflite", "int8", machine="aarch64"), "lacks the dot-product extension"),
     (Facts("tflite", "int8", undelegated="3 node(s), 40% of the nodes,"), "3 node(s), 40%")],
)  # fmt: skip
def test_a_known_cause_is_named(facts: Facts, words: str) -> None:
    assert any(words in cause for cause in causes_of_slowness(facts))


@pytest.mark.parametrize(
    ("macs", "words"),
    [(990, None), (1000, None), (600, "2 node(s), 40% of the multiply-accumulates,")],
)
def test_nodes_that_do_little_are_not_blamed(macs: int, words: Optional[str]) -> None:
    xnnpack = {"name": "xnnpack", "implied": True, "nodes": 8, "macs": macs}
    placement = {"delegates": [xnnpack], "rest": {"nodes": 2}, "nodes": 10, "macs": 1000}
    assert undelegated(placement) == words


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


def accuracy(before: float, after: float, kind: str, verdict: str) -> dict[str, Any]:
    name = "mean_squared_error" if kind == "squared_error" else "accuracy"
    difference = after - before
    return {
        "before": {name: before},
        "after": {name: after},
        "paired": {
            "kind": kind, "n": 500, "difference": difference, "verdict": verdict,
            "difference_ci95": (difference - 0.01, difference + 0.01),
        },
    }  # fmt: skip


def test_a_loss_beyond_chance_is_warned_of_and_no_other() -> None:
    assert accuracy_warnings(INT8, None) == []
    unpaired = {"before": {"accuracy": 0.9}, "after": {"accuracy": 0.5}, "paired": None}
    assert accuracy_warnings(INT8, unpaired) == []
    for verdict in ("better", "no difference shown"):
        assert accuracy_warnings(INT8, accuracy(0.90, 0.88, "correct", verdict)) == []
    (found,) = accuracy_warnings(INT8, accuracy(0.90, 0.88, "correct", "worse"))
    assert found["code"] == "less-accurate"
    assert "from 90.0 % to 88.0 % (-2.00 points [-3.00, -1.00] of 500 samples)" in found["text"]
    (found,) = accuracy_warnings(INT8, accuracy(9.7, 12.0, "squared_error", "worse"))
    assert "rises from 9.7 to 12" in found["text"]


def verification(*faults: str, comparable: bool = True) -> Verification:
    cosine = 0.9 if comparable else None
    output = OutputAgreement("y", *(None,) * 2, cosine, *(None,) * 5, faults)
    named = tuple(f"output 'y': {fault}" for fault in faults)
    return Verification(not faults, 200, "data", "int8", (output,), faults=named)


@pytest.mark.parametrize(
    ("difference", "interval", "passed"),
    [
        (-0.005, (-0.013, 0.003), True),  # as good as MLPerf's own
        (-0.04, (-0.06, -0.02), True),  # plain, and for the user to weigh
        (-0.08, (-0.14, -0.02), True),  # too few samples to tell
        (-0.30, (-0.34, -0.26), False),
    ],
)
def test_with_labels_the_accuracy_decides(
    difference: float, interval: tuple[float, float], passed: bool
) -> None:
    values = accuracy(0.9, 0.9 + difference, "correct", "worse")
    values["paired"].update(difference=difference, difference_ci95=interval)
    found = settled(verification("the mean cosine is 0.9"), Figures(values))
    assert found.passed is passed
    assert "the accuracy beside the float model" in str(found.basis)
    assert len(found.faults) == (0 if passed else 1)


def test_an_error_may_grow_but_not_double() -> None:
    for growth, passed in ((0.5, True), (3.0, False)):
        values = accuracy(2.0, 2.0 + growth, "squared_error", "worse")
        values["paired"]["difference_ci95"] = (growth - 0.1, growth + 0.1)
        assert settled(verification(), Figures(values)).passed is passed


def test_without_labels_and_with_what_cannot_be_compared_nothing_is_settled() -> None:
    distant = verification("the mean cosine is 0.9")
    assert settled(distant, Figures(reason="there is no --data")) is distant
    broken = verification("the result gives NaN", comparable=False)
    values = accuracy(0.9, 0.9, "correct", "no difference shown")
    found = settled(broken, Figures(values))
    assert found.passed is False
    assert found.faults == broken.faults


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
