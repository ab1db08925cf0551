"""The accuracy of a data set, from the outputs and labels of its chunks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

import numpy as np

from edgeloop.metrics.alignment import score_rows, squeezed
from edgeloop.metrics.classification import MOST_CLASSES, ClassificationTally
from edgeloop.metrics.paired import ScoreKeeper
from edgeloop.metrics.regression import RegressionTally
from edgeloop.metrics.segmentation import VOID, SegmentationTally, map_axis
from edgeloop.metrics.task import Task, class_numbers, is_binary, task_of, values
from edgeloop.spec.metrics import (
    CLASSIFICATION,
    CORRECT,
    PIXEL_ACCURACY,
    SEGMENTATION,
    SQUARED_ERROR,
    MetricOptions,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    Outputs = Union[npt.NDArray[np.float64], Sequence[npt.NDArray[np.float64]]]

# A shift of the labels is reported where it makes this many times as many answers right.
_SHIFT_FACTOR = 3

# Of models that give the class of a pixel itself: those of 8 bits, or else any.
_MAP_CLASSES = VOID
_MOST_MAP_CLASSES = 1 << 16


class Evaluation:
    """Takes the judged output of every sample; the task is detected from the first chunk."""

    def __init__(
        self, n: int, options: MetricOptions, step: float, seed: int, *, whole: bool = False
    ) -> None:
        """Begin with a set of at most `n` samples; `step` is that of a quantised output, 0 else.

        `whole`: the output is stored as whole numbers that stand for themselves, as ArgMax gives
        them.
        """
        self.reason: Optional[str] = "there are no samples"
        """Why there are no metrics; None where there are some."""
        self.task: Optional[Task] = None
        self.kept = ScoreKeeper()
        """One figure of each sample: right or not, the share of right pixels, or the mean squared
        error."""
        self._n = n
        self._options = options
        self._step = step
        self._seed = seed
        self._whole = whole
        self._logit = False
        self._tally: Union[ClassificationTally, RegressionTally, SegmentationTally, None] = None

    @property
    def ended(self) -> bool:
        """Whether more samples cannot make metrics of it."""
        return self.task is not None and self.reason is not None

    def add(self, outputs: Outputs, labels: Optional[npt.NDArray[Any]]) -> None:
        """Add samples: outputs as real values (k, ...), labels (k, ...)."""
        if self.ended:
            return
        if not isinstance(outputs, np.ndarray):
            self.task, self.reason = Task("", ""), "the output changes its shape with the data"
            return
        if labels is None:
            self.task, self.reason = Task("", ""), "the data has no labels"
            return
        if len(outputs) and not outputs.size:
            self.task, self.reason = Task("", ""), "the model's output is empty"
            return
        if labels.dtype.kind == "f" and np.isnan(labels).any():
            self.task, self.reason = Task("", ""), "the labels hold NaN"
            return
        if self.task is None:
            self.task = task_of(self._options, outputs, labels, self._whole)
        if np.isnan(outputs).any():
            self.reason = "the model's outputs hold NaN"
        elif self.task.name == CLASSIFICATION:
            self.reason = self._classify(outputs, labels)
        elif self.task.name == SEGMENTATION:
            self.reason = self._segment(outputs, labels)
        else:
            self.reason = self._regress(outputs, labels)

    def as_dict(self) -> dict[str, Any]:
        """Return `accuracy`, or why there is none; imports scikit-learn, so after measuring."""
        if self.reason is not None or self._tally is None or self.task is None:
            return {"accuracy": None, "accuracy_reason": self.reason}
        return {"accuracy": {**self._tally.as_dict(), "task_reason": self.task.words}}

    def label_shift(self) -> Optional[tuple[int, float, float]]:
        """Return an offset of the labels that makes far more of them right, with both accuracies.

        It shows a background class that only the labels, or only the model, count.
        """
        if self.reason is not None or not isinstance(self._tally, ClassificationTally):
            return None
        now = self._tally.top(1).count
        for offset in (1, -1):
            then = self._tally.shifted(offset)
            if then > max(_SHIFT_FACTOR * now, self._tally.n // 10):
                return offset, now / self._tally.n, then / self._tally.n
        return None

    def _classify(
        self, outputs: npt.NDArray[np.float64], labels: npt.NDArray[Any]
    ) -> Optional[str]:
        scores = score_rows(outputs)
        if scores is None:
            return (
                f"an output of shape {outputs.shape[1:]} is not one score for each class; what a "
                "detector gives can be compared with --reference"
            )
        if scores.shape[1] < 2:
            return self._classify_one_value(scores[:, 0], labels)
        return self._count(scores, labels)

    def _classify_one_value(
        self, outputs: npt.NDArray[np.float64], labels: npt.NDArray[Any]
    ) -> Optional[str]:
        """Judge class numbers, or the score of the second of two classes."""
        if self._whole:
            numbers, reason = class_numbers(labels, MOST_CLASSES)
            answers = outputs.astype(np.int64)
            if reason is None and (answers.min() < 0 or answers.max() >= MOST_CLASSES):
                reason = "the model's outputs are not class numbers: some are negative or too large"
            if reason is not None:
                return reason
            tally = self._classification(0)
            self.kept.add(CORRECT, tally.add_answers(answers, numbers), numbers)
            return None
        if not is_binary(labels):
            return (
                "the model gives one score, which tells two classes apart, and the labels are not "
                "all 0 or 1 (--task regression takes it as a value)"
            )
        within = bool(outputs.min() >= 0 and outputs.max() <= 1)
        if self._tally is None:
            self._logit = not within
        if self._logit:  # the second class is the likelier one above 0
            return self._count(np.stack([np.zeros_like(outputs), outputs], axis=1), labels)
        if not within:
            return "the model's one score lies within 0 to 1 for some samples and not for others"
        return self._count(np.stack([1 - outputs, outputs], axis=1), labels)

    def _count(self, scores: npt.NDArray[np.float64], labels: npt.NDArray[Any]) -> Optional[str]:
        numbers, reason = class_numbers(labels, scores.shape[1])
        if reason is None:
            right = self._classification(scores.shape[1]).add(scores, numbers)
            self.kept.add(CORRECT, right, numbers)
        return reason

    def _classification(self, classes: int) -> ClassificationTally:
        if self._tally is None:
            self._tally = ClassificationTally(
                classes, self._n, self._options, self._step, self._seed
            )
        assert isinstance(self._tally, ClassificationTally)
        return self._tally

    def _segment(self, outputs: npt.NDArray[np.float64], labels: npt.NDArray[Any]) -> Optional[str]:
        shape, wanted = squeezed(outputs.shape[1:]), squeezed(labels.shape[1:])
        axis = map_axis(shape, wanted)
        if labels.dtype.kind not in "iu" or (axis is None and shape != wanted):
            return (
                f"labels of shape {labels.shape[1:]} and dtype {labels.dtype} are not class maps "
                f"for an output of shape {outputs.shape[1:]}"
            )
        if axis is None:
            answers = np.rint(outputs).astype(np.int64)
            small = max(answers.max(), labels[labels != VOID].max(initial=0)) < _MAP_CLASSES
            classes = _MAP_CLASSES if small else _MOST_MAP_CLASSES
        else:
            answers = outputs.reshape(len(outputs), *shape).argmax(axis=axis + 1)
            classes = shape[axis]
        if self._tally is None:
            self._tally = SegmentationTally(classes, self._n, self._seed)
        assert isinstance(self._tally, SegmentationTally)
        numbers = labels.reshape(len(labels), -1).astype(np.int64)
        return self._count_pixels(self._tally, answers.reshape(len(answers), -1), numbers)

    def _count_pixels(
        self,
        tally: SegmentationTally,
        answers: npt.NDArray[np.int64],
        labels: npt.NDArray[np.int64],
    ) -> Optional[str]:
        known = labels[labels != VOID] if tally.classes <= VOID else labels
        for whose, numbers in (("labels", known), ("model's answers", answers)):
            if numbers.size and not 0 <= numbers.min() <= numbers.max() < tally.classes:
                return (
                    f"the {whose} run from {numbers.min()} to {numbers.max()}, beyond the "
                    f"{tally.classes} classes of the output"
                )
        self.kept.add(PIXEL_ACCURACY, tally.add(answers, labels), labels)
        return None

    def _regress(self, outputs: npt.NDArray[np.float64], labels: npt.NDArray[Any]) -> Optional[str]:
        rows, reason = values(outputs, labels)
        if rows is None:
            return f"{reason}{self._why_regression()}"
        if self._tally is None:
            self._tally = RegressionTally(rows[0].shape[1], self._n, self._seed)
        assert isinstance(self._tally, RegressionTally)
        self._tally.add(*rows)
        self.kept.add(SQUARED_ERROR, ((rows[0] - rows[1]) ** 2).mean(axis=1), rows[1])
        return None

    def _why_regression(self) -> str:
        """Say how the task was detected, where the user did not name it."""
        if self._options.task is not None or self.task is None:
            return ""
        return f" (regression, because {self.task.words}; --task classification decides otherwise)"
