"""Samples as times of one run: the only form in which statistics take them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class RunTimes:
    """The samples of one block in ns per run; a type of its own, so that no unit can be mixed.

    Two processes may put different numbers of runs into a sample: what one of them stored must
    never be divided by the number of the other.
    """

    ns: npt.NDArray[np.float64]
    """One entry per sample: the time of a run, a mean where a sample holds several."""
    runs_per_sample: int

    @classmethod
    def of_samples(cls, durations_ns: npt.ArrayLike, runs_per_sample: int) -> RunTimes:
        """Divide durations of samples, in ns, by the runs that each holds.

        Raises ValueError where a sample holds no run.
        """
        if runs_per_sample < 1:
            raise ValueError(f"runs_per_sample = {runs_per_sample}: a sample holds at least 1 run")
        durations = np.asarray(durations_ns, dtype=np.float64)
        return cls(durations / runs_per_sample, runs_per_sample)

    @property
    def runs(self) -> int:
        """Runs in all samples of the block."""
        return self.ns.size * self.runs_per_sample

    @property
    def elapsed_ns(self) -> float:
        """Time of all runs of the block."""
        return float(self.ns.sum()) * self.runs_per_sample

    @property
    def median_ns(self) -> float:
        """Median time of a run in the block."""
        return float(np.median(self.ns))


def joined(blocks: Iterable[RunTimes]) -> npt.NDArray[np.float64]:
    """Return the samples of blocks in one array, in ns per run; empty without blocks."""
    arrays = [block.ns for block in blocks]
    return np.concatenate(arrays) if arrays else np.empty(0)


def mean_run_ns(blocks: Sequence[RunTimes]) -> float:
    """Return the mean time of a run in ns: all time over all runs, however samples hold them."""
    return sum(block.elapsed_ns for block in blocks) / sum(block.runs for block in blocks)
