"""What counts as the same model: errors, cosine, top-1, NaN, shapes, quantised outputs."""

from __future__ import annotations

import numpy as np
import pytest

from edgeloop.conversion.agreement import TOLERANCES, compare_runs
from edgeloop.conversion.samples import SampleRun
from edgeloop.spec.load import TensorSpec

GENERATOR = np.random.default_rng(0)
SCORES = GENERATOR.normal(0, 10, (8, 1, 10)).astype(np.float32)


def sample_run(*outputs, names=None, specs=None):
    names = names or [f"output_{index}" for index in range(len(outputs))]
    specs = specs or [
        TensorSpec(name, str(array.dtype), array.shape[1:]) for name, array in zip(names, outputs)
    ]
    return SampleRun([], specs, [], list(outputs))


def compared(source, result, precision="fp32", **options):
    (agreement,), faults = compare_runs(
        sample_run(source), sample_run(result), precision, **options
    )
    assert faults == []
    return agreement


def test_the_same_outputs_agree():
    agreement = compared(SCORES, SCORES.copy())
    assert agreement.faults == ()
    assert agreement.max_abs_error == 0
    assert agreement.cosine == pytest.approx(1)
    assert agreement.top1_agreement == 1


def test_errors_are_those_of_the_definition():
    other = SCORES.copy()
    other[3, 0, 4] += 0.5
    agreement = compared(SCORES, other)
    assert agreement.max_abs_error == pytest.approx(0.5, rel=1e-5)
    assert agreement.max_relative_error == pytest.approx(0.5 / np.abs(SCORES).max(), rel=1e-5)
    assert len(agreement.faults) >= 1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_number_that_is_none_is_a_fault(bad):
    other = SCORES.copy()
    other[0, 0, 0] = bad
    (fault,) = compared(SCORES, other).faults
    assert "the result gives NaN or infinity for 1 of 80 values" in fault
    (fault,) = compared(other, SCORES).faults
    assert "the source gives NaN" in fault


def test_another_shape_is_a_fault_and_never_broadcast():
    (fault,) = compared(SCORES, SCORES[:, :, :1]).faults
    assert "shape" in fault


def test_a_clipped_calibration_range_is_a_fault_although_top1_hides_it():
    limit = np.abs(SCORES).max() * 0.62  # 13.57 of 35.7: what moving averages cost (measured)
    clipped = np.clip(SCORES, -limit, limit)
    agreement = compared(SCORES, clipped, "int8")
    assert agreement.faults
    assert agreement.max_relative_error == pytest.approx(0.38, abs=0.01)


def test_the_rounding_of_int8_is_none():
    step = np.abs(SCORES).max() / 127
    rounded = (np.round(SCORES / step) * step).astype(np.float32)
    assert compared(SCORES, rounded, "int8").faults == ()
    assert compared(SCORES, rounded, "fp32").faults


def test_quantised_outputs_are_compared_as_real_values():
    scale = float(np.abs(SCORES).max() / 127)
    stored = np.round(SCORES / scale).astype(np.int8)
    spec = TensorSpec("output_0", "int8", (1, 10), (scale,), (0,))
    (agreement,), _ = compare_runs(sample_run(SCORES), sample_run(stored, specs=[spec]), "int8")
    assert agreement.faults == ()
    assert agreement.max_abs_error <= scale / 2 * 1.01


def test_outputs_are_matched_by_name_where_names_are_kept():
    a, b = SCORES, SCORES * 2
    source = sample_run(a, b, names=["first", "second"])
    sorted_otherwise = sample_run(b, a, names=["second", "first"])
    agreements, _ = compare_runs(source, sorted_otherwise, "fp32")
    assert [item.faults for item in agreements] == [(), ()]
    renamed = sample_run(a, b, names=["x", "y"])
    agreements, _ = compare_runs(source, renamed, "fp32")
    assert [item.faults for item in agreements] == [(), ()]


def test_another_number_of_outputs_is_a_fault():
    agreements, faults = compare_runs(sample_run(SCORES, SCORES), sample_run(SCORES), "fp32")
    assert agreements == []
    assert faults == ["the source has 2 outputs, the result 1"]


def test_a_moved_layout_is_moved_before_the_comparison():
    images = GENERATOR.normal(size=(8, 1, 3, 5, 4)).astype(np.float32)
    last = images.transpose(0, 1, 3, 4, 2)
    (agreement,), _ = compare_runs(
        sample_run(images), sample_run(last), "fp32", {"output_0": (0, 2, 3, 1)}
    )
    assert agreement.faults == ()


def test_an_output_of_zeros_agrees_with_itself_only():
    zeros = np.zeros((8, 1, 3), np.float32)
    assert compared(zeros, zeros).faults == ()
    assert compared(zeros, zeros + 1).faults


def test_every_precision_has_a_tolerance_and_they_rise():
    order = ["fp32", "fp16", "dynamic", "int8"]
    errors = [TOLERANCES[name].max_relative_error for name in order]
    assert errors == sorted(errors)
