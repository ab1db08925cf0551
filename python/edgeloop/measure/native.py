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
    Raises RuntimeFailedError where a run fails, UsageError where the runs are not whole samples.
    """
    samples = _core.Samples(samples_in(runs, runs_per_sample))
    start_ns = _core.run_block(engine, samples, runs, runs_per_sample, clock_id)
    durations: npt.NDArray[np.uint64] = np.asarray(samples)
    return start_ns, durations


def run_schedule(
    engine: _core.Engine, runs: int, interval_ns: int, clock_id: int
) -> tuple[int, npt.NDArray[np.uint64], int]:
    """Run at a fixed rate; return the start stamp, the response times, the time inside runs, in ns.

    Run k is due at start + k × interval_ns, and its response time counts from then.
    Raises RuntimeFailedError where a run fails.
    """
    samples = _core.Samples(runs)
    start_ns, busy_ns = _core.run_schedule(engine, samples, runs, interval_ns, clock_id)
    durations: npt.NDArray[np.uint64] = np.asarray(samples)
    return start_ns, durations, busy_ns
