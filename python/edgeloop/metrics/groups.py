"""Sums over samples that are needed again for every resample, in memory that does not grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

# Every sample is a group of its own up to here; beyond, samples share groups at random, which
# leaves the variance of a resampled mean as it is.
_MOST_GROUPS = 2048
_MOST_ELEMENTS = 1 << 21


class GroupSums:
    """For each group of samples, the sums of some features of theirs."""

    def __init__(self, n: int, features: int, seed: int) -> None:
        """Make room; `n` is the most samples there can be."""
        groups = max(1, min(n, _MOST_GROUPS, _MOST_ELEMENTS // features))
        self._sums = np.zeros((groups, features))
        self._used = np.zeros(groups, dtype=bool)
        self._single = groups >= n
        self._generator = np.random.default_rng(seed)
        self._next = 0

    def add(self, features: npt.NDArray[np.float64]) -> None:
        """Add samples: (k, features)."""
        k, groups = len(features), len(self._sums)
        if self._single:
            places = np.arange(self._next, self._next + k)
        else:
            places = self._generator.integers(0, groups, k)
        self._next += k
        np.add.at(self._sums, places, features)
        self._used[places] = True

    @property
    def sums(self) -> npt.NDArray[np.float64]:
        """The sums of the groups that hold a sample: (groups, features)."""
        sums: npt.NDArray[np.float64] = self._sums[self._used]
        return sums
