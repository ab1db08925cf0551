"""What counts as the same model: errors, cosine, top-1, NaN, shapes, quantised outputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgeloop.conversion.agreement import TOLERANCES, compare_detections, compare_runs
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


def run_of(values, given):
    spec = TensorSpec("y", "float32", values.shape[1:])
    return SampleRun([], [spec], [], [values], given=given)


def int8_of(source, result, given):
    (agreement,), _ = compare_runs(run_of(source, given), run_of(result, given), "int8")
    return agreement


def test_a_quantised_model_is_judged_by_its_answers_and_not_by_its_worst_value():
    source = GENERATOR.normal(0, 10, (200, 1, 10)).astype(np.float32)
    result = source.copy()
    result[7, 0, source[7, 0].argmin()] += 0.38 * np.abs(source).max()
    agreement = int8_of(source, result, given=200)
    assert agreement.faults == ()
    assert agreement.max_relative_error == pytest.approx(0.38, abs=0.01)
    low, high = agreement.top1_agreement_ci95
    assert 0.97 < low < high == 1.0


@pytest.mark.parametrize(
    ("n", "changed", "fails"), [(200, 10, False), (200, 60, True), (32, 6, False), (32, 20, True)]
)
def test_answers_fail_where_the_whole_interval_is_too_low(n, changed, fails):
    source = GENERATOR.normal(0, 10, (n, 1, 10)).astype(np.float32)
    result = source.copy()
    result[:changed] *= -1
    agreement = int8_of(source, result, given=n)
    assert bool(agreement.faults) == fails
    assert agreement.top1_agreement == 1 - changed / n


def test_answers_on_random_values_mean_nothing_and_the_cosine_decides():
    source = GENERATOR.normal(0, 10, (50, 1, 10)).astype(np.float32)
    noisy = source + GENERATOR.normal(0, 1, source.shape).astype(np.float32)
    assert int8_of(source, noisy, given=0).faults == ()
    (fault,) = int8_of(source, GENERATOR.permutation(source), given=0).faults
    assert "the mean cosine is" in fault


def detector(boxes, classes, scores):
    arrays = [
        np.asarray(boxes, np.float32)[np.newaxis, np.newaxis],
        np.asarray(classes, np.float32)[np.newaxis, np.newaxis],
        np.asarray(scores, np.float32)[np.newaxis, np.newaxis],
        np.array([[len(scores)]], np.float32),
    ]
    return sample_run(*arrays, names=["boxes", "classes", "scores", "count"])


BOXES = [[0.1, 0.1, 0.4, 0.4], [0.5, 0.5, 0.9, 0.9], [0.1, 0.6, 0.3, 0.9]]


def test_detectors_are_compared_by_what_they_see_in_any_order():
    source = detector(BOXES, [3, 7, 1], [0.9, 0.8, 0.1])
    swapped = detector([BOXES[1], BOXES[0], BOXES[2]], [7, 3, 5], [0.902, 0.899, 0.12])
    found, faults = compare_detections(source, swapped, "int8")
    assert faults == []
    assert (found.kept, found.reference, found.added) == (2, 2, 0)
    document = found.as_dict()
    assert document["kept_share"] == 1.0
    assert document["score_difference"] == pytest.approx((0.102 + 0.001) / 2, abs=1e-3)
    assert document["max_score_difference"] == pytest.approx(0.102, abs=1e-3)
    # In float32 a score that moves so far is no rounding.
    _, faults = compare_detections(source, swapped, "fp32")
    assert "score of a detection differs" in faults[0]


def test_detections_of_another_class_or_place_are_others():
    source = detector(BOXES * 8, [3, 7, 1] * 8, [0.9, 0.8, 0.7] * 8)
    _, faults = compare_detections(source, detector(BOXES * 8, [4, 8, 2] * 8, [0.9] * 24), "int8")
    assert "0.0% of the reference's detections are kept" in faults[0]
    assert "0.0% of the detections are the reference's, too" in faults[1]
    moved = (np.array(BOXES * 8) + 0.3).tolist()
    assert compare_detections(source, detector(moved, [3, 7, 1] * 8, [0.9] * 24), "int8")[1]


@pytest.mark.parametrize("shape", [(64, 4), (64, 3, 8, 8)])
def test_two_heads_of_a_batch_are_not_boxes_and_their_scores(shape):
    """Outputs (64, 4) and (64, 3): of one picture they would be a detector's."""
    outputs = [GENERATOR.random((8, 64, 4)), GENERATOR.random((8, 64, 3))]
    run = sample_run(*outputs, names=["pred_boxes", "logits"])
    run = replace(run, inputs=[TensorSpec("x", "float32", shape)])
    assert compare_detections(run, run, "fp32") is None
    picture = replace(run, inputs=[TensorSpec("x", "float32", (1, 3, 8, 8))])
    assert compare_detections(picture, picture, "fp32") is not None


def test_nothing_seen_is_nothing_to_compare():
    nothing = detector(BOXES, [1, 2, 3], [0.1, 0.1, 0.1])
    found, faults = compare_detections(nothing, nothing, "fp32")
    assert (found.reference, faults) == (0, [])
    assert "the reference sees nothing" in found.as_dict()["kept_share_reason"]
    assert compare_detections(sample_run(SCORES), sample_run(SCORES), "fp32") is None


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
