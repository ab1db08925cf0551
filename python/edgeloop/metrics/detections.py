"""The detections of two models on the same pictures: which of the one the other makes, too.

Detections are matched by class and place, whatever their order: two models that see the same list
it differently as soon as two scores are close.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeloop.metrics.proportion import Proportion

if TYPE_CHECKING:
    import numpy.typing as npt

# A box is found again where the two overlap by this much (intersection over union).
LEAST_IOU = 0.5

# Below this score detections come and go with the last bits.
LEAST_SCORE = 0.3

# One model's detection counts where the other's score is just below: the edge decides nothing.
_EDGE = 0.1


@dataclass(frozen=True)
class Detections:
    """What a model sees in one picture, the highest score first."""

    boxes: npt.NDArray[np.float64]
    """(n, 4): two opposite corners each, in any order of the axes."""
    classes: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]

    @classmethod
    def of(
        cls,
        boxes: npt.NDArray[np.float64],
        classes: npt.NDArray[np.float64],
        scores: npt.NDArray[np.float64],
        count: float,
    ) -> Detections:
        """Take the first `count` rows of boxes (..., n, 4), classes and scores (..., n)."""
        flat = scores.reshape(-1)
        kept = np.argsort(-flat[: int(count)], kind="stable")
        return cls(boxes.reshape(-1, 4)[kept], classes.reshape(-1)[kept], flat[kept])

    def above(self, score: float) -> Detections:
        """Return those of at least this score."""
        kept = self.scores >= score
        return Detections(self.boxes[kept], self.classes[kept], self.scores[kept])


def matched(first: Detections, second: Detections) -> list[tuple[int, int]]:
    """Pair the detections of one class that overlap by LEAST_IOU, the highest scores first.

    Each is in one pair at most.
    """
    free = np.ones(len(second.scores), bool)
    pairs = []
    for index, (box, label) in enumerate(zip(first.boxes, first.classes)):
        overlaps = np.where(free & (second.classes == label), _iou(box, second.boxes), 0.0)
        if overlaps.size and overlaps.max() >= LEAST_IOU:
            best = int(overlaps.argmax())
            free[best] = False
            pairs.append((index, best))
    return pairs


class DetectionAgreement:
    """Counts over pictures which detections of either model the other makes, too."""

    def __init__(self) -> None:
        self.found = 0
        """Of both models together, those that the other makes, too."""
        self.total = 0
        self.pictures = 0
        self.largest_score_difference = 0.0

    def add(self, first: Detections, second: Detections) -> None:
        """Add what both see in one picture."""
        self.pictures += 1
        for one, other in ((first, second), (second, first)):
            seen, candidates = one.above(LEAST_SCORE), other.above(LEAST_SCORE - _EDGE)
            pairs = matched(seen, candidates)
            self.total += len(seen.scores)
            self.found += len(pairs)
            for a, b in pairs:
                difference = abs(float(seen.scores[a] - candidates.scores[b]))
                self.largest_score_difference = max(self.largest_score_difference, difference)

    @property
    def share(self) -> Proportion:
        """The share that both make; `total` is more than 0."""
        return Proportion(self.found, self.total)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures with their interval, or why there are none."""
        document: dict[str, Any] = {
            "pictures": self.pictures,
            "detections": self.total,
            "found_by_both": self.found,
            "least_score": LEAST_SCORE,
            "least_iou": LEAST_IOU,
        }
        if not self.total:
            reason = f"neither sees anything with a score of {LEAST_SCORE} or more"
            return {**document, "detection_agreement": None, "detection_agreement_reason": reason}
        return {
            **document,
            **self.share.fields("detection_agreement"),
            "max_score_difference": self.largest_score_difference,
        }


def detections_of(
    outputs: Sequence[Iterable[npt.NDArray[np.float64]]], parts: tuple[int, int, int, int]
) -> list[Detections]:
    """Return the detections of each sample of outputs (k, ...); `parts` as detector_parts says."""
    boxes, classes, scores, counts = (outputs[index] for index in parts)
    return [
        Detections.of(a, b, c, float(np.asarray(count).reshape(-1)[0]))
        for a, b, c, count in zip(boxes, classes, scores, counts)
    ]


def _iou(box: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return intersection over union of one box (4,) with each of others (n, 4)."""
    low = np.minimum(box[:2], box[2:]), np.minimum(others[:, :2], others[:, 2:])
    high = np.maximum(box[:2], box[2:]), np.maximum(others[:, :2], others[:, 2:])
    shared = np.clip(np.minimum(high[0], high[1]) - np.maximum(low[0], low[1]), 0, None)
    overlap = shared.prod(axis=1)
    union = (high[0] - low[0]).prod() + (high[1] - low[1]).prod(axis=1) - overlap
    shares: npt.NDArray[np.float64] = np.divide(
        overlap, union, out=np.zeros_like(overlap), where=union > 0
    )
    return shares
