"""Two models on the same samples: the difference of their accuracy, paired sample by sample.

What both get right, or both get wrong, says nothing about which is better: leaving it out is what
makes a paired interval several times narrower than two of their own.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.metrics.bootstrap import GroupSums, bca_intervals
from edgeloop.metrics.proportion import Z95
from edgeloop.spec.metrics import CORRECT, SQUARED_ERROR

if TYPE_CHECKING:
    import numpy.typing as npt

# Of these, less is better.
_ERRORS = (SQUARED_ERROR,)

BETTER, WORSE, NO_DIFFERENCE = "better", "worse", "no difference shown"

_SIGNIFICANT = 0.05

# With more samples single ones are not kept: the result would grow with the data.
MOST_SAMPLES = 1 << 20

_OTHER_LABELS = "the labels differ, so these are not the same samples"


@dataclass(frozen=True)
class SampleScores:
    """One figure of each sample of a data set, in its order."""

    kind: str
    """What it is: CORRECT (bool), PIXEL_ACCURACY (0 to 1) or SQUARED_ERROR (mean of a sample)."""
    values: npt.NDArray[Any]
    """(n,), bool or float32."""
    labels_sha256: str
    """Of all labels in their order: of the same samples it is the same."""


class ScoreKeeper:
    """Collects the scores of a data set chunk by chunk."""

    def __init__(self) -> None:
        self._parts: Optional[list[npt.NDArray[Any]]] = []
        self._kind = CORRECT
        self._n = 0
        self._labels = hashlib.sha256()

    def add(self, kind: str, values: npt.NDArray[Any], labels: npt.NDArray[Any]) -> None:
        """Add a figure for each of the samples with these labels."""
        self._kind = kind
        self._n += len(values)
        self._labels.update(np.ascontiguousarray(labels, dtype="<f8").tobytes())
        if self._n > MOST_SAMPLES:
            self._parts = None
        if self._parts is not None:
            self._parts.append(values if kind == CORRECT else values.astype(np.float32))

    def scores(self) -> Optional[SampleScores]:
        """Return the scores of all samples; None where there are none, or too many to keep."""
        if not self._parts:
            return None
        values = np.concatenate(self._parts)
        return SampleScores(self._kind, values, self._labels.hexdigest())


@dataclass(frozen=True)
class PairedDifference:
    """How much better one model is than another on the same samples."""

    kind: str
    n: int
    difference: float
    """Mean of the one model minus that of the other: a share (0 to 1), or a squared error."""
    difference_ci95: Optional[tuple[float, float]]
    """None where no sample differs, or there is one only."""
    p_value: float
    """Two-sided: how likely so large a difference is, were there none."""
    test: str
    verdict: str
    """BETTER, WORSE or NO_DIFFERENCE: what the one model is, beside the other."""
    only_first: Optional[int] = None
    """CORRECT: samples that only the one model gets right."""
    only_second: Optional[int] = None

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return asdict(self)


def why_not_paired(first: Optional[SampleScores], second: Optional[SampleScores]) -> Optional[str]:
    """Return why two sets of scores cannot be paired; None where they can."""
    if first is None or second is None:
        return f"the samples are not known one by one (they are kept up to {MOST_SAMPLES})"
    if first.kind != second.kind:
        return f"the tasks differ: {first.kind} of one, {second.kind} of the other"
    if first.labels_sha256 != second.labels_sha256 or len(first.values) != len(second.values):
        return _OTHER_LABELS
    return None


def paired_difference(first: SampleScores, second: SampleScores, seed: int) -> PairedDifference:
    """Compare the scores of two models on the same samples; `seed` is that of the bootstrap.

    Right answers: McNemar's exact test (Q. McNemar 1947) and the interval of D. G. Bonett and
    R. M. Price (2012) for a difference of paired proportions. Other figures: the t test of the
    differences and a BCa bootstrap interval of their mean. Imports scipy.
    """
    if first.kind == CORRECT:
        return _of_proportions(first.values.astype(bool), second.values.astype(bool))
    from scipy.stats import ttest_1samp

    differences = first.values.astype(np.float64) - second.values.astype(np.float64)
    n = len(differences)
    sums = GroupSums(n, 2, seed)
    sums.add(np.stack([differences, np.ones(n)], axis=1))
    table = sums.sums

    def mean(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        totals = weights @ table
        return totals[:, :1] / totals[:, 1:]

    (interval,) = bca_intervals(np.ones(len(table), dtype=np.int64), mean, seed)
    p_value = 1.0 if np.ptp(differences) == 0 else float(ttest_1samp(differences, 0.0).pvalue)
    difference = float(differences.mean())
    sign = -1 if first.kind in _ERRORS else 1
    return PairedDifference(
        kind=first.kind,
        n=n,
        difference=difference,
        difference_ci95=interval,
        p_value=p_value,
        test="paired t test",
        verdict=_verdict(sign * difference, interval, p_value),
    )


def _of_proportions(
    first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]
) -> PairedDifference:
    from scipy.stats import binomtest

    n = len(first)
    ours, theirs = int((first & ~second).sum()), int((second & ~first).sum())
    p_value = float(binomtest(ours, ours + theirs, 0.5).pvalue) if ours + theirs else 1.0
    difference = (ours - theirs) / n
    interval = bonett_price(ours, theirs, n)
    return PairedDifference(
        kind=CORRECT,
        n=n,
        difference=difference,
        difference_ci95=interval,
        p_value=p_value,
        test="McNemar's exact test",
        verdict=_verdict(difference, interval, p_value),
        only_first=ours,
        only_second=theirs,
    )


def bonett_price(only_first: int, only_second: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a difference of two paired proportions of n samples.

    D. G. Bonett and R. M. Price, "Adjusted Wald confidence interval for a difference of binomial
    proportions based on paired data", J. Educ. Behav. Stat. 37 (2012) 479: one sample is added to
    each of the two cells in which the models differ.
    """
    a, b = (only_first + 1) / (n + 2), (only_second + 1) / (n + 2)
    half = Z95 * sqrt((a + b - (a - b) ** 2) / (n + 2))
    return max(-1.0, a - b - half), min(1.0, a - b + half)


def _verdict(gain: float, interval: Optional[tuple[float, float]], p_value: float) -> str:
    """Return which is better where interval and test both say that there is a difference."""
    if interval is None or p_value >= _SIGNIFICANT or interval[0] <= 0 <= interval[1]:
        return NO_DIFFERENCE
    return BETTER if gain > 0 else WORSE
