"""Which block runs next: every loop once a round, in a random order."""

from __future__ import annotations

import random
from collections.abc import Sequence


def round_order(loops: Sequence[str], generator: random.Random) -> list[str]:
    """Return the loops in a random order, so that drift falls on all of them alike."""
    order = list(loops)
    generator.shuffle(order)
    return order


def runs_per_sample(fastest_run_ns: float, resolution_ns: float) -> int:
    """Return how many runs one sample holds, one value for all loops that are compared.

    `resolution_ns` is the larger of the clock's tick and its dearest read; a sample is at least
    1000 times that, so that neither is more than 0.1 % of it (method: nanobench's factor).
    """
    wanted_ns = SAMPLE_RESOLUTIONS * resolution_ns
    if fastest_run_ns >= wanted_ns:
        return 1
    return -(-int(wanted_ns) // max(1, int(fastest_run_ns)))


def tails_are_timed(fastest_run_ns: float, resolution_ns: float) -> bool:
    """Return whether single runs are long enough for a tail to mean something."""
    return fastest_run_ns >= TAIL_RESOLUTIONS * resolution_ns


def block_runs(run_ns: float, samples_of: int, block_s: float) -> int:
    """Return the runs of a block of about `block_s`, a whole number of samples, at least one."""
    samples = int(block_s * 1e9 / (max(run_ns, 1.0) * samples_of))
    return max(1, min(samples, MAX_BLOCK_SAMPLES)) * samples_of


SAMPLE_RESOLUTIONS = 1000
TAIL_RESOLUTIONS = 20

# 8 MB of stamps: a block never needs more, whatever the engine's speed.
MAX_BLOCK_SAMPLES = 1_000_000
