"""Scores as probabilities, and the log loss of each sample; or why they are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

# Float32 sums of a thousand probabilities stay well within this; logits do not.
_TOLERANCE = 1e-3


class Probabilities:
    """Follows the scores of a data set; once they are no probabilities, none are any more."""

    def __init__(self, softmax: bool, step: float) -> None:
        """`step` is the scale of a quantised output: each score is off by half of it at most."""
        self.reason: Optional[str] = None
        self._softmax = softmax
        self._step = step

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
        # Errors of rounding are independent and within ± step / 2: six of their deviations.
        spread = 6 * self._step * np.sqrt(scores.shape[1] / 12)
        tolerance = _TOLERANCE + spread
        if scores.min() < -_TOLERANCE or np.abs(sums - 1).max() > tolerance:
            self.reason = (
                "the scores are no probabilities (they are negative, or do not add up to 1); where "
                "they are logits, say --softmax"
            )
            return None
        own = scores[rows, labels] / sums
        if own.min() <= 0:
            step = f" (the output is quantised: {self._step:.3g} a step)" if self._step else ""
            self.reason = f"a label's probability is 0{step}: the loss has no limit"
            return None
        losses: npt.NDArray[np.float64] = -np.log(own)
        return losses
