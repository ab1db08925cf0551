"""From the outputs of a detector to boxes, classes and scores, whatever the layout.

Layouts: TFLite_Detection_PostProcess (tensorflow/lite/kernels/detection_postprocess.cc), the
exports of Ultralytics (docs.ultralytics.com/modes/export), TensorFlow's object detection API, SSD
heads that are decoded already (UltraFace), and DETR (huggingface.co/docs/transformers).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.errors import UsageError
from edgeloop.metrics.alignment import squeezed
from edgeloop.metrics.detections import Detections, suppressed
from edgeloop.spec.metrics import DETR, SSD_RAW, TF_DETECTION, TFLITE, YOLO, DecoderChoice

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgeloop.spec.load import TensorSpec

    Arrays = Sequence[npt.NDArray[Any]]

# Of YOLO's heads: one cell of the grid for this many pixels; P6 models have the last, too.
_STRIDES, _STRIDES_P6 = (8, 16, 32), (8, 16, 32, 64)
_ANCHORS_V5 = 3
_MOST_END_TO_END = 1000
# Two outputs (n, 4) and (n, classes) with fewer rows are a batch of samples rather than boxes.
_FEWEST_BOXES = 16

# Coordinates above this are pixels: shares of the picture reach a little beyond 1.
_MOST_SHARE = 2.0

# x, y and score of each keypoint.
_POINT = 3


@dataclass(frozen=True)
class Thresholds:
    """Which boxes count; the defaults are those of Ultralytics' validation."""

    score: float = 0.001
    """The least score of a detection."""
    iou: float = 0.7
    """Of two boxes of one class that overlap by more the better one is kept."""
    most: int = 300
    """Detections in one picture."""
    every_class: bool = True
    """A box counts for each of its classes above `score`, not for the best one only."""


VALIDATING = Thresholds()
SHOWING = Thresholds(score=0.25, every_class=False)
COMPARING = Thresholds(score=0.1, every_class=False)


@dataclass(frozen=True)
class Picture:
    """What a decoder needs to know of the model's input."""

    height: int
    width: int


class Decoder(ABC):
    """Reads the outputs of one kind of detector."""

    name: str
    words: str
    """How the kind was detected, and what of it was chosen."""
    classes: Optional[int] = None
    """How many the model tells apart; None where its outputs do not show it."""

    @abstractmethod
    def __call__(self, outputs: Arrays) -> Detections:
        """Return what one picture's outputs say: boxes as shares of the input (0 to 1)."""

    def notes(self, outputs: Arrays) -> list[str]:
        """Say what the values of a first picture decide, one sentence each."""
        return []


@dataclass(frozen=True)
class _Listed(Decoder):
    """Four outputs that list boxes, classes, scores and their number; no suppression is left."""

    name: str
    words: str
    boxes: int
    rows: tuple[int, int]
    """Classes and scores, or where `sure` is False perhaps the other way round."""
    count: int
    sure: bool
    first: int
    """The number of the first class."""
    limits: Thresholds
    classes: Optional[int] = None

    def __call__(self, outputs: Arrays) -> Detections:
        """Return the first `count` detections of a score that counts."""
        boxes = outputs[self.boxes].reshape(-1, 4)
        classes, scores = (outputs[index].reshape(-1) for index in self.rows)
        if not self.sure and _whole(scores) and not _whole(classes):
            classes, scores = scores, classes
        count = min(int(outputs[self.count].reshape(-1)[0]), len(scores))
        kept = np.flatnonzero(scores[:count] >= self.limits.score)[: self.limits.most]
        found = Detections.of(
            boxes[kept][:, [1, 0, 3, 2]], np.rint(classes[kept]) - self.first, scores[kept]
        )
        return found.take(found.classes >= 0)


@dataclass(frozen=True)
class _Yolo(Decoder):
    """One output with a row, or a column, for each box of the grid."""

    name: str
    words: str
    output: int
    version: str
    """5 (objectness), 8 (none) or end2end (corners, score and class, nothing to suppress)."""
    rows: bool
    """Whether a box is a row, and not a column."""
    size: Picture
    scale: Optional[str]
    """pixels or normalized; None: by the largest coordinate."""
    limits: Thresholds
    classes: Optional[int] = None
    masks: int = 0
    """Coefficients of a mask behind the scores."""
    points: int = 0
    """Keypoints behind the scores."""

    def __call__(self, outputs: Arrays) -> Detections:
        """Return what non-maximum suppression leaves; of end2end all that counts."""
        values = outputs[self.output]
        values = values.reshape(-1, values.shape[-1])
        table = values.T if self.rows else values  # (attributes, boxes)
        unit = self._unit(table[:4])
        if self.version == "end2end":
            kept = np.flatnonzero(table[4] >= self.limits.score)[: self.limits.most]
            return Detections.of(table[:4, kept].T / unit, np.rint(table[5, kept]), table[4, kept])
        first = 5 if self.version == "5" else 4
        scores = table[first : first + (self.classes or 1)]
        if self.version == "5":
            # A product is not above what its factors are not.
            likely = np.flatnonzero(table[4] >= self.limits.score)
            table, scores = table[:, likely], scores[:, likely] * table[4, likely]
        places, numbers, values = _candidates(scores, self.limits)
        middle, half = table[:2, places].T, table[2:4, places].T / 2
        boxes = np.hstack([middle - half, middle + half]) / unit
        kept = suppressed(boxes, numbers, values, self.limits.iou, self.limits.most)
        points = None
        if self.points:
            points = table[first + (self.classes or 1) :, places[kept]].T
            points = points.reshape(-1, self.points, _POINT) / np.array([*unit[:2], 1.0])
        return Detections(
            boxes[kept].astype(np.float64), numbers[kept], values[kept].astype(np.float64), points
        )

    def notes(self, outputs: Arrays) -> list[str]:
        """Say in which unit the coordinates are."""
        if self.scale is not None:
            return [f"coordinates: {self.scale}, as given"]
        values = outputs[self.output]
        values = values.reshape(-1, values.shape[-1])
        largest = float(np.max(values[:, :4] if self.rows else values[:4], initial=0.0))
        unit = "pixels of the input" if largest > _MOST_SHARE else "shares of the input"
        return [f"coordinates: {unit}, as the largest is {largest:.4g}"]

    def _unit(self, corners: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return what x, y, x and y are divided by to be shares of the input."""
        pixels = self.scale == "pixels"
        if self.scale is None:
            pixels = float(np.max(corners, initial=0.0)) > _MOST_SHARE
        width, height = (self.size.width, self.size.height) if pixels else (1, 1)
        return np.array([width, height, width, height], dtype=np.float64)


@dataclass(frozen=True)
class _Heads(Decoder):
    """Two outputs, boxes (n, 4) and scores (n, classes), where each row is a box of its own."""

    name: str
    words: str
    boxes: int
    scores: int
    form: str
    """xyxy, yxyx or cxcywh."""
    activation: str
    """What makes probabilities of the scores: none, softmax or sigmoid."""
    background: str
    """Where the class for nothing stands among the scores: first, last or none."""
    suppress: bool
    scale: Optional[str]
    size: Picture
    limits: Thresholds
    classes: Optional[int] = None

    def __call__(self, outputs: Arrays) -> Detections:
        """Return the boxes whose class is not the background."""
        boxes = outputs[self.boxes].reshape(-1, 4)
        scores = outputs[self.scores]
        scores = _activated(scores.reshape(-1, scores.shape[-1]), self.activation)
        lead = 1 if self.background == "first" else 0
        scores = scores[:, lead : scores.shape[1] - (self.background == "last")]
        places, numbers, values = _candidates(scores.T, self.limits)
        corners = _corners(boxes[places], self.form)
        if self.scale == "pixels" or (
            self.scale is None and float(np.max(boxes, initial=0.0)) > _MOST_SHARE
        ):
            corners = corners / np.array([self.size.width, self.size.height] * 2)
        if not self.suppress:
            return Detections.of(corners, numbers, values).take(
                np.arange(min(len(values), self.limits.most))
            )
        kept = suppressed(corners, numbers, values, self.limits.iou, self.limits.most)
        return Detections.of(corners[kept], numbers[kept], values[kept])


def find_decoder(
    outputs: Sequence[TensorSpec],
    batch_size: int,
    size: Picture,
    choice: Optional[DecoderChoice] = None,
    *,
    limits: Thresholds = VALIDATING,
    classes: Optional[int] = None,
    expected: bool = False,
    points: bool = False,
) -> Optional[Decoder]:
    """Return what reads the outputs of a model; None where it does not look like a detector.

    `classes`: how many there are, where that is known from a file of names. `expected`: the data
    says that the model detects, so a layout counts that alone proves nothing. `points`: it finds
    keypoints. Raises UsageError where several layouts fit, or the chosen one does not.
    """
    given = choice or DecoderChoice(None, {})
    limits = _limits(given.settings, limits)
    shapes = [_shape(spec, batch_size) for spec in outputs]
    asked = _Asked(outputs, shapes, size, given, limits, classes, expected, points)
    if given.name is not None:
        found = _READERS[given.name](asked)
        if found is None:
            raise UsageError(
                f"--decoder {given.name} does not fit the outputs {_said(outputs)}: "
                f"{_WANTED[given.name]}"
            )
        return found
    fits = [one for one in (reader(asked) for reader in _READERS.values()) if one is not None]
    if len(fits) > 1:
        raise UsageError(
            f"the outputs {_said(outputs)} fit the decoders "
            f"{' and '.join(one.name for one in fits)}: choose one with --decoder NAME"
        )
    if not fits and expected:
        raise UsageError(
            f"the outputs {_said(outputs)} fit no decoder; choose one with --decoder NAME: "
            + "; ".join(f"{name} ({words})" for name, words in _WANTED.items())
        )
    return fits[0] if fits else None


@dataclass(frozen=True)
class _Asked:
    outputs: Sequence[TensorSpec]
    shapes: Sequence[tuple[int, ...]]
    size: Picture
    choice: DecoderChoice
    limits: Thresholds
    classes: Optional[int]
    expected: bool
    points: bool

    def named(self, *parts: str) -> Optional[int]:
        """Return the only output whose name holds one of the parts."""
        found = [
            index
            for index, spec in enumerate(self.outputs)
            if any(part in spec.name.lower() for part in parts)
        ]
        return found[0] if len(found) == 1 else None

    def called(self, name: str) -> Optional[int]:
        """Return the output of this name, which may have a scope before it and a port behind."""
        for index, spec in enumerate(self.outputs):
            if spec.name.split(":")[0].split("/")[-1].lower() == name:
                return index
        return None

    def option(self, key: str, otherwise: Any = None) -> Any:
        """Return a setting of --decoder, or what stands for it."""
        return self.choice.settings.get(key, otherwise)


def _tflite(asked: _Asked) -> Optional[Decoder]:
    """TFLite_Detection_PostProcess: the shapes show which is which, then names, then values."""
    if asked.choice.name is None and asked.called("detection_boxes") is not None:
        return None  # TensorFlow's own names
    order = asked.option("order")
    parts = _parts(asked) if order is None else tuple(order)
    if parts is None or len(asked.outputs) != 4 or max(parts) > 3:
        return None
    boxes, classes, scores, count = parts
    names = [asked.outputs[index].name.lower() for index in (classes, scores)]
    sure = order is not None or "class" in names[0] or "score" in names[1]
    how = (
        "as given"
        if order is not None
        else "recognised by their shapes"
        + (" and names" if sure else ", and classes from scores by their values")
    )
    return _Listed(
        TFLITE, f"boxes, classes, scores and count, {how}", boxes, (classes, scores), count, sure,
        0, asked.limits,
    )  # fmt: skip


def _parts(asked: _Asked) -> Optional[tuple[int, int, int, int]]:
    """Return the places of boxes, classes, scores and count."""
    if len(asked.outputs) != 4:
        return None
    shapes = asked.shapes
    boxes = [index for index, shape in enumerate(shapes) if len(shape) == 2 and shape[1] == 4]
    counts = [index for index, shape in enumerate(shapes) if squeezed(shape) == ()]
    if len(boxes) != 1 or len(counts) != 1:
        return None
    rows = [index for index in range(4) if shapes[index] == (shapes[boxes[0]][0],)]
    if len(rows) != 2:
        return None
    classes, scores = rows
    names = [asked.outputs[index].name.lower() for index in rows]
    if ("score" in names[0] and "score" not in names[1]) or (
        "class" in names[1] and "class" not in names[0]
    ):
        classes, scores = scores, classes
    return boxes[0], classes, scores, counts[0]


def _tf_detection(asked: _Asked) -> Optional[Decoder]:
    """TensorFlow's object detection API, by the names of its outputs."""
    parts = [
        asked.called(name)
        for name in ("detection_boxes", "detection_classes", "detection_scores", "num_detections")
    ]
    if None in parts:
        return None
    boxes, classes, scores, count = (int(part or 0) for part in parts)
    return _Listed(
        TF_DETECTION, "recognised by the names of the outputs", boxes, (classes, scores), count,
        True, int(asked.option("first", 1)), asked.limits,
    )  # fmt: skip


def _yolo(asked: _Asked) -> Optional[Decoder]:
    """Return the reader of Ultralytics' layouts: there are as many boxes as cells of the grid."""
    named = asked.choice.name == YOLO
    for index, shape in enumerate(asked.shapes):
        if len(shape) != 2 or min(shape) < 5:
            continue
        found = _yolo_of(asked, index, shape, named or asked.expected)
        if found is not None:
            return found
    return None


def _yolo_of(
    asked: _Asked, index: int, shape: tuple[int, int], expected: bool
) -> Optional[Decoder]:
    cells = {_cells(asked.size, strides) for strides in (_STRIDES, _STRIDES_P6)}
    version, a, b = asked.option("version"), *shape
    scale = asked.option("scale")
    how = "as given"
    rows = b < a
    if version is None:
        if b == 6 and a <= _MOST_END_TO_END and a not in cells and asked.size.height:
            version, how = "end2end", f"{a} rows of corners, score and class"
        elif b in cells or (expected and a < b and a not in cells):
            version, how = "8", f"{a} values for each of {b} boxes, no objectness"
        elif a in {_ANCHORS_V5 * count for count in cells}:
            version, how = "5", f"{b} values for each of {a} boxes, 3 for a cell of the grid"
        elif a in cells:
            version = _transposed_version(asked, b)
            how = f"{b} values for each of {a} boxes, {asked.classes} of them classes"
        elif expected:
            raise UsageError(
                f"the output '{asked.outputs[index].name}' of {a}x{b} may be that of a YOLO with "
                "or without objectness, as its boxes are not those of the grid of a "
                f"{asked.size.height}x{asked.size.width} picture: give --decoder yolo:version=5 or "
                "yolo:version=8"
            )
        else:
            return None
    if version == "end2end":
        return _Yolo(YOLO, f"end-to-end, {how}", index, version, True, asked.size, scale,
                     asked.limits)  # fmt: skip
    attributes = b if rows else a
    left = attributes - (5 if version == "5" else 4)
    masks = _mask_count(asked)
    points = 0
    classes = left - masks
    if asked.points:
        classes = asked.classes or 1
        points, odd = divmod(left - classes, _POINT)
        if points < 1 or odd:
            raise UsageError(
                f"the output '{asked.outputs[index].name}' of {a}x{b} does not hold x, y and "
                f"score of keypoints behind {classes} class(es)"
            )
    if classes < 1:
        return None
    label = "v5" if version == "5" else "v8/11"
    return _Yolo(YOLO, f"{label}, {how}", index, version, rows, asked.size, scale, asked.limits,
                 classes, masks, points)  # fmt: skip


def _transposed_version(asked: _Asked, attributes: int) -> str:
    """Return which of two layouts a row of values for each cell has, from the classes' number."""
    known: dict[int, str] = {}
    if asked.classes is not None:
        known = {4 + asked.classes: "8", 5 + asked.classes: "5"}
    if attributes not in known:
        raise UsageError(
            f"an output with {attributes} values for each box fits two layouts, with objectness "
            f"({attributes - 5} classes) and without ({attributes - 4} classes): give --decoder "
            "yolo:version=5 or yolo:version=8, or the names of the classes with --labels FILE"
        )
    return known[attributes]


def _cells(size: Picture, strides: Sequence[int]) -> int:
    return sum((size.height // one) * (size.width // one) for one in strides)


def _mask_count(asked: _Asked) -> int:
    """Return the coefficients of a mask, which are the channels of the prototypes."""
    prototypes = [shape for shape in asked.shapes if len(shape) == 3]
    if len(prototypes) != 1:
        return 0
    shape = prototypes[0]
    quarter = (asked.size.height // 4, asked.size.width // 4)
    if shape[1:] == quarter:
        return shape[0]
    return shape[2] if shape[:2] == quarter else 0


def _ssd_raw(asked: _Asked) -> Optional[Decoder]:
    """UltraFace's kind: boxes are decoded, scores are probabilities, the background is first."""
    pair = _heads(asked)
    if pair is None or (asked.choice.name is None and _names_of_detr(asked)):
        return None
    boxes, scores = pair
    return _head_decoder(
        asked, SSD_RAW, boxes, scores, form="xyxy", activation="none", background="first",
        suppress=True,
    )  # fmt: skip


def _detr(asked: _Asked) -> Optional[Decoder]:
    """DETR's kind: logits with a last class for nothing, and nothing to suppress."""
    pair = _heads(asked)
    if pair is None or not (asked.choice.name == DETR or _names_of_detr(asked)):
        return None
    boxes, scores = pair
    activation = asked.option("activation", "softmax")
    return _head_decoder(
        asked, DETR, boxes, scores, form="cxcywh", activation=activation,
        background="last" if activation == "softmax" else "none", suppress=False,
    )  # fmt: skip


def _names_of_detr(asked: _Asked) -> bool:
    return asked.named("logits") is not None and asked.named("boxes") is not None


def _heads(asked: _Asked) -> Optional[tuple[int, int]]:
    """Return the places of boxes (n, 4) and scores (n, classes) of a model with these alone."""
    if len(asked.outputs) != 2 or any(len(shape) != 2 for shape in asked.shapes):
        return None
    (a, c), (b, d) = asked.shapes
    if a != b or 4 not in (c, d) or min(c, d) < 1:
        return None
    if a < _FEWEST_BOXES and asked.choice.name is None and not asked.expected:
        return None
    if (c, d) == (4, 4):
        named = asked.named("box")
        return None if named is None else (named, 1 - named)
    return (0, 1) if c == 4 else (1, 0)


def _head_decoder(
    asked: _Asked,
    name: str,
    boxes: int,
    scores: int,
    *,
    form: str,
    activation: str,
    background: str,
    suppress: bool,
) -> Decoder:
    form = asked.option("box", form)
    activation = asked.option("activation", activation)
    background = asked.option("background", background)
    count = asked.shapes[scores][1] - (background != "none")
    words = (
        f"{asked.shapes[scores][0]} boxes ({form}), {count} class(es), background {background}, "
        f"activation {activation}"
    )
    return _Heads(
        name, words, boxes, scores, form, activation, background, suppress,
        asked.option("scale"), asked.size, asked.limits, count,
    )  # fmt: skip


_READERS = {
    TFLITE: _tflite,
    YOLO: _yolo,
    TF_DETECTION: _tf_detection,
    SSD_RAW: _ssd_raw,
    DETR: _detr,
}
_WANTED = {
    TFLITE: "boxes [n,4], classes [n], scores [n] and a count",
    YOLO: "[n,5+classes], [4+classes,n] or [n,6]",
    TF_DETECTION: "outputs named detection_boxes, detection_classes, detection_scores and "
    "num_detections",
    SSD_RAW: "boxes [n,4] and scores [n,classes]",
    DETR: "boxes [n,4] and logits [n,classes+1]",
}


def _limits(settings: Mapping[str, Any], limits: Thresholds) -> Thresholds:
    return Thresholds(
        score=float(settings.get("score", limits.score)),
        iou=float(settings.get("iou", limits.iou)),
        most=int(settings.get("most", limits.most)),
        every_class=limits.every_class,
    )


def _shape(spec: TensorSpec, batch_size: int) -> tuple[int, ...]:
    """Return the shape of one picture's output; the batch alone is left out."""
    shape = tuple(spec.shape)
    return shape[1:] if shape and shape[0] == batch_size and len(shape) > 1 else squeezed(shape)


def _said(outputs: Sequence[TensorSpec]) -> str:
    return ", ".join(f"'{spec.name}' {'x'.join(map(str, spec.shape)) or '1'}" for spec in outputs)


def _whole(values: npt.NDArray[Any]) -> bool:
    return bool(np.array_equal(values, np.rint(values)))


def _candidates(
    scores: npt.NDArray[Any], limits: Thresholds
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[Any]]:
    """Return box, class and score of what counts, of scores (classes, boxes)."""
    if limits.every_class and len(scores) > 1:
        numbers, places = np.nonzero(scores >= limits.score)
        return places, numbers, scores[numbers, places]
    places = np.flatnonzero(scores.max(axis=0, initial=-np.inf) >= limits.score)
    numbers = scores[:, places].argmax(axis=0)
    return places, numbers, scores[numbers, places]


def _activated(scores: npt.NDArray[Any], activation: str) -> npt.NDArray[Any]:
    if activation == "none":
        return scores
    if activation == "sigmoid":
        shares: npt.NDArray[Any] = 0.5 * (1 + np.tanh(scores / 2))
        return shares
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    softmax: npt.NDArray[Any] = powers / powers.sum(axis=1, keepdims=True)
    return softmax


def _corners(boxes: npt.NDArray[Any], form: str) -> npt.NDArray[Any]:
    """Return boxes (n, 4) as left, top, right, bottom."""
    if form == "yxyx":
        return boxes[:, [1, 0, 3, 2]]
    if form == "cxcywh":
        return np.hstack([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2])
    return boxes
