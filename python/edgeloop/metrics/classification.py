"""Metrics of class scores: counted sample by sample, computed by scikit-learn at the end."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.errors import reasoned
from edgeloop.metrics.averages import AVERAGED, averages
from edgeloop.metrics.bootstrap import NO_VARIATION, bca_intervals
from edgeloop.metrics.groups import GroupSums
from edgeloop.metrics.probabilities import Probabilities
from edgeloop.metrics.proportion import Proportion
from edgeloop.metrics.scikit_learn import why_no_sklearn
from edgeloop.spec.metrics import CLASSIFICATION, MetricOptions

if TYPE_CHECKING:
    import numpy.typing as npt


# Class numbers are below: a cell of the confusion matrix is one int64.
MOST_CLASSES = 1 << 31

NO_SCORES = "the model gives a class number, and no score for each class"


class ClassificationTally:
    """What the metrics need of the samples so far; its size is that of the confusion matrix."""

    def __init__(
        self, classes: int, n: int, options: MetricOptions, step: float, seed: int
    ) -> None:
        """Begin a tally of at most `n` samples; `step` is that of a quantised output, 0 else.

        `classes`: so many scores a sample has; 0: its answers are class numbers.
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
        """Count samples: class numbers (k,), labels (k,); tell which are right (k,)."""
        cells, counts = np.unique(labels * MOST_CLASSES + answers, return_counts=True)
        self._cells.update(dict(zip(cells.tolist(), counts.tolist())))
        self.n += len(labels)
        right: npt.NDArray[np.bool_] = answers == labels
        return right

    def add(
        self, scores: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """Count samples: scores (k, classes) without NaN, labels (k,) in range.

        Of equal scores the first counts. Tells which samples are right (k,).
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
