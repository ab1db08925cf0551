"""The accuracy of a data set, from the outputs and labels of its chunks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

import numpy as np

from edgeloop.metrics.alignment import score_rows
from edgeloop.metrics.classification import ClassificationTally
from edgeloop.metrics.regression import RegressionTally
from edgeloop.metrics.task import Task, class_numbers, task_of, values
from edgeloop.spec.metrics import CLASSIFICATION, MetricOptions

if TYPE_CHECKING:
    import numpy.typing as npt

# A shift of the labels is worth a word where it makes so many times as many answers right.
_SHIFT_FACTOR = 3


class Evaluation:
    """Takes the judged output of every sample; the task is told from the first chunk."""

    def __init__(self, n: int, options: MetricOptions, step: float, seed: int) -> None:
        """Begin with a set of at most `n` samples; `step` is that of a quantised output, 0 else."""
        self.reason: Optional[str] = "there are no samples"
        """Why there are no metrics; None where there are some."""
        self.task: Optional[Task] = None
        self._n = n
        self._options = options
        self._step = step
        self._seed = seed
        self._tally: Union[ClassificationTally, RegressionTally, None] = None

    @property
    def ended(self) -> bool:
        """Whether more samples cannot make metrics of it."""
        return self.task is not None and self.reason is not None

    def add(
        self,
        outputs: Union[npt.NDArray[np.float64], Sequence[npt.NDArray[np.float64]]],
        labels: Optional[npt.NDArray[Any]],
    ) -> None:
        """Add samples: outputs as real values (k, ...), labels (k, ...)."""
        if self.ended:
            return
        if not isinstance(outputs, np.ndarray):
            self.task, self.reason = Task("", ""), "the output changes its shape with the data"
            return
        if labels is None:
            self.task, self.reason = Task("", ""), "the data has no labels"
            return
        if labels.dtype.kind == "f" and np.isnan(labels).any():
            self.task, self.reason = Task("", ""), "the labels hold NaN"
            return
        if self.task is None:
            self.task = task_of(self._options, outputs, labels)
        if np.isnan(outputs).any():
            self.reason = "the model's outputs hold NaN"
        elif self.task.name == CLASSIFICATION:
            self.reason = self._classify(outputs, labels)
        else:
            self.reason = self._regress(outputs, labels)

    def as_dict(self) -> dict[str, Any]:
        """Return `accuracy`, or why there is none; imports scikit-learn, so after measuring."""
        if self.reason is not None or self._tally is None or self.task is None:
            return {"accuracy": None, "accuracy_reason": self.reason}
        return {"accuracy": {**self._tally.as_dict(), "task_reason": self.task.words}}

    def label_shift(self) -> Optional[tuple[int, float, float]]:
        """Return an offset of the labels that makes far more of them right, with both accuracies.

        It tells of a background class that only the labels, or only the model, count.
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
            return (
                "the model has one output, which is no score for each class (say --task "
                "regression where it is a value)"
            )
        numbers, reason = class_numbers(labels, scores.shape[1])
        if reason is not None:
            return reason
        if self._tally is None:
            self._tally = ClassificationTally(
                scores.shape[1], self._n, self._options, self._step, self._seed
            )
        assert isinstance(self._tally, ClassificationTally)
        self._tally.add(scores, numbers)
        return None

    def _regress(self, outputs: npt.NDArray[np.float64], labels: npt.NDArray[Any]) -> Optional[str]:
        rows, reason = values(outputs, labels)
        if rows is None:
            return f"{reason}{self._why_regression()}"
        if self._tally is None:
            self._tally = RegressionTally(rows[0].shape[1], self._n, self._seed)
        assert isinstance(self._tally, RegressionTally)
        self._tally.add(*rows)
        return None

    def _why_regression(self) -> str:
        """Say how the task was told, where the user did not say it."""
        if self._options.task is not None or self.task is None:
            return ""
        return f" (regression, because {self.task.words}; --task classification decides otherwise)"
