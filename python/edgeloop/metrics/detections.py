"""Detected boxes, how far they overlap, and which of two models' detections are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.metrics.bootstrap import GroupSums, bca_intervals
from edgeloop.metrics.classification import with_interval
from edgeloop.metrics.proportion import Proportion

if TYPE_CHECKING:
    import numpy.typing as npt

# A box is found again where the two overlap by this much (intersection over union).
LEAST_IOU = 0.5

# Below this score detections come and go with the last bits.
LEAST_SCORE = 0.3

# A detection counts where the other model's score is just below: the edge decides nothing.
_EDGE = 0.1

# Non-maximum suppression looks at this many boxes together: their overlaps fit into the cache.
_BLOCK = 256


@dataclass(frozen=True)
class Detections:
    """What a model sees in one picture, the highest score first."""

    boxes: npt.NDArray[np.float64]
    """(n, 4): left, top, right, bottom; of a decoder as shares of the input (0 to 1), else in
    pixels of the picture."""
    classes: npt.NDArray[np.int64]
    """(n,): counted from 0, without a background class."""
    scores: npt.NDArray[np.float64]
    """(n,): 0 to 1."""
    keypoints: Optional[npt.NDArray[np.float64]] = None
    """(n, k, 3): x, y in the units of the boxes, and the point's score; None without any."""

    @classmethod
    def of(
        cls,
        boxes: npt.NDArray[Any],
        classes: npt.NDArray[Any],
        scores: npt.NDArray[Any],
        keypoints: Optional[npt.NDArray[Any]] = None,
    ) -> Detections:
        """Sort boxes (n, 4), classes (n,) and scores (n,) by their score."""
        order = np.argsort(-scores, kind="stable")
        return cls(
            np.asarray(boxes[order], np.float64).reshape(-1, 4),
            np.asarray(classes[order]).astype(np.int64),
            np.asarray(scores[order], np.float64),
            None if keypoints is None else np.asarray(keypoints[order], np.float64),
        )

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, kept: npt.NDArray[Any]) -> Detections:
        """Return those of a mask, or those numbered in ascending order."""
        points = None if self.keypoints is None else self.keypoints[kept]
        return Detections(self.boxes[kept], self.classes[kept], self.scores[kept], points)

    def above(self, score: float) -> Detections:
        """Return those of at least this score."""
        return self.take(self.scores >= score)


def overlaps(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return intersection over union of boxes (n, 4) with boxes (m, 4), as (n, m)."""
    width = np.minimum(a[:, None, 2], b[:, 2]) - np.maximum(a[:, None, 0], b[:, 0])
    height = np.minimum(a[:, None, 3], b[:, 3]) - np.maximum(a[:, None, 1], b[:, 1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    union = areas(a)[:, None] + areas(b) - shared
    shares: npt.NDArray[Any] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return shares


def areas(boxes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the areas of boxes (n, 4)."""
    sizes: npt.NDArray[Any] = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return sizes


def suppressed(
    boxes: npt.NDArray[Any],
    classes: npt.NDArray[Any],
    scores: npt.NDArray[Any],
    iou: float,
    most: int,
) -> npt.NDArray[np.int64]:
    """Return which boxes (n, 4) greedy non-maximum suppression keeps, the highest score first.

    A box goes where it overlaps a better one of its class by more than `iou`; it ends with `most`.
    """
    order = np.argsort(-scores, kind="stable")
    ordered = boxes[order].astype(np.float32)
    # Far apart from each other, boxes of different classes do not overlap.
    reach = np.float32(np.ptp(ordered) + 1) if len(ordered) else np.float32(1)
    ordered += (classes[order].astype(np.float32) * reach)[:, None]
    kept = np.empty(0, np.int64)
    for start in range(0, len(order), _BLOCK):
        block = ordered[start : start + _BLOCK]
        covered = overlaps(block, ordered[kept]) > iou
        places = np.flatnonzero(~covered.any(axis=1))
        covers = overlaps(block[places], block[places]) > iou
        alive = np.ones(len(places), bool)
        for index in range(len(places)):
            if alive[index]:
                alive[index + 1 :] &= ~covers[index, index + 1 :]
        kept = np.concatenate([kept, start + places[alive]])
        if len(kept) >= most:
            break
    chosen: npt.NDArray[np.int64] = order[kept[:most]]
    return chosen


def matched(first: Detections, second: Detections) -> list[tuple[int, int, float]]:
    """Pair the detections of one class that overlap by LEAST_IOU, the highest scores first.

    Each is in one pair at most, which comes with its overlap.
    """
    shares = overlaps(first.boxes, second.boxes)
    shares[first.classes[:, None] != second.classes] = 0.0
    pairs = []
    for index in np.flatnonzero((shares >= LEAST_IOU).any(axis=1)):
        best = int(shares[index].argmax())
        if shares[index, best] >= LEAST_IOU:
            pairs.append((int(index), best, float(shares[index, best])))
            shares[:, best] = 0.0
    return pairs


@dataclass
class DetectionAgreement:
    """How much of what a reference detects a model detects, too, over pictures."""

    n: int
    """The most pictures there can be."""
    seed: int = 0
    pictures: int = 0
    reference: int = 0
    """Detections of the reference with at least LEAST_SCORE."""
    kept: int = 0
    """Of these, those that the model makes, too: the same class, an IoU of at least LEAST_IOU."""
    detections: int = 0
    """Of the model with at least LEAST_SCORE."""
    added: int = 0
    """Of these, those that the reference does not make."""
    largest_score_difference: float = 0.0
    _sums: GroupSums = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._sums = GroupSums(self.n, 7, self.seed)

    def add(self, model: Detections, reference: Detections) -> None:
        """Add what both see in one picture."""
        wanted, candidates = reference.above(LEAST_SCORE), model.above(LEAST_SCORE - _EDGE)
        pairs = matched(wanted, candidates)
        seen = model.above(LEAST_SCORE)
        known = matched(seen, reference.above(LEAST_SCORE - _EDGE))
        differences = [float(candidates.scores[b] - wanted.scores[a]) for a, b, _ in pairs]
        self.pictures += 1
        self.reference += len(wanted)
        self.kept += len(pairs)
        self.detections += len(seen)
        self.added += len(seen) - len(known)
        largest = max(map(abs, differences), default=0.0)
        self.largest_score_difference = max(self.largest_score_difference, largest)
        row = (
            *(len(wanted), len(pairs), len(seen), len(seen) - len(known)),
            *(sum(differences), sum(map(abs, differences)), sum(pair[2] for pair in pairs)),
        )
        self._sums.add(np.array([row], dtype=np.float64))

    def share_intervals(self) -> list[tuple[str, float, tuple[float, float]]]:
        """Return the shares that each keeps of the other's detections, with their intervals."""
        counts = (
            ("of the reference's detections are kept", self.kept, self.reference),
            ("of the detections are the reference's, too", self.detections - self.added,
             self.detections),
        )  # fmt: skip
        intervals = self._intervals()
        found = []
        for index, (words, count, total) in enumerate(counts):
            if not total:
                continue
            share, interval = Proportion(count, total), intervals[index]
            if interval is not None and index:  # of what is added, turned round
                interval = (1 - interval[1], 1 - interval[0])
            found.append((words, share.value, interval or share.interval))
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return the figures with their intervals over pictures, or why there are none."""
        document: dict[str, Any] = {
            "pictures": self.pictures,
            "reference_detections": self.reference,
            "kept": self.kept,
            "detections": self.detections,
            "added": self.added,
            "least_score": LEAST_SCORE,
            "least_iou": LEAST_IOU,
        }
        if not self.reference:
            reason = f"the reference sees nothing with a score of {LEAST_SCORE} or more"
            return {**document, "kept_share": None, "kept_share_reason": reason}
        shares = {"kept_share": Proportion(self.kept, self.reference)}
        if self.detections:
            shares["added_share"] = Proportion(self.added, self.detections)
        for name, value, interval in zip(_FIGURES, self._values(), self._intervals()):
            if np.isfinite(value):
                document.update(with_interval(name, float(value), interval))
                if interval is None and name in shares:  # all or none of them: Wilson's
                    document.update(shares[name].fields(name))
                    del document[f"{name}_ci95_reason"]
            else:
                reason = "no detection is kept" if self.detections else "the model detects nothing"
                document.update({name: None, f"{name}_reason": reason})
        return {**document, "max_score_difference": self.largest_score_difference}

    def _values(self) -> npt.NDArray[np.float64]:
        values: npt.NDArray[np.float64] = self._statistic(np.ones((1, len(self._sums.sums))))[0]
        return values

    def _intervals(self) -> Sequence[Optional[tuple[float, float]]]:
        ones = np.ones(len(self._sums.sums), dtype=np.int64)
        return bca_intervals(ones, self._statistic, self.seed)

    def _statistic(self, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        totals = weights @ self._sums.sums
        above, below = totals[:, [1, 3, 4, 5, 6]], totals[:, [0, 2, 1, 1, 1]]
        means: npt.NDArray[np.float64] = np.divide(
            above, below, out=np.full_like(above, np.nan), where=below > 0
        )
        return means


_FIGURES = ("kept_share", "added_share", "score_shift", "score_difference", "iou")
