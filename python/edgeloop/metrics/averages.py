"""Averages over classes for many weightings of a confusion matrix at once.

scikit-learn computes the values that are reported; a thousand resamples of them are computed here,
by the same definitions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

# The others (micro averages, weighted recall) are the accuracy.
AVERAGED = (
    "balanced_accuracy",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "precision_weighted",
    "f1_weighted",
)


def averages(
    cells: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the metrics AVERAGED, (r, 6), of weights (r, cells) on cells (label, answer)."""
    classes, numbers = np.unique(cells, return_inverse=True)
    labels, answers = numbers.reshape(cells.shape).T
    right = _by_class(weights * (labels == answers), labels, classes.size)
    wanted = _by_class(weights, labels, classes.size)
    given = _by_class(weights, answers, classes.size)
    precision = _ratio(right, given)
    recall = _ratio(right, wanted)
    f1 = _ratio(2 * right, wanted + given)
    # A class that a resample has neither as a label nor as an answer is in no average.
    present = (wanted + given) > 0
    total = wanted.sum(axis=1)
    return np.stack(
        [
            (recall * (wanted > 0)).sum(axis=1) / (wanted > 0).sum(axis=1),
            precision.sum(axis=1) / present.sum(axis=1),
            recall.sum(axis=1) / present.sum(axis=1),
            f1.sum(axis=1) / present.sum(axis=1),
            (precision * wanted).sum(axis=1) / total,
            (f1 * wanted).sum(axis=1) / total,
        ],
        axis=1,
    )


def _by_class(
    weights: npt.NDArray[np.float64], numbers: npt.NDArray[np.int64], classes: int
) -> npt.NDArray[np.float64]:
    """Sum the cells of each class: (r, cells) → (r, classes)."""
    sums = np.zeros((len(weights), classes))
    order = np.argsort(numbers, kind="stable")
    present, starts = np.unique(numbers[order], return_index=True)
    sums[:, present] = np.add.reduceat(weights[:, order], starts, axis=1)
    return sums


def _ratio(
    above: npt.NDArray[np.float64], below: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Divide; nothing by nothing is 0, as scikit-learn has it with zero_division=0."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
