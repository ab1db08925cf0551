"""Scores as probabilities, and the log loss of each sample; or why they are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

# Float32 sums of a thousand probabilities stay well within this; logits do not.
_TOLERANCE = 1e-3


# Rounding has never been seen to take half of a row; logits that are small by chance are below.
_LEAST_SUM = 0.5


class Probabilities:
    """Follows the scores of a data set; once they are no probabilities, none are any more."""

    def __init__(self, softmax: bool, step: float) -> None:
        """`step` is the scale of a quantised output: each score is off by half of it at most."""
        self.reason: Optional[str] = None
        self.least_sum = 1.0
        self.largest_sum = 1.0
        self._softmax = softmax
        self._step = step

    @property
    def note(self) -> Optional[str]:
        """Say that rows were divided by their sums, where those are not 1."""
        if self.largest_sum - self.least_sum <= 2 * _TOLERANCE or self.reason is not None:
            return None
        return (
            f"the rows of the quantised output sum to {self.least_sum:.2f} to "
            f"{self.largest_sum:.2f}, and were divided by their sums"
        )

    def losses(
        self, scores: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]
    ) -> Optional[npt.NDArray[np.float64]]:
        """Return −ln of the probability of each label (k,), or None where there is none."""
        if self.reason is not None:
            return None
        rows = np.arange(len(labels))
        if self._softmax:
            shifted = scores - scores.max(axis=1, keepdims=True)
            by_softmax: npt.NDArray[np.float64] = (
                np.log(np.exp(shifted).sum(axis=1)) - shifted[rows, labels]
            )
            return by_softmax
        sums = scores.sum(axis=1)
        # Errors of rounding are independent and within ± step / 2: six of their deviations. Many
        # small probabilities are all rounded down to 0, which takes up to half a step from each.
        spread = _TOLERANCE + 6 * self._step * np.sqrt(scores.shape[1] / 12)
        lost = spread + self._step / 2 * (scores < self._step / 2).sum(axis=1)
        low = np.maximum(1 - lost, _LEAST_SUM)
        if scores.min() < -_TOLERANCE or (sums > 1 + spread).any() or (sums < low).any():
            self.reason = (
                "the scores are no probabilities (they are negative, or do not add up to 1); where "
                "they are logits, say --softmax"
            )
            return None
        self.least_sum = min(self.least_sum, float(sums.min()))
        self.largest_sum = max(self.largest_sum, float(sums.max()))
        own = scores[rows, labels] / sums
        if own.min() <= 0:
            step = f" (the output is quantised: {self._step:.3g} a step)" if self._step else ""
            self.reason = f"a label's probability is 0{step}: the loss has no limit"
            return None
        losses: npt.NDArray[np.float64] = -np.log(own)
        return losses
