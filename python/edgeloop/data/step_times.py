"""How long each step of the preprocessing takes, sample by sample."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

STEPS = ("decode", "resize", "quantize")

# Later samples are not noted: a figure and its interval need no more, and memory stays flat.
_MOST_NOTED = 1 << 16


class StepTimes:
    """Durations by step, in ns."""

    def __init__(self) -> None:
        self._noted_ns: dict[str, list[int]] = {name: [] for name in STEPS}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Note how long the block takes."""
        start_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        yield
        duration_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) - start_ns
        if len(self._noted_ns[name]) < _MOST_NOTED:
            self._noted_ns[name].append(duration_ns)

    def clear(self) -> None:
        """Forget what was noted: the first picture pays for imports and cold caches."""
        for noted in self._noted_ns.values():
            noted.clear()

    def durations_ns(self, name: str) -> npt.NDArray[np.uint64]:
        """Return what was noted of one step."""
        return np.array(self._noted_ns[name], dtype=np.uint64)
