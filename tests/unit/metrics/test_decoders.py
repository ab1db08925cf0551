"""Outputs of detectors of every layout, made from boxes that are known, back to these boxes."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
import pytest

from edgeloop.errors import UsageError
from edgeloop.metrics.decoders import Decoder, Picture, find_decoder
from edgeloop.metrics.detections import Detections, overlaps, suppressed
from edgeloop.spec.load import TensorSpec
from edgeloop.spec.metrics import parse_decoder

SIZE = Picture(64, 128)
BOXES = np.array([[0.1, 0.2, 0.3, 0.5], [0.5, 0.4, 0.9, 0.8], [0.2, 0.6, 0.3, 0.7]])
CLASSES = np.array([2, 0, 1])
SCORES = np.array([0.9, 0.8, 0.3])
CELLS = 8 * 16 + 4 * 8 + 2 * 4


def specs(**shapes: tuple[int, ...]) -> list[TensorSpec]:
    return [TensorSpec(name, "float32", shape) for name, shape in shapes.items()]


def decoded(arrays: dict[str, Any], choice: Optional[str] = None, **known: Any) -> Detections:
    return reader(arrays, choice, **known)(list(arrays.values()))


def reader(arrays: dict[str, Any], choice: Optional[str] = None, **known: Any) -> Decoder:
    outputs = specs(**{name: (1, *values.shape) for name, values in arrays.items()})
    chosen = None if choice is None else parse_decoder(choice)
    found = find_decoder(outputs, 1, SIZE, chosen, **known)
    assert found is not None
    return found


def require_known(found: Detections, order: Any = slice(None)) -> None:
    assert found.boxes == pytest.approx(BOXES[order], abs=1e-6)
    assert found.classes.tolist() == CLASSES[order].tolist()
    assert found.scores == pytest.approx(SCORES[order], abs=1e-6)


def centred(scale: Any = 1.0) -> np.ndarray:
    middle, size = (BOXES[:, :2] + BOXES[:, 2:]) / 2, BOXES[:, 2:] - BOXES[:, :2]
    return np.hstack([middle, size]) * scale


def yolo8(scale: Any, classes: int = 3, boxes: int = CELLS) -> np.ndarray:
    rows = np.zeros((boxes, 4 + classes))
    rows[:, :4] = np.array([0.5, 0.5, 0.1, 0.1]) * scale
    rows[[5, 40, 100], :4] = centred(scale)
    rows[[5, 40, 100], 4 + CLASSES] = SCORES
    # The first box again, a little moved and less sure: suppression takes it.
    rows[6] = rows[5]
    rows[6, :2] *= 1.01
    rows[6, 4:] *= 0.8
    return rows


PIXELS = np.array([128, 64, 128, 64])


def tflite(names: tuple[str, ...], places: tuple[int, ...]) -> dict[str, Any]:
    padded = np.vstack([BOXES[:, [1, 0, 3, 2]], np.zeros((7, 4))])
    arrays = [
        padded,
        np.concatenate([CLASSES, np.zeros(7)]),
        np.concatenate([SCORES, np.full(7, 0.05)]),
        np.array([3.0]),
    ]
    return {names[place]: arrays[place] for place in places}


@pytest.mark.parametrize("places", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
@pytest.mark.parametrize("names", [("boxes", "classes", "scores", "num"), ("a", "b", "c", "d")])
def test_the_order_of_tflites_outputs_is_told_by_shape_name_and_value(
    names: tuple[str, ...], places: tuple[int, ...]
) -> None:
    arrays = tflite(names, places)
    assert reader(arrays).name == "tflite-postprocess"
    require_known(decoded(arrays))


@pytest.mark.parametrize(("scale", "unit"), [(1.0, "shares"), (PIXELS, "pixels")])
def test_yolo_8_in_either_unit(scale: Any, unit: str) -> None:
    arrays = {"output0": yolo8(scale).T}
    found = reader(arrays)
    assert (found.name, found.classes) == ("yolo", 3)
    assert "v8/11" in found.words
    assert f"coordinates: {unit} of the input" in found.notes(list(arrays.values()))[0]
    require_known(decoded(arrays))


def test_yolo_5_multiplies_the_score_by_the_objectness() -> None:
    rows = np.tile(yolo8(PIXELS), (3, 1))
    rows[CELLS:, 4:] = 0
    rows = np.insert(rows, 4, 0.5, axis=1)
    rows[:, 5:] *= 2
    arrays = {"output": rows}
    assert "v5" in reader(arrays).words
    require_known(decoded(arrays))


def test_yolo_end_to_end_has_nothing_to_suppress() -> None:
    rows = np.zeros((300, 6))
    rows[:3] = np.hstack([BOXES * PIXELS, SCORES[:, None], CLASSES[:, None]])
    require_known(decoded({"output0": rows}))


def test_rows_of_yolo_without_objectness_need_the_number_of_classes() -> None:
    arrays = {"output0": yolo8(PIXELS)}
    with pytest.raises(UsageError, match="fits two layouts, with objectness"):
        reader(arrays)
    require_known(decoded(arrays, classes=3))
    require_known(decoded(arrays, "yolo:version=8"))
    assert reader(arrays, classes=2).classes == 2


def test_the_masks_of_a_segmenting_yolo_are_no_classes() -> None:
    rows = np.hstack([yolo8(PIXELS), np.full((CELLS, 32), 0.9)])
    arrays = {"output0": rows.T, "output1": np.zeros((32, 16, 32))}
    require_known(decoded(arrays))


def test_a_pose_yolo_has_keypoints_in_shares_of_the_input() -> None:
    rows = yolo8(PIXELS)[:, :4]
    rows = np.hstack([rows, np.zeros((CELLS, 1 + 2 * 3))])
    rows[5, 4:] = [0.9, 64, 32, 1.0, 0, 64, 0.5]
    found = decoded({"output0": rows.T}, points=True)
    assert found.keypoints is not None
    assert found.keypoints[0] == pytest.approx(np.array([[0.5, 0.5, 1.0], [0.0, 1.0, 0.5]]))


def test_tensorflows_classes_count_from_1() -> None:
    arrays = {
        "num_detections": np.array([3.0]),
        "detection_scores": SCORES,
        "detection_classes": CLASSES + 1.0,
        "detection_boxes": BOXES[:, [1, 0, 3, 2]],
        "raw_detection_boxes": np.zeros((50, 4)),
    }
    assert reader(arrays).name == "tf-detection"
    require_known(decoded(arrays))


def test_ultraface_has_the_background_first() -> None:
    scores = np.full((60, 4), 0.0)
    boxes = np.full((60, 4), 0.5)
    scores[:, 0] = 1.0
    boxes[[3, 9, 20]] = BOXES
    scores[[3, 9, 20], 1 + CLASSES] = SCORES
    for arrays in ({"scores": scores, "boxes": boxes}, {"boxes": boxes, "scores": scores}):
        assert reader(arrays).name == "ssd-raw"
        require_known(decoded(arrays))
    turned = {"scores": scores, "boxes": boxes[:, [1, 0, 3, 2]]}
    require_known(decoded(turned, "ssd-raw:box=yxyx"))
    bare = {"scores": scores[:, 1:], "boxes": boxes}
    require_known(decoded(bare, "ssd-raw:background=none"))


def test_detr_has_nothing_last_and_softmax() -> None:
    logits = np.full((20, 4), -20.0)
    logits[:, 3] = 20
    boxes = np.full((20, 4), 0.5)
    boxes[[3, 9, 15]] = centred()
    for row, label, score in zip((3, 9, 15), CLASSES, SCORES):
        logits[row] = [-20, -20, -20, np.log(1 - score)]
        logits[row, label] = np.log(score)
    arrays = {"logits": logits, "pred_boxes": boxes}
    assert reader(arrays).name == "detr"
    require_known(decoded(arrays))


def test_what_fits_nothing_is_said_with_the_option() -> None:
    outputs = specs(logits=(1, 1000))
    assert find_decoder(outputs, 1, SIZE) is None
    with pytest.raises(UsageError, match="'logits' 1x1000 fit no decoder; choose one with --dec"):
        find_decoder(outputs, 1, SIZE, expected=True)
    with pytest.raises(UsageError, match="--decoder detr does not fit the outputs 'logits' 1x1000"):
        find_decoder(outputs, 1, SIZE, parse_decoder("detr"))


@pytest.mark.parametrize(
    ("outputs", "size"),
    [
        (specs(zeta=(2, 4), alpha=(2, 3)), SIZE),
        (specs(tags=(1, 50, 6)), Picture(0, 0)),
    ],
)
def test_two_heads_over_a_batch_and_tags_of_words_are_no_boxes(outputs: Any, size: Any) -> None:
    assert find_decoder(outputs, 1, size) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("yollo", "did you mean 'yolo'"),
        ("yolo:versoin=8", "no setting 'versoin'; did you mean 'version'"),
        ("yolo:version=7", "yolo:version=7"),
        ("yolo:score=2", "a number from 0.0 to 1.0"),
        ("tflite-postprocess:order=0,1,2", "write the places of boxes, classes, scores and count"),
    ],
)
def test_odd_words_of_the_decoder_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_decoder(text)


def plain_suppression(boxes: Any, classes: Any, scores: Any, iou: float) -> list[int]:
    """The definition, one pair after the other."""
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if all(
            classes[index] != classes[other]
            or overlaps(boxes[[index]], boxes[[other]])[0, 0] <= iou
            for other in kept
        ):
            kept.append(int(index))
    return kept


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n", [0, 1, 40, 700])
def test_suppression_is_that_of_its_definition(n: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    # In steps of 1/64, which float32 holds: no overlap is near the threshold by rounding alone.
    corner = generator.integers(0, 64, (n, 2)) / 64
    boxes = np.hstack([corner, corner + generator.integers(4, 30, (n, 2)) / 64])
    classes, scores = generator.integers(0, 3, n), generator.random(n)
    found = suppressed(boxes, classes, scores, 0.4501, 10_000)
    assert found.tolist() == plain_suppression(boxes, classes, scores, 0.4501)
    assert suppressed(boxes, classes, scores, 0.4501, 5).tolist() == found[:5].tolist()
