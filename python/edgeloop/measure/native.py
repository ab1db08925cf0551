"""The native loop: C++ calls the engine and reads the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgeloop import _core

if TYPE_CHECKING:
    import numpy.typing as npt


def run_block(
    engine: _core.Engine, runs: int, runs_per_sample: int, clock_id: int
) -> tuple[int, npt.NDArray[np.uint64]]:
    """Return the start stamp and runs / runs_per_sample durations, in ns.

    The sum of the durations is the time of the whole block.
    Raises RuntimeFailedError where a run fails.
    """
    samples = _core.Samples(runs // runs_per_sample)
    start_ns = _core.run_block(engine, samples, runs, runs_per_sample, clock_id)
    durations: npt.NDArray[Any] = np.asarray(samples)
    return start_ns, durations
