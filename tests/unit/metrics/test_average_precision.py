"""COCO's average precision: against both libraries of the field, and on pictures done by hand."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from edgeloop.metrics.average_precision import COCO_SIGMAS, DetectionTally, Truth, no_truth
from edgeloop.metrics.detections import Detections

LIBRARIES = ("pycocotools", "faster_coco_eval")


def truth(boxes: Any, classes: Any, crowd: Any = None, ignored: Any = None) -> Truth:
    n = len(classes)
    return Truth(
        np.asarray(boxes, float).reshape(-1, 4),
        np.asarray(classes, np.int64),
        np.zeros(n, bool) if crowd is None else np.asarray(crowd, bool),
        np.zeros(n, bool) if ignored is None else np.asarray(ignored, bool),
    )


def found(boxes: Any, classes: Any, scores: Any) -> Detections:
    return Detections.of(
        np.asarray(boxes, float).reshape(-1, 4), np.asarray(classes), np.asarray(scores, float)
    )


def pictures(n: int, classes: int, seed: int) -> list[tuple[Detections, Truth]]:
    """Objects, each found about twice and not quite in its place, among random detections."""
    generator = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        k = int(generator.integers(0, 9))
        corner, size = generator.uniform(0, 400, (k, 2)), generator.uniform(10, 200, (k, 2))
        boxes = np.hstack([corner, corner + size])
        labels = generator.integers(0, classes, k)
        near = boxes.repeat(2, 0) + generator.normal(0, 8, (2 * k, 4))
        far = generator.uniform(0, 400, (120, 2))
        every = np.vstack([near, np.hstack([far, far + generator.uniform(5, 200, (120, 2))])])
        every[:, 2:] = np.maximum(every[:, 2:], every[:, :2] + 1)
        same = generator.random(2 * k) < 0.8
        guesses = np.where(same, labels.repeat(2), generator.integers(0, classes, 2 * k))
        guesses = np.concatenate([guesses, generator.integers(0, classes, 120)])
        # Rounded, so that scores are equal now and then.
        scores = np.round(np.concatenate([
            generator.beta(4, 2, 2 * k), generator.beta(1, 6, 120)
        ]), 2)  # fmt: skip
        crowd = generator.random(k) < 0.1
        made.append((found(every, guesses, scores), truth(boxes, labels, crowd)))
    return made


def by_library(name: str, made: list[tuple[Detections, Truth]], classes: int) -> list[float]:
    """Return mAP50-95, mAP50 and AR100 of a library."""
    pytest.importorskip(name, reason=f"pip install {name.replace('_', '-')}")
    if name == "pycocotools":
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    else:
        from faster_coco_eval import COCO
        from faster_coco_eval import COCOeval_faster as COCOeval
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for picture, (detections, there) in enumerate(made, start=1):
        for box, label, crowd in zip(there.boxes, there.classes, there.crowd):
            annotations.append({
                "id": len(annotations) + 1, "image_id": picture, "category_id": int(label),
                "bbox": xywh(box), "area": float(np.prod(box[2:] - box[:2])),
                "iscrowd": int(crowd),
            })  # fmt: skip
        results += [
            {"image_id": picture, "category_id": int(c), "bbox": xywh(b), "score": float(s)}
            for b, c, s in zip(detections.boxes, detections.classes, detections.scores)
        ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": number} for number in range(1, len(made) + 1)],
            "annotations": annotations,
            "categories": [{"id": number} for number in range(classes)],
        }
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(evaluation.stats[index]) for index in (0, 1, 8)]


def xywh(box: Any) -> list[float]:
    return [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]


def tally_of(made: list[tuple[Detections, Truth]], classes: int) -> DetectionTally:
    tally = DetectionTally(len(made), classes, seed=0)
    for detections, there in made:
        tally.add(detections, there)
    return tally


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("seed", range(3))
def test_the_figures_are_those_of_the_libraries(library: str, seed: int) -> None:
    made = pictures(60, 7, seed)
    wanted = by_library(library, made, 7)
    assert tally_of(made, 7).figures()[0] == pytest.approx(wanted, abs=1e-9)


def test_a_set_done_by_hand() -> None:
    # Two objects of one class; the best detection is one of them exactly, the next is nothing, the
    # third overlaps the other by 0.6: right up to there. Of 101 recalls 51 have a precision of 1,
    # and at the thresholds 0.5, 0.55 and 0.6 the other 50 have 2/3.
    there = truth([[0, 0, 10, 10], [20, 20, 30, 30]], [0, 0])
    seen = found([[0, 0, 10, 10], [50, 50, 60, 60], [20, 20, 30, 26]], [0, 0, 0], [0.9, 0.8, 0.7])
    tally = tally_of([(seen, there)], 2)
    low, high = (51 + 50 * 2 / 3) / 101, 51 / 101
    document = tally.as_dict(["cat", "dog"])
    assert document["map_50"] == pytest.approx(low)
    assert document["map_50_95"] == pytest.approx((3 * low + 7 * high) / 10)
    assert document["ar_100"] == pytest.approx((3 * 1.0 + 7 * 0.5) / 10)
    assert [one["name"] for one in document["classes"]] == ["cat"]
    assert document["map_50_ci95"] is None  # one picture does not vary


def test_what_is_ignored_is_neither_right_nor_wrong() -> None:
    there = truth([[0, 0, 10, 10], [20, 20, 30, 30]], [0, 0], ignored=[False, True])
    seen = found([[20, 20, 30, 30], [0, 0, 10, 10]], [0, 0], [0.9, 0.8])
    assert tally_of([(seen, there)], 1).figures()[0] == pytest.approx([1, 1, 1])


def test_without_objects_there_are_no_figures() -> None:
    tally = tally_of([(found([[0, 0, 1, 1]], [0], [0.5]), no_truth())], 1)
    assert "no object" in tally.as_dict()["map_50_95_reason"]


def test_the_interval_lies_around_the_figure_and_narrows() -> None:
    few, many = (tally_of(pictures(n, 3, 5), 3).as_dict() for n in (40, 400))
    for document in (few, many):
        for name in ("map_50_95", "map_50", "ar_100"):
            low, high = document[f"{name}_ci95"]
            assert 0 < low < document[name] < high < 1
    widths = [np.ptp(document["map_50_ci95"]) for document in (few, many)]
    assert widths[1] < widths[0] / 2  # a third, were it exact


def test_resampled_with_equal_weights_the_figures_stay() -> None:
    from edgeloop.metrics.average_precision import _Resampled

    tally = tally_of(pictures(50, 4, 7), 4)
    resampled = _Resampled(tally._by_class(), (1,))
    values = resampled.statistic(np.ones((2, 50)))
    means, each = tally.figures()
    # What is ignored at the lowest threshold is so at all: a tenth of the objects are crowds here.
    assert values[0] == pytest.approx([*means, each[1]], abs=1e-2)
    assert (values[0] == values[1]).all()


def test_keypoints_are_matched_by_their_similarity() -> None:
    points = np.zeros((1, 17, 3))
    points[0, :, :2] = np.arange(17)[:, None] * 5
    points[0, :, 2] = 2
    there = Truth(
        np.array([[0.0, 0, 80, 80]]), np.zeros(1, np.int64), np.zeros(1, bool), np.zeros(1, bool),
        points, np.array([6400.0]),
    )  # fmt: skip
    moved = points.copy()
    # At this distance each point has a similarity of 0.7: right up to the threshold 0.7.
    moved[0, :, 0] += np.sqrt(-2 * np.log(0.7 + 1e-9) * 6400 * (2 * COCO_SIGMAS) ** 2)
    seen = Detections(np.array([[0.0, 0, 80, 80]]), np.zeros(1, np.int64), np.ones(1), moved)
    tally = DetectionTally(1, 1, 0, sigmas=COCO_SIGMAS)
    tally.add(seen, there)
    assert tally.figures()[0] == pytest.approx([0.5, 1.0, 0.5])
