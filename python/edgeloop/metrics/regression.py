"""Metrics of values: by scikit-learn where all fit into memory, from running sums beyond."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.metrics.bootstrap import GroupSums, bca_intervals
from edgeloop.metrics.classification import with_interval
from edgeloop.metrics.scikit_learn import why_no_sklearn
from edgeloop.spec.metrics import REGRESSION

if TYPE_CHECKING:
    import numpy.typing as npt

NAMES = (
    "mean_absolute_error",
    "mean_squared_error",
    "root_mean_squared_error",
    "r2",
    "mean_absolute_percentage_error",
)

# Outputs and labels are kept up to this size.
_MOST_KEPT_BYTES = 64 << 20

# R² is averaged over the values of a sample; of more than this many it is not followed.
_MOST_R2_VALUES = 1024

# Features before those of each value: elements, |e|, e², |e / y| and elements where y is not 0.
_COMMON = 5


class RegressionTally:
    """What the metrics need of the samples so far."""

    def __init__(self, values: int, n: int, seed: int) -> None:
        """Begin a tally of at most `n` samples of `values` values each."""
        self.n = 0
        self.zero_targets = 0
        self._values = values
        self._seed = seed
        self._with_r2 = values <= _MOST_R2_VALUES
        self._sums = GroupSums(n, _COMMON + (4 * values if self._with_r2 else 0), seed)
        self._origin: Optional[npt.NDArray[np.float64]] = None
        self._kept: Optional[list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]] = []
        self._kept_bytes = 0

    def add(self, outputs: npt.NDArray[np.float64], labels: npt.NDArray[np.float64]) -> None:
        """Add samples: outputs and labels (k, values)."""
        if self._origin is None:
            self._origin = labels[0].copy()
        error = np.abs(outputs - labels)
        known = labels != 0
        relative = np.divide(error, np.abs(labels), out=np.zeros_like(error), where=known)
        common = np.stack(
            [
                np.full(len(labels), float(self._values)),
                error.sum(axis=1),
                (error**2).sum(axis=1),
                relative.sum(axis=1),
                known.sum(axis=1).astype(np.float64),
            ],
            axis=1,
        )
        self.n += len(labels)
        self.zero_targets += int(known.size - np.count_nonzero(known))
        if self._with_r2:
            shifted = labels - self._origin  # a mean far from 0 would drown the variance
            common = np.hstack([common, np.ones_like(labels), shifted, shifted**2, error**2])
        self._sums.add(common)
        self._keep(outputs, labels)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields of a result's `accuracy`."""
        sums = self._sums.sums
        ones = np.ones(len(sums), dtype=np.int64)
        missing = why_no_sklearn()
        values = None if missing is not None or self._kept is None else self._by_sklearn(self._kept)
        by_sums = dict(zip(NAMES, self._statistic(ones[np.newaxis].astype(np.float64))[0]))
        intervals = bca_intervals(ones, self._statistic, self._seed)
        document: dict[str, Any] = {
            "task": REGRESSION,
            "n": self.n,
            "values_per_sample": self._values,
            "zero_targets_excluded": self.zero_targets,
        }
        for name, interval in zip(NAMES, intervals):
            reason = missing or self._why_none(name)
            if reason is not None:
                document.update({name: None, f"{name}_reason": reason})
                continue
            value = by_sums[name] if values is None else values[name]
            document.update(with_interval(name, float(value), interval))
        return document

    def _keep(self, outputs: npt.NDArray[np.float64], labels: npt.NDArray[np.float64]) -> None:
        if self._kept is None:
            return
        self._kept_bytes += outputs.nbytes + labels.nbytes
        if self._kept_bytes > _MOST_KEPT_BYTES:
            self._kept = None
        else:
            self._kept.append((outputs, labels))

    def _why_none(self, name: str) -> Optional[str]:
        if name == "r2":
            if not self._with_r2:
                return f"it is not followed for {self._values} values a sample"
            if self.n < 2:
                return "it needs two samples"
        if name == "mean_absolute_percentage_error" and self.zero_targets == self.n * self._values:
            return "all targets are 0"
        return None

    def _by_sklearn(
        self, kept: Sequence[tuple[npt.NDArray[Any], npt.NDArray[Any]]]
    ) -> dict[str, float]:
        """Compute from all outputs."""
        from sklearn import metrics

        outputs = np.concatenate([part for part, _ in kept])
        labels = np.concatenate([part for _, part in kept])
        known = labels != 0
        squared = float(metrics.mean_squared_error(labels, outputs))
        return {
            "mean_absolute_error": float(metrics.mean_absolute_error(labels, outputs)),
            "mean_squared_error": squared,
            # Of the mean over all values; scikit-learn's own averages the roots of each value's.
            "root_mean_squared_error": float(np.sqrt(squared)),
            "r2": float(metrics.r2_score(labels, outputs)) if self.n > 1 else float("nan"),
            "mean_absolute_percentage_error": float(
                metrics.mean_absolute_percentage_error(labels[known], outputs[known])
            )
            if known.any()
            else float("nan"),
        }

    def _statistic(self, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the metrics NAMES, (r, 5), of weights (r, groups)."""
        totals = weights @ self._sums.sums
        elements, absolute, squares, relative, known = totals[:, :_COMMON].T
        mean_squares = squares / elements
        shares = np.divide(relative, known, out=np.full_like(relative, np.nan), where=known > 0)
        r2 = self._r2(totals) if self._with_r2 else np.full_like(absolute, np.nan)
        return np.stack(
            [absolute / elements, mean_squares, np.sqrt(mean_squares), r2, shares], axis=1
        )

    def _r2(self, totals: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Average R² over the values, those of constant targets as scikit-learn has them."""
        count, value, square, error = np.split(totals[:, _COMMON:], 4, axis=1)
        variance = square - value**2 / count
        # The remainder of subtracting equal numbers is not variance.
        constant = variance <= 1e-12 * square
        ratio = np.divide(error, variance, out=np.zeros_like(error), where=~constant)
        r2: npt.NDArray[np.float64] = np.where(
            constant, np.where(error == 0, 1.0, 0.0), 1 - ratio
        ).mean(axis=1)
        return r2
