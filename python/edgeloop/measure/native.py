"""The native loop: C++ calls the engine and reads the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgeloop import _core
from edgeloop.measure.schedule import samples_in

if TYPE_CHECKING:
    import numpy.typing as npt


def run_block(
    engine: _core.Engine, runs: int, runs_per_sample: int, clock_id: int
) -> tuple[int, npt.NDArray[np.uint64]]:
    """Return the start stamp and runs / runs_per_sample durations, in ns.

    The sum of the durations is the time of the whole block.
    Raises RuntimeFailedError where a run fails, and UsageError where the runs are no whole samples.
    """
    samples = _core.Samples(samples_in(runs, runs_per_sample))
    start_ns = _core.run_block(engine, samples, runs, runs_per_sample, clock_id)
    durations: npt.NDArray[np.uint64] = np.asarray(samples)
    return start_ns, durations
