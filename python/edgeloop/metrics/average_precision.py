"""COCO's average precision of detections, with its interval over pictures.

The definitions are those of pycocotools' COCOeval (cocodataset.org/#detection-eval), to which the
tests hold every figure. Each picture is matched once and leaves some bytes for each detection, so
that memory does not grow with the pictures' truth, and resampling pictures only weighs them anew;
the libraries keep every detection as an object and have no interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.metrics.bootstrap import logit_intervals
from edgeloop.metrics.classification import with_interval
from edgeloop.metrics.detections import Detections, areas

if TYPE_CHECKING:
    import numpy.typing as npt

THRESHOLDS = np.linspace(0.5, 0.95, 10)
_RECALLS = np.linspace(0.0, 1.0, 101)
# A recall that is a step but for the rounding of float32 reaches it.
_DUST = 1e-4

MOST_DETECTIONS = 100
"""Of each class in a picture; the best count."""

# Pictures are resampled in groups, of which there are no more than this, and to which they belong
# at random: the variance of a resampled mean stays, and the time does not grow with the pictures.
_MOST_GROUPS = 400
# Resamples that are computed together, and the numbers they may fill.
_BATCH = 128

FIGURES = ("map_50_95", "map_50", "ar_100")

# The falloff of each of COCO's 17 keypoints (cocodataset.org/#keypoints-eval).
COCO_SIGMAS = np.array([
    .026, .025, .025, .035, .035, .079, .079, .072, .072, .062, .062, .107, .107, .087, .087, .089,
    .089,
])  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """What is in one picture, in its pixels."""

    boxes: npt.NDArray[np.float64]
    """(n, 4): left, top, right, bottom."""
    classes: npt.NDArray[np.int64]
    """(n,): places among the data set's categories."""
    crowd: npt.NDArray[np.bool_]
    """(n,): a region of many objects, which may take any number of detections and counts none."""
    ignored: npt.NDArray[np.bool_]
    """(n,): neither found nor missed; crowds are, too."""
    keypoints: Optional[npt.NDArray[np.float64]] = None
    """(n, k, 3): x, y and visibility (0: not labelled)."""
    areas: Optional[npt.NDArray[np.float64]] = None
    """(n,): of the objects, which keypoints are measured by."""


def no_truth() -> Truth:
    """Return what is in a picture without objects."""
    nothing = np.zeros(0, bool)
    return Truth(np.zeros((0, 4)), np.zeros(0, np.int64), nothing, nothing)


@dataclass(frozen=True)
class _Matches:
    """Of one class: its detections over all pictures, the highest score first."""

    groups: npt.NDArray[np.int64]
    """(d,): the group of each detection's picture."""
    hits: npt.NDArray[np.bool_]
    """(d, thresholds): whether it found an object."""
    ignored: npt.NDArray[np.bool_]
    """(d, thresholds): whether it counts neither as right nor as wrong."""
    objects: npt.NDArray[np.int64]
    """(groups,): how many there are to find."""


class DetectionTally:
    """Takes the detections of picture after picture, matched to what is there."""

    def __init__(
        self, n: int, classes: int, seed: int, *, sigmas: Optional[npt.NDArray[Any]] = None
    ) -> None:
        """Begin with at most `n` pictures and `classes` categories.

        `sigmas`: the falloff of each keypoint, by which objects are matched instead of boxes.
        """
        self.n = 0
        self.objects = 0
        """To be found: without crowds and what is ignored."""
        self._seed = seed
        self._sigmas = sigmas
        self._most = MOST_DETECTIONS if sigmas is None else 20  # COCO's own, of keypoints
        self._groups = max(1, min(n, _MOST_GROUPS))
        self._group_of = np.random.default_rng(seed).integers(0, self._groups, max(n, 1))
        if self._groups == n:
            self._group_of = np.arange(n)
        self._wanted = np.zeros((classes, self._groups), np.int64)
        self._parts: list[tuple[npt.NDArray[Any], ...]] = []

    def add(self, found: Detections, truth: Truth) -> None:
        """Match what was found in one picture with what is there; both in its pixels."""
        group = self._group_of[self.n]
        self.n += 1
        counted = ~(truth.crowd | truth.ignored)
        np.add.at(self._wanted[:, group], truth.classes[counted], 1)
        self.objects += int(np.count_nonzero(counted))
        best = _best_of_each_class(found, self._most)
        hits, ignored = self._match(best, truth)
        self._parts.append((
            best.scores,
            best.classes.astype(np.int32),
            np.full(len(best), group, np.int32),
            _packed(hits),
            _packed(ignored),
        ))  # fmt: skip
        if len(self._parts) > 256:
            self._parts = [_joined(self._parts)]

    def _match(
        self, found: Detections, truth: Truth
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Return what each detection found and whether it is ignored, (d, thresholds) each."""
        shape = (len(found), len(THRESHOLDS))
        hits, ignored = np.zeros(shape, bool), np.zeros(shape, bool)
        if not len(found) or not len(truth.classes):
            return hits, ignored
        shares = self._similarity(found, truth)
        shares[found.classes[:, None] != truth.classes] = -1.0
        passed = truth.crowd | truth.ignored
        taken = np.zeros((len(THRESHOLDS), len(truth.classes)), bool)
        for index in np.flatnonzero((shares >= THRESHOLDS[0]).any(axis=1)):
            row = shares[index]
            fits = (row >= THRESHOLDS[:, None]) & (~taken | truth.crowd)
            counted = fits & ~passed
            use = np.where(counted.any(axis=1)[:, None], counted, fits)
            some = use.any(axis=1)
            # Of equal ones COCOeval takes the last.
            chosen = len(row) - 1 - np.where(use, row, -1.0)[:, ::-1].argmax(axis=1)
            levels = np.flatnonzero(some)
            taken[levels, chosen[levels]] = True
            hits[index], ignored[index] = some, some & passed[chosen]
        return hits & ~ignored, ignored

    def _similarity(self, found: Detections, truth: Truth) -> npt.NDArray[np.float64]:
        if self._sigmas is not None:
            return _keypoint_similarity(found, truth, self._sigmas)
        a, b = found.boxes, truth.boxes
        width = np.minimum(a[:, None, 2], b[:, 2]) - np.maximum(a[:, None, 0], b[:, 0])
        height = np.minimum(a[:, None, 3], b[:, 3]) - np.maximum(a[:, None, 1], b[:, 1])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        whole = areas(a)[:, None] + np.where(truth.crowd, 0.0, areas(b) - shared)
        shares: npt.NDArray[np.float64] = np.divide(
            shared, whole, out=np.zeros_like(shared), where=whole > 0
        )
        return shares

    def figures(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return mAP50-95, mAP50 and AR100, and the average precision of each class.

        A class without an object has NaN and counts in none of them; without any all are NaN.
        """
        classes = self._by_class()
        precisions = np.full((len(self._wanted), len(THRESHOLDS)), np.nan)
        recalls = np.full_like(precisions, np.nan)
        for number, one in classes.items():
            total = one.objects.sum()
            for level in range(len(THRESHOLDS)):
                counted = ~one.ignored[:, level]
                right = np.cumsum(one.hits[counted, level])
                recall = right / total
                precision = right / np.arange(1, len(right) + 1)
                precision = np.maximum.accumulate(precision[::-1])[::-1]
                places = np.searchsorted(recall, _RECALLS, side="left")
                reached = places[places < len(precision)]
                precisions[number, level] = precision[reached].sum() / len(_RECALLS)
                recalls[number, level] = recall[-1] if len(recall) else 0.0
        present = list(classes)
        if not present:
            return np.full(3, np.nan), precisions.mean(axis=1)
        means = np.array([
            precisions[present].mean(), precisions[present, 0].mean(), recalls[present].mean()
        ])  # fmt: skip
        return means, precisions.mean(axis=1)

    def as_dict(self, names: Optional[Sequence[str]] = None) -> dict[str, Any]:
        """Return the figures with their intervals; `names` of the classes: of each, too."""
        means, each = self.figures()
        document: dict[str, Any] = {"n": self.n, "objects": self.objects}
        if np.isnan(means).any():
            reason = "the data set has no object to find"
            for name in FIGURES:
                document.update({name: None, f"{name}_reason": reason})
            return document
        classes = self._by_class()
        shown = tuple(classes) if names is not None else ()
        resampled = _Resampled(classes, shown)
        observed = np.concatenate([means, each[list(shown)]])
        intervals = logit_intervals(observed, self._used, resampled.statistic, self._seed)
        for name, value, interval in zip(FIGURES, means, intervals):
            document.update(with_interval(name, float(value), interval))
        if names is not None:
            document["classes"] = [
                {
                    "name": names[number],
                    "objects": int(classes[number].objects.sum()),
                    **with_interval("map_50_95", float(each[number]), interval),
                }
                for number, interval in zip(shown, intervals[len(FIGURES) :])
            ]
        return document

    @property
    def _used(self) -> int:
        """Groups that hold a picture: fewer where some could not be read."""
        return min(self._groups, self.n) if self._group_of.size == self._groups else self._groups

    def _by_class(self) -> dict[int, _Matches]:
        """Return the matches of each class that has an object."""
        self._parts = [_joined(self._parts)] if self._parts else []
        found = {}
        present = np.flatnonzero(self._wanted.sum(axis=1))
        empty = (np.zeros(0), *(np.zeros(0, np.int32),) * 2, *(np.zeros(0, np.uint16),) * 2)
        scores, numbers, groups, hits, ignored = self._parts[0] if self._parts else empty
        order = np.argsort(numbers, kind="stable")
        ends = np.searchsorted(numbers[order], np.arange(len(self._wanted) + 1))
        for number in present:
            own = order[ends[number] : ends[number + 1]]
            own = own[np.argsort(-scores[own], kind="stable")]
            found[int(number)] = _Matches(
                groups[own].astype(np.int64),
                _unpacked(hits[own]),
                _unpacked(ignored[own]),
                self._wanted[number, : self._used],
            )
        return found


class _Resampled:
    """The figures of pictures that count with other weights."""

    def __init__(self, classes: dict[int, _Matches], shown: Sequence[int]) -> None:
        """`shown`: the classes whose own average precision is a figure, too."""
        self._shown = [list(classes).index(number) for number in shown]
        self._classes = []
        for one in classes.values():
            # Only where an object is found does the precision's envelope change. What is ignored
            # at the lowest threshold is left out of them all, which costs nothing but digits.
            counted = ~one.ignored[:, 0]
            groups, hits = one.groups[counted], one.hits[counted]
            places = np.flatnonzero(hits.any(axis=1))
            seen = np.zeros((len(places) + 1, len(one.objects)), np.float32)
            np.add.at(seen, (np.searchsorted(places, np.arange(len(groups))), groups), 1)
            self._classes.append((
                np.cumsum(seen[:-1], axis=0, dtype=np.float32).T.copy(),
                groups[places],
                hits[places],
                one.objects.astype(np.float32),
            ))  # fmt: skip

    def statistic(self, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the figures, (r, 3 + classes shown), of weights of the groups (r, groups)."""
        parts = [
            self._batch(weights[start : start + _BATCH].astype(np.float32))
            for start in range(0, len(weights), _BATCH)
        ]
        return np.concatenate(parts)

    def _batch(self, weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        shape = (len(weights), len(self._classes), len(THRESHOLDS))
        precisions, recalls = np.full(shape, np.nan), np.full(shape, np.nan)
        for place, (seen, groups, hits, objects) in enumerate(self._classes):
            total = (weights @ objects)[:, None]
            there = total[:, 0] > 0
            safe = np.maximum(total, 1e-9)
            counted = weights @ seen  # (r, places): detections up to each
            own = weights[:, groups]
            for level in range(len(THRESHOLDS)):
                right = hits[:, level]
                found = np.cumsum(own[:, right], axis=1)
                if not found.shape[1]:
                    precisions[there, place, level] = recalls[there, place, level] = 0.0
                    continue
                precision = found / np.maximum(counted[:, right], 1e-9)
                envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
                recall = found / safe
                steps = np.floor(100 * recall + _DUST) + 1
                steps[:, 1:] -= steps[:, :-1].copy()
                value = (envelope * steps).sum(axis=1) / len(_RECALLS)
                precisions[there, place, level] = value[there]
                recalls[there, place, level] = recall[there, -1]
        with np.errstate(invalid="ignore"):
            means = np.stack([
                np.nanmean(precisions, axis=(1, 2)),
                np.nanmean(precisions[:, :, 0], axis=1),
                np.nanmean(recalls, axis=(1, 2)),
            ], axis=1)  # fmt: skip
        return np.hstack([means, precisions[:, self._shown].mean(axis=2)])


def _best_of_each_class(found: Detections, most: int) -> Detections:
    """Leave the best detections of each class, in the order of their scores."""
    if len(found) <= most:
        return found
    order = np.argsort(found.classes, kind="stable")
    ordered = found.classes[order]
    starts = np.searchsorted(ordered, ordered)
    kept = np.sort(order[np.arange(len(order)) - starts < most])
    return found.take(kept)


def _keypoint_similarity(
    found: Detections, truth: Truth, sigmas: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """Return COCO's object keypoint similarity of detections (n) with objects (m), as (n, m).

    Points that are not labelled do not count; of an object without any the distance is that from
    its box, doubled in size.
    """
    assert found.keypoints is not None
    assert truth.keypoints is not None
    sizes = areas(truth.boxes) if truth.areas is None else truth.areas
    known: npt.NDArray[np.bool_] = np.greater(truth.keypoints[:, :, 2], 0)  # (m, k)
    delta = found.keypoints[:, None, :, :2] - truth.keypoints[None, :, :, :2]
    boxes = truth.boxes
    low = boxes[:, :2] - (boxes[:, 2:] - boxes[:, :2])
    high = boxes[:, :2] + 2 * (boxes[:, 2:] - boxes[:, :2])
    points = found.keypoints[:, None, :, :2]
    outside = np.maximum(low[:, None] - points, 0) + np.maximum(points - high[:, None], 0)
    none = np.logical_not(known.any(axis=1, keepdims=True))
    delta = np.where(none[:, :, None], outside, delta)
    squares = (delta**2).sum(axis=3)
    scale = (2 * sigmas) ** 2 * 2 * (sizes[:, None] + np.spacing(1))
    values = np.exp(-squares / scale)
    counted = known | none
    similarity: npt.NDArray[np.float64] = (values * counted).sum(axis=2) / counted.sum(axis=1)
    return similarity


def _packed(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint16]:
    """Return rows of flags as the bits of a number each."""
    packed: npt.NDArray[np.uint16] = (flags @ (1 << np.arange(flags.shape[1]))).astype(np.uint16)
    return packed


def _unpacked(bits: npt.NDArray[np.uint16]) -> npt.NDArray[np.bool_]:
    flags: npt.NDArray[np.bool_] = (bits[:, None] >> np.arange(len(THRESHOLDS)) & 1).astype(bool)
    return flags


def _joined(parts: Sequence[tuple[npt.NDArray[Any], ...]]) -> tuple[npt.NDArray[Any], ...]:
    return tuple(np.concatenate(arrays) for arrays in zip(*parts))
