"""Top-1 accuracy of class scores, with Wilson's interval."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

# Two-sided 95 % quantile of the normal distribution.
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Accuracy:
    """Share of samples whose highest score is that of their label."""

    correct: int
    n: int

    @property
    def value(self) -> float:
        """The share, 0 to 1."""
        return self.correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval at 95 % (E. B. Wilson 1927)."""
        centre = self.value + _Z95**2 / (2 * self.n)
        half = _Z95 * sqrt(self.value * (1 - self.value) / self.n + (_Z95 / (2 * self.n)) ** 2)
        scale = 1 + _Z95**2 / self.n
        return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields of a result's `accuracy`."""
        return {
            "accuracy": self.value,
            "accuracy_ci95": list(self.interval),
            "correct": self.correct,
            "n": self.n,
        }


def why_no_accuracy(
    scores: npt.NDArray[np.float64], labels: Optional[npt.NDArray[Any]]
) -> Optional[str]:
    """Return why scores (n, ...) and labels are no classification, or None where they are."""
    if labels is None:
        return "the data has no labels"
    classes = _flat(labels)
    if classes.dtype.kind not in "iu" or classes.ndim != 1:
        return f"the labels are no class numbers: dtype {labels.dtype}, shape {labels.shape}"
    if not len(classes):
        return "there are no samples"
    return _why_no_scores(scores, int(classes.min()), int(classes.max()))


def _why_no_scores(
    scores: npt.NDArray[np.float64], lowest_label: int, highest_label: int
) -> Optional[str]:
    if sum(dim > 1 for dim in scores.shape[1:]) > 1:
        return f"an output of shape {scores.shape[1:]} is not one score for each class"
    classes = scores.reshape(len(scores), -1).shape[1]
    if lowest_label < 0 or highest_label >= classes:
        return (
            f"the labels run from {lowest_label} to {highest_label}, "
            f"but the model has {classes} outputs"
        )
    return "the model's outputs hold NaN" if np.isnan(scores).any() else None


def accuracy(scores: npt.NDArray[np.float64], labels: npt.NDArray[Any]) -> Accuracy:
    """Count the samples whose highest score is their label's; of equal scores the first counts.

    Scores (n, classes), labels (n,) or (n, 1), such as `why_no_accuracy` accepts.
    """
    best = scores.reshape(len(scores), -1).argmax(axis=1)
    return Accuracy(correct=int(np.count_nonzero(best == _flat(labels))), n=len(labels))


def _flat(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Take the column that some data sets have (CIFAR-10: 10000 × 1) for the list it is."""
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
