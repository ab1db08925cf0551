"""The Python loop: the interpreter calls, and reads the same clock as the native loop."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np

from edgeloop.errors import NotAvailableError
from edgeloop.measure.schedule import samples_in

if TYPE_CHECKING:
    import numpy.typing as npt

# Differences are taken in pieces of this many stamps: a block's memory is that of its stamps.
_PIECE = 1 << 16

# A difference this long is a negative one, and not 292 years.
_WRAPPED = 1 << 63


def run_block(
    call: Callable[[], object], runs: int, runs_per_sample: int, clock_id: int
) -> tuple[int, npt.NDArray[np.uint64]]:
    """Return the start stamp and runs / runs_per_sample durations, in ns.

    Stamps are contiguous as in the native loop: one sample holds one clock read and the storing
    of one stamp, and the sum of the samples is the time of the whole block.
    Raises what the callable raises, UsageError where the runs are not whole samples, and
    NotAvailableError where the clock ran backwards.
    """
    samples = samples_in(runs, runs_per_sample)
    stamps = array("Q", [0]) * (samples + 1)
    if runs_per_sample == 1:
        _one_run_per_sample(call, stamps, samples, clock_id)
    else:
        _many_runs_per_sample(call, stamps, samples, runs_per_sample, clock_id)
    start_ns = int(stamps[0])
    return start_ns, _differences(np.frombuffer(stamps, dtype=np.uint64))


def _one_run_per_sample(
    call: Callable[[], object], stamps: array[int], samples: int, clock_id: int
) -> None:
    now_ns = time.clock_gettime_ns
    stamps[0] = now_ns(clock_id)
    for sample in range(1, samples + 1):
        call()
        stamps[sample] = now_ns(clock_id)


def _many_runs_per_sample(
    call: Callable[[], object], stamps: array[int], samples: int, runs: int, clock_id: int
) -> None:
    now_ns = time.clock_gettime_ns
    stamps[0] = now_ns(clock_id)
    for sample in range(1, samples + 1):
        for _ in repeat(None, runs):
            call()
        stamps[sample] = now_ns(clock_id)


def _differences(stamps: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Turn stamps into the times between them, in place; refuse a clock that ran backwards."""
    for start in range(0, stamps.size - 1, _PIECE):
        piece = stamps[start : start + _PIECE + 1]
        piece[:-1] = piece[1:] - piece[:-1]
        longest_ns = int(piece[:-1].max())
        if longest_ns >= _WRAPPED:
            raise NotAvailableError(
                f"the clock ran backwards by {2 * _WRAPPED - longest_ns} ns in the middle of a "
                "block, so it cannot time anything; choose another clock source of the kernel "
                "(/sys/devices/system/clocksource), or another machine"
            )
    return stamps[:-1]
