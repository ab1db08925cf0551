"""How far the outputs of two models lie apart on the same data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

import numpy as np

from edgeloop.errors import ModelError
from edgeloop.metrics.alignment import score_rows, squeezed
from edgeloop.metrics.bootstrap import GroupSums, bca_intervals
from edgeloop.metrics.classification import with_interval
from edgeloop.metrics.decoders import Decoder
from edgeloop.metrics.detections import DetectionAgreement
from edgeloop.metrics.outputs import pair_outputs
from edgeloop.metrics.proportion import Proportion

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgeloop.spec.load import TensorSpec

    Rows = Union[npt.NDArray[np.float64], Sequence[npt.NDArray[np.float64]]]

_ONE_VALUE = "the largest of all samples is not a mean: resampling cannot exceed it"
_ERRORS = ("max_error", "mean_error", "cosine")


class OutputAgreement:
    """One output of a model beside the same of its reference."""

    def __init__(self, name: str, n: int, seed: int) -> None:
        self.name = name
        self.n = 0
        """Samples that were compared value by value."""
        self.empty = 0
        """Samples for which both outputs hold nothing: they agree."""
        self.other_shapes = 0
        """Samples for which an output whose shape follows the data has another shape."""
        self._seed = seed
        self._same = 0
        self._scores = False
        self._largest = 0.0
        self._least_cosine = 1.0
        self._sums = GroupSums(n, 3, seed)

    def add(self, ours: Rows, theirs: Rows) -> None:
        """Add samples: (k, ...) of one shape, or one array a sample where the shape changes.

        Raises ModelError where shapes that do not change differ.
        """
        if not isinstance(ours, np.ndarray) or not isinstance(theirs, np.ndarray):
            for a, b in zip(ours, theirs):
                if squeezed(a.shape) == squeezed(b.shape):
                    self._add(a[np.newaxis], b[np.newaxis])
                else:
                    self.other_shapes += 1
            return
        if squeezed(ours.shape[1:]) != squeezed(theirs.shape[1:]):
            raise ModelError(
                f"output '{self.name}' has shape {ours.shape[1:]}, and the reference's "
                f"{theirs.shape[1:]}: they cannot be compared"
            )
        self._add(ours, theirs)

    def _add(self, ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]) -> None:
        if not ours.size:
            self.empty += len(ours)
            return
        a, b = ours.reshape(len(ours), -1), theirs.reshape(len(theirs), -1)
        scores = score_rows(ours)
        self._scores = scores is not None and scores.shape[1] > 1
        self._same += int(np.count_nonzero(a.argmax(axis=1) == b.argmax(axis=1)))
        errors = np.abs(a - b)
        angles = cosines(a, b)
        self._largest = max(self._largest, float(errors.max()))
        self._least_cosine = min(self._least_cosine, float(angles.min()))
        self._sums.add(np.stack([np.ones(len(a)), errors.mean(axis=1), angles], axis=1))
        self.n += len(a)

    def as_dict(self, classes: bool) -> dict[str, Any]:
        """Return the metrics with their intervals; errors are in the output's real values.

        `classes`: the outputs may be scores of classes, so that the highest means something.
        """
        document: dict[str, Any] = {"name": self.name, "n": self.n}
        if self.empty:
            document["empty"] = self.empty
        if self.other_shapes:
            document["other_shapes"] = self.other_shapes
        if not self.n:
            reason = "the output is empty" if self.empty else "the shapes differ"
            for name in _ERRORS:
                document.update({name: None, f"{name}_reason": f"{reason} in every sample"})
            return {**document, "cosine_min": None}
        sums = self._sums.sums

        def means(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            totals = weights @ sums
            return totals[:, 1:] / totals[:, :1]

        ones = np.ones(len(sums), dtype=np.int64)
        error, cosine = means(ones[np.newaxis].astype(np.float64))[0]
        intervals = bca_intervals(ones, means, self._seed)
        if classes and self._scores:
            document.update(Proportion(self._same, self.n).fields("top_1_agreement"))
        return {
            **document,
            "max_error": self._largest,
            "max_error_ci95": None,
            "max_error_ci95_reason": _ONE_VALUE,
            **with_interval("mean_error", float(error), intervals[0]),
            **with_interval("cosine", float(cosine), intervals[1]),
            "cosine_min": self._least_cosine,
        }


class Agreement:
    """The outputs of a model beside those of its reference that belong to them."""

    def __init__(
        self,
        ours: Sequence[TensorSpec],
        theirs: Sequence[TensorSpec],
        n: int,
        seed: int,
        decoders: tuple[Optional[Decoder], Optional[Decoder]] = (None, None),
    ) -> None:
        """Pair the outputs. Raises ModelError where none of the one is any of the other.

        `decoders`: what reads the outputs of each, where both are detectors.
        """
        self.pairing = pair_outputs(ours, theirs)
        if not self.pairing.pairs:
            raise ModelError(
                f"no output of the model ({_listed(ours)}) has the name or the shape of one of the "
                f"reference ({_listed(theirs)}): they cannot be compared"
            )
        self._outputs = [OutputAgreement(ours[a].name, n, seed) for a, _ in self.pairing.pairs]
        self._decoders = decoders
        self.detections = None if None in decoders else DetectionAgreement(n, seed)
        """Of two detectors, which list in their own order what they see; None of other models."""

    def add(self, ours: Sequence[Rows], theirs: Sequence[Rows]) -> None:
        """Add samples of all outputs of both. Raises ModelError where the shapes are others."""
        for output, (a, b) in zip(self._outputs, self.pairing.pairs):
            output.add(ours[a], theirs[b])
        model, reference = self._decoders
        if self.detections is not None and model is not None and reference is not None:
            for index in range(len(ours[0])):
                self.detections.add(
                    model([values[index] for values in ours]),
                    reference([values[index] for values in theirs]),
                )

    def as_dict(self, classes: bool) -> list[dict[str, Any]]:
        """Return the metrics of every output; `classes` as above."""
        return [output.as_dict(classes) for output in self._outputs]


def _listed(specs: Sequence[TensorSpec]) -> str:
    return ", ".join(f"'{spec.name}' {'x'.join(map(str, spec.shape)) or '1'}" for spec in specs)


def cosines(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the cosine of each pair of rows; of two rows of zeros it is 1, of one 0."""
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    products = (a * b).sum(axis=1)
    angles = np.divide(products, norms, out=np.zeros_like(products), where=norms > 0)
    return np.where((a == b).all(axis=1), 1.0, angles)
