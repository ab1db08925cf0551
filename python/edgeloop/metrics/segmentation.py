"""Metrics of class maps: the class of every pixel, against a map of labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.metrics.bootstrap import GroupSums, bca_intervals
from edgeloop.metrics.classification import with_interval
from edgeloop.spec.metrics import SEGMENTATION

if TYPE_CHECKING:
    import numpy.typing as npt

# The label of pixels that belong to no class, in the data sets that follow Pascal VOC.
VOID = 255

# Up to this many classes intersection and union are counted; with more there is no mean IoU.
_MOST_CLASSES = 512


class SegmentationTally:
    """What the metrics need of the samples so far: for each, right pixels, pixels, and by class."""

    def __init__(self, classes: int, n: int, seed: int) -> None:
        """Begin a tally of at most `n` samples of maps of `classes` classes."""
        self.n = 0
        self.void = 0
        """Pixels without a class, which are in no metric."""
        self.classes = classes
        self._by_class = classes <= _MOST_CLASSES
        self._seed = seed
        self._sums = GroupSums(n, 2 + (2 * classes if self._by_class else 0), seed)

    def add(
        self, answers: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Count samples: class numbers (k, pixels); return the share of right pixels of each (k,).

        Labels lie in the range of the classes, or are VOID. A sample without any class counts as
        right.
        """
        counted = np.ones(labels.shape, bool) if self.classes > VOID else labels != VOID
        right, pixels = ((answers == labels) & counted).sum(axis=1), counted.sum(axis=1)
        features = np.stack([right, pixels], axis=1)
        if self._by_class:
            rows = [self._overlaps(a[c], b[c]) for a, b, c in zip(answers, labels, counted)]
            features = np.hstack([features, np.stack(rows)])
        self._sums.add(features.astype(np.float64))
        self.n += len(labels)
        self.void += int(labels.size - pixels.sum())
        shares: npt.NDArray[np.float64] = np.divide(
            right, pixels, out=np.ones(len(labels)), where=pixels > 0
        )
        return shares

    def _overlaps(
        self, answers: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Return the intersection of every class, then the union of every class, in pixels."""
        size = self.classes
        cells = np.bincount(labels * size + answers, minlength=size * size).reshape(size, size)
        hits = np.diagonal(cells)
        return np.concatenate([hits, cells.sum(axis=0) + cells.sum(axis=1) - hits])

    def as_dict(self) -> dict[str, Any]:
        """Return the fields of a result's `accuracy`; the intervals are over samples."""
        ones = np.ones(len(self._sums.sums), dtype=np.int64)
        values = self._statistic(ones[np.newaxis].astype(np.float64))[0]
        intervals = bca_intervals(ones, self._statistic, self._seed)
        document: dict[str, Any] = {
            "task": SEGMENTATION,
            "n": self.n,
            "void_pixels_excluded": self.void,
            **with_interval("pixel_accuracy", float(values[0]), intervals[0]),
        }
        if self._by_class:
            return {**document, **with_interval("mean_iou", float(values[1]), intervals[1])}
        reason = f"it is not followed for {self.classes} classes"
        return {**document, "mean_iou": None, "mean_iou_reason": reason}

    def _statistic(self, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return pixel accuracy and mean IoU over the classes that occur, (r, 2)."""
        totals = weights @ self._sums.sums
        accuracy = np.divide(
            totals[:, 0], totals[:, 1], out=np.ones(len(totals)), where=totals[:, 1] > 0
        )
        if not self._by_class:
            return np.stack([accuracy, accuracy], axis=1)
        hits, unions = np.split(totals[:, 2:], 2, axis=1)
        shares = np.divide(hits, unions, out=np.zeros_like(hits), where=unions > 0)
        present = np.maximum((unions > 0).sum(axis=1), 1)
        return np.stack([accuracy, shares.sum(axis=1) / present], axis=1)


def map_axis(outputs: tuple[int, ...], labels: tuple[int, ...]) -> Optional[int]:
    """Return which axis of one sample's output holds a score for each class of a label map.

    Shapes are those of one sample without dimensions of 1; None where they are not such a pair.
    """
    if len(outputs) != len(labels) + 1:
        return None
    # Channels last is the likelier reading of a shape that could be both.
    if outputs[:-1] == labels:
        return len(outputs) - 1
    return 0 if outputs[1:] == labels else None
