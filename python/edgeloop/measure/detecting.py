"""What a detector in a worker sees in the pictures of its data, and how right that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Optional, Union

import numpy as np

from edgeloop.data.categories import match_classes
from edgeloop.data.labels import ClassNames
from edgeloop.data.opening import holds_pictures
from edgeloop.data.picture_input import picture_size
from edgeloop.errors import ModelError, UsageError
from edgeloop.metrics.average_precision import DetectionTally
from edgeloop.metrics.decoders import (
    VALIDATING,
    Decoder,
    Picture,
    Thresholds,
    find_decoder,
)
from edgeloop.metrics.detections import Detections
from edgeloop.metrics.paired import ScoreKeeper
from edgeloop.metrics.task import Task
from edgeloop.spec.inputs import LETTERBOX, STRETCH, InputSource
from edgeloop.spec.metrics import DETECTION, YOLO, DecoderChoice, MetricOptions

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgeloop.data.model_data import ModelData
    from edgeloop.data.picture import Placement
    from edgeloop.spec.load import TensorSpec

# As many boxes that are cut or left out are named.
_MOST_NAMED = 3


def decoder_of(
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    source: InputSource,
    choice: Optional[DecoderChoice],
    limits: Thresholds,
    *,
    expected: bool = False,
) -> Optional[Decoder]:
    """Return what reads the outputs of a model that takes pictures; None where nothing does.

    Raises UsageError where that is open, see find_decoder.
    """
    try:
        size, _ = picture_size(inputs, source.layout)
    except (ModelError, UsageError):
        if choice is not None or expected:
            raise
        return None
    classes = None
    if source.labels is not None:
        classes = ClassNames.read(source.labels, source.labels_archive).count
    batch_size = inputs[0].shape[0] if len(inputs[0].shape) == 4 else 1
    return find_decoder(
        outputs, batch_size, Picture(size.height, size.width), choice,
        limits=limits, classes=classes, expected=expected,
    )  # fmt: skip


def as_trained(
    source: InputSource,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    options: MetricOptions,
) -> InputSource:
    """Return how pictures go into a YOLO where the user said nothing: letterboxed, value / 255."""
    given = source.preprocess
    if options.task not in (None, DETECTION) or not holds_pictures(source):
        return source
    try:
        decoder = decoder_of(inputs, outputs, source, options.decoder, VALIDATING)
    except (ModelError, UsageError):
        return source  # where the decoder is needed it is an error
    if decoder is None or decoder.name != YOLO:
        return source
    if given.fit is None and not (given.resize or given.crop or given.crop_share):
        given = replace(given, fit=LETTERBOX)
    if "float" in inputs[0].dtype and not (given.changes_values or source.pixels.changes_values):
        given = replace(given, scale=1 / 255)
    return replace(source, preprocess=given)


def fit_words(source: InputSource) -> str:
    """Say how pictures were brought to the model's size."""
    given = source.preprocess
    if given.fit == LETTERBOX:
        return "pictures letterboxed (--fit stretch resizes them whole)"
    if given.resize or given.crop or given.crop_share:
        return "pictures resized and cropped as given"
    return f"pictures stretched to the model's size{'' if given.fit == STRETCH else _OTHER_FIT}"


_OTHER_FIT = " (--fit letterbox keeps their aspect)"


class DetectionEvaluation:
    """Takes all outputs of a detector for every picture, and matches them to what is there."""

    def __init__(
        self, data: ModelData, decoder: Decoder, source: InputSource, options: MetricOptions,
        seed: int,
    ) -> None:  # fmt: skip
        """Begin. Raises ModelError where the model's classes are not the data's categories."""
        assert data.boxes is not None
        self._boxes = data.boxes
        names = None
        if source.labels is not None:
            names = ClassNames.read(source.labels, source.labels_archive)
        self._classes = match_classes(
            data.boxes.categories, decoder.classes, names, source.label_offset
        )
        self.decoder = decoder
        self.task = Task(DETECTION, f"the data is a {data.boxes.kind}")
        self.kept = ScoreKeeper()
        self._options = options
        self._tally = DetectionTally(data.n, len(data.boxes.categories), seed)
        self._notes = [decoder.words, fit_words(source), f"classes: {self._classes.words}"]

    @property
    def reason(self) -> Optional[str]:
        """Why there are no metrics; None where there are some."""
        return None if self._tally.n else "there are no samples"

    ended = False

    def add(
        self,
        outputs: Sequence[Union[npt.NDArray[np.float64], list[npt.NDArray[np.float64]]]],
        pictures: Optional[npt.NDArray[np.int64]],
        placements: Sequence[Placement],
    ) -> None:
        """Add pictures by their numbers: for each output (k, ...), and where each picture lies."""
        assert pictures is not None
        if not self._tally.n:
            self._notes += self.decoder.notes([values[0] for values in outputs])
        for index, (picture, placement) in enumerate(zip(pictures, placements)):
            found = self.decoder([values[index] for values in outputs])
            truth = self._boxes.truth(int(picture), placement.width, placement.height)
            self._tally.add(self._placed(found, placement), truth)

    def _placed(self, found: Detections, placement: Placement) -> Detections:
        placed = in_picture(found, placement)
        places = self._classes.category(found.classes)
        return replace(placed, classes=places).take(places >= 0)

    def as_dict(self) -> dict[str, Any]:
        """Return `accuracy`; imports scipy, so after measuring."""
        if self.reason is not None:
            return {"accuracy": None, "accuracy_reason": self.reason}
        names = [one.name for one in self._boxes.categories]
        accuracy = {
            "task": self.task.name,
            "task_reason": self.task.words,
            "decoder": self.decoder.name,
            "decoder_notes": [*self._notes, *self._faults()],
            **self._tally.as_dict(names if self._options.per_class else None),
        }
        return {"accuracy": accuracy}

    def _faults(self) -> list[str]:
        faults = self._boxes.faults
        if not faults:
            return []
        named = "; ".join(f"{one.name}: {one.reason}" for one in faults[:_MOST_NAMED])
        more = f"; and {len(faults) - _MOST_NAMED} more" if len(faults) > _MOST_NAMED else ""
        return [f"{len(faults)} of the data's boxes are odd: {named}{more}"]

    def label_shift(self) -> None:
        """Return None: classes are brought together by name or number, see match_classes."""


def detection_evaluation(
    data: ModelData,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    source: InputSource,
    options: MetricOptions,
    seed: int,
) -> DetectionEvaluation:
    """Return what judges a model on data with boxes. Raises UsageError, ModelError."""
    decoder = decoder_of(inputs, outputs, source, options.decoder, VALIDATING, expected=True)
    assert decoder is not None
    return DetectionEvaluation(data, decoder, source, options, seed)


def in_picture(found: Detections, placement: Placement) -> Detections:
    """Return detections in shares of the input as pixels of the picture."""
    points = found.keypoints
    if points is not None:
        pairs = placement.to_picture(points[:, :, :2].reshape(len(points), 2 * points.shape[1]))
        points = np.concatenate([pairs.reshape(*points.shape[:2], 2), points[:, :, 2:]], axis=2)
    return replace(found, boxes=placement.to_picture(found.boxes), keypoints=points)
