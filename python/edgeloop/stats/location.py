"""A mean over processes with its error: the process is the unit of repetition.

Pairs of one process share its luck, such as where its memory lies, and no number of them averages
that out: fewer than three processes have no error, however many pairs they hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from edgeloop.stats.processes import FEWEST_PROCESSES
from edgeloop.stats.quantile import CONFIDENCE, Interval, student_factor


@dataclass(frozen=True)
class Location:
    """A mean and its standard error."""

    centre: float
    standard_error: float
    degrees_of_freedom: float
    count: int
    """Processes; of two unpaired groups the smaller number of them."""

    def half_width(self, confidence: float = CONFIDENCE) -> float:
        """Return half the width of Student's interval."""
        return student_factor(self.degrees_of_freedom, confidence) * self.standard_error

    def interval(self, confidence: float = CONFIDENCE) -> Interval:
        """Return Student's interval."""
        half = self.half_width(confidence)
        return self.centre - half, self.centre + half

    def p_value(self) -> float:
        """Return the two-sided p value of Student's test that the mean is 0."""
        from scipy.special import stdtr

        if self.standard_error == 0.0:
            return 1.0 if self.centre == 0.0 else 0.0
        t = abs(self.centre) / self.standard_error
        return float(2.0 * stdtr(self.degrees_of_freedom, -t))


def process_centres(
    values: npt.NDArray[Any],
    processes: Sequence[int],
    centre: Callable[[npt.NDArray[Any]], Any] = np.median,
) -> npt.NDArray[np.float64]:
    """Return one value for each process, in the order in which they were measured.

    The median of pairs is the centre that holds on a busy machine: what disturbs one block in
    three disturbs every second pair, on either side alike, and moves even the Hodges-Lehmann
    estimate four times as far (benchmarks/false_alarms.py).

    `processes`: for each value the process it was measured in. ValueError where not each has one.
    """
    labels = np.asarray(processes)
    if labels.shape != values.shape:
        raise ValueError(f"{labels.size} processes for {values.size} pairs: need one for each")
    return np.array([centre(values[labels == label]) for label in dict.fromkeys(labels.tolist())])


def student(
    centres: npt.NDArray[np.float64], first_stage: Optional[int] = None
) -> Optional[Location]:
    """Return the mean of the processes' centres, None below FEWEST_PROCESSES.

    `first_stage`: the scatter of that many first ones decided how many more there are. Then the
    scatter of all is small where it stopped early, and the interval of Stein (1945), which is
    exact, rests on that of the first stage; the wider of the two counts.
    """
    count = centres.size
    if count < FEWEST_PROCESSES:
        return None
    centre = float(centres.mean())
    found = [Location(centre, _error(centres, count), count - 1, count)]
    if first_stage is not None and FEWEST_PROCESSES <= first_stage < count:
        error = _error(centres[:first_stage], count)
        found.append(Location(centre, error, first_stage - 1, count))
    return max(found, key=Location.half_width)


def processes_needed(first: npt.NDArray[np.float64], half_width: float) -> int:
    """Return how many processes give this half-width, the first ones among them (Stein 1945).

    `first`: centres of the first stage, at least FEWEST_PROCESSES.
    """
    factor = student_factor(first.size - 1)
    needed = (factor * float(np.std(first, ddof=1)) / half_width) ** 2
    return max(first.size, math.ceil(needed))


def _error(centres: npt.NDArray[np.float64], count: int) -> float:
    """Return the error of a mean of `count` processes that scatter like these."""
    return float(np.std(centres, ddof=1)) / math.sqrt(count)


def welch(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> Optional[Location]:
    """Return the difference of the means of two unpaired groups, b minus a (Welch 1947)."""
    if min(a.size, b.size) < FEWEST_PROCESSES:
        return None
    variances = [float(np.var(group, ddof=1)) / group.size for group in (a, b)]
    total = sum(variances)
    freedom = float(a.size + b.size - 2)
    if total > 0.0:
        parts = zip(variances, (a.size, b.size))
        freedom = total**2 / sum(v**2 / (size - 1) for v, size in parts)
    centre = float(b.mean() - a.mean())
    return Location(centre, math.sqrt(total), freedom, min(a.size, b.size))
