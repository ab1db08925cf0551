"""Metrics of class scores: counted sample by sample, computed by scikit-learn at the end."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.errors import reasoned
from edgeloop.metrics.bootstrap import NO_VARIATION, GroupSums, bca_intervals
from edgeloop.metrics.proportion import Proportion
from edgeloop.metrics.scikit_learn import why_no_sklearn
from edgeloop.spec.metrics import CLASSIFICATION, MetricOptions

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

# Float32 sums of a thousand probabilities stay well within this; logits do not.
_TOLERANCE = 1e-3


# Rounding has never been seen to take half of a row; logits that are small by chance are below.
_LEAST_SUM = 0.5

# Class numbers are below: a cell of the confusion matrix is one int64.
MOST_CLASSES = 1 << 31

NO_SCORES = "the model gives a class number, and no score for each class"


class ClassificationTally:
    """What the metrics need of the samples so far; its size is that of the confusion matrix."""

    def __init__(
        self, classes: int, n: int, options: MetricOptions, step: float, seed: int
    ) -> None:
        """Begin a tally of at most `n` samples; `step` is that of a quantised output, 0 else.

        `classes`: scores per sample; 0: its answers are class numbers.
        """
        self.classes = classes
        self.n = 0
        self._options = options
        self._seed = seed
        self._cells: Counter[int] = Counter()
        self._ranks = np.zeros(classes, dtype=np.int64)
        self._probabilities = Probabilities(options.softmax, step)
        self._losses = GroupSums(n, 2, seed)

    def add_answers(
        self, answers: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """Count samples: class numbers (k,), labels (k,); return which are right (k,)."""
        cells, counts = np.unique(labels * MOST_CLASSES + answers, return_counts=True)
        self._cells.update(dict(zip(cells.tolist(), counts.tolist())))
        self.n += len(labels)
        right: npt.NDArray[np.bool_] = answers == labels
        return right

    def add(
        self, scores: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """Count samples: scores (k, classes) without NaN, labels (k,) in range.

        Of equal scores the first counts. Returns which samples are right (k,).
        """
        rows = np.arange(len(labels))
        right = self.add_answers(scores.argmax(axis=1), labels)
        own = scores[rows, labels][:, np.newaxis]
        ahead = (scores == own) & (np.arange(self.classes) < labels[:, np.newaxis])
        ranks = (scores > own).sum(axis=1) + ahead.sum(axis=1)
        self._ranks += np.bincount(ranks, minlength=self.classes)
        losses = self._probabilities.losses(scores, labels)
        if losses is not None:
            self._losses.add(np.stack([losses, np.ones(len(losses))], axis=1))
        return right

    def top(self, k: int) -> Proportion:
        """Return the share of samples whose label is among the k best."""
        if not self.classes:
            return Proportion(self.shifted(0), self.n)
        return Proportion(int(self._ranks[:k].sum()), self.n)

    def confusion(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the cells that hold samples, (cells, 2) of label and answer, and their counts."""
        numbers = np.array(sorted(self._cells), dtype=np.int64)
        counts = np.array([self._cells[int(number)] for number in numbers], dtype=np.int64)
        return np.stack(np.divmod(numbers, MOST_CLASSES), axis=1), counts

    def shifted(self, offset: int) -> int:
        """Count the samples that would be right if `offset` were added to every label."""
        cells, counts = self.confusion()
        return int(counts[cells[:, 0] + offset == cells[:, 1]].sum())

    def as_dict(self) -> dict[str, Any]:
        """Return the fields of a result's `accuracy`."""
        first = self.top(1)
        cells, counts = self.confusion()
        document: dict[str, Any] = {
            "task": CLASSIFICATION,
            "n": self.n,
            "correct": first.count,
            **first.fields("accuracy"),
        }
        k = self._options.top_k
        if 1 < k < self.classes:
            document.update(self.top(k).fields(f"top_{k}_accuracy"))
        elif k not in (1, MetricOptions.top_k):
            reason = f"the model has {self.classes} classes" if self.classes else NO_SCORES
            document.update(reasoned(f"top_{k}_accuracy", None, reason))
        document.update(_averages(cells, counts, first, self._seed))
        document.update(self._log_loss())
        document["confusion_matrix"] = {
            "classes": self.classes or max(2, int(cells.max()) + 1),
            "label_answer_count": np.column_stack([cells, counts]).tolist(),
        }
        return document

    def _log_loss(self) -> dict[str, Any]:
        reason = self._probabilities.reason if self.classes else NO_SCORES
        if reason is not None:
            return {"log_loss": None, "log_loss_reason": reason}
        sums = self._losses.sums
        value = float(sums[:, 0].sum() / sums[:, 1].sum())

        def mean(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            totals = weights @ sums
            return totals[:, :1] / totals[:, 1:]

        ones = np.ones(len(sums), dtype=np.int64)
        document = with_interval("log_loss", value, bca_intervals(ones, mean, self._seed)[0])
        note = self._probabilities.note
        return document if note is None else {**document, "log_loss_note": note}


def with_interval(
    name: str, value: float, interval: Optional[tuple[float, float]]
) -> dict[str, Any]:
    """Return a metric and its interval, or why it has none."""
    if interval is None:
        return {name: value, f"{name}_ci95": None, f"{name}_ci95_reason": NO_VARIATION}
    return {name: value, f"{name}_ci95": list(interval)}


def _averages(
    cells: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], first: Proportion, seed: int
) -> dict[str, Any]:
    """Return balanced accuracy, and precision, recall and F1 in their three averages."""
    reason = why_no_sklearn()
    if reason is not None:
        names = ("balanced_accuracy", *(f"{m}_{a}" for m in _METRICS for a in _AVERAGES))
        return {key: value for name in names for key, value in reasoned(name, None, reason).items()}
    values = _by_sklearn(cells, counts)
    intervals = dict(
        zip(AVERAGED, bca_intervals(counts, lambda weights: averages(cells, weights), seed))
    )
    document: dict[str, Any] = {}
    for name, value in values.items():
        if name in intervals:
            document.update(with_interval(name, value, intervals[name]))
        else:  # of single labels: the share of right answers under another name
            document.update({name: value, f"{name}_ci95": list(first.interval)})
    return document


_METRICS = ("precision", "recall", "f1")
_AVERAGES = ("macro", "micro", "weighted")


def _by_sklearn(cells: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> dict[str, float]:
    """Compute from the cells of the confusion matrix, each weighted by its count."""
    from sklearn.metrics import balanced_accuracy_score, precision_recall_fscore_support

    labels, answers = cells[:, 0], cells[:, 1]
    with warnings.catch_warnings():
        # A class that is answered but never a label: scikit-learn leaves it out, as it should.
        warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true")
        values = {
            "balanced_accuracy": float(
                balanced_accuracy_score(labels, answers, sample_weight=counts)
            )
        }
    for average in _AVERAGES:
        found = precision_recall_fscore_support(
            labels, answers, average=average, sample_weight=counts, zero_division=0.0
        )
        values.update({f"{m}_{average}": float(v) for m, v in zip(_METRICS, found)})
    return values


class Probabilities:
    """Follows the scores of a data set; once one is not a probability, none counts as one."""

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
                "the scores are not probabilities (they are negative, or do not add up to 1); if "
                "they are logits, give --softmax"
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
