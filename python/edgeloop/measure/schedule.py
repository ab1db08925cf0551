"""Which block runs next, and how large it is: every loop once a round, in a random order."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from edgeloop.errors import UsageError
from edgeloop.stats.stopping import TAIL_RESOLUTIONS

# A sample is this many times the clock's resolution (method: nanobench's factor).
SAMPLE_RESOLUTIONS = 1000

# What is compared takes turns this often: what disturbs one side then disturbs the other as well.
PAIRED_BLOCK_S = 0.005

# So long the worker takes turns by itself; the parent looks on about as often as it draws.
STRETCH_S = 0.25

# Slower runs get longer blocks, so that one disturbed run is not the median, up to this length.
_PAIRED_RUNS = 5
_LONGEST_PAIRED_S = 0.05

# 8 MB of stamps: a block never needs more, whatever the engine's speed.
MAX_BLOCK_SAMPLES = 1_000_000


@dataclass(frozen=True)
class Sampling:
    """How runs are put into samples: one choice for all loops and all processes of a run."""

    runs_per_sample: int
    tails: bool
    """Whether blocks of single runs are taken too, for the tails that means hide."""


def sampling(fastest_run_ns: float, resolution_ns: float) -> Sampling:
    """Return how to sample loops of which the fastest takes so long a run."""
    per_sample = runs_per_sample(fastest_run_ns, resolution_ns)
    tails = per_sample > 1 and tails_are_timed(fastest_run_ns, resolution_ns)
    return Sampling(per_sample, tails)


SINGLE_RUNS = Sampling(1, tails=False)


def round_order(loops: Sequence[str], generator: random.Random) -> list[str]:
    """Return the loops in a random order, so that drift falls on all of them alike."""
    order = list(loops)
    generator.shuffle(order)
    return order


def runs_per_sample(fastest_run_ns: float, resolution_ns: float) -> int:
    """Return how many runs one sample holds, one value for all loops that are compared.

    `resolution_ns` is the larger of the clock's tick and its dearest read; a sample is at least
    1000 times that, so that neither is more than 0.1 % of it.
    """
    wanted_ns = math.ceil(SAMPLE_RESOLUTIONS * resolution_ns)
    return max(1, -(-wanted_ns // max(1, int(fastest_run_ns))))


def tails_are_timed(fastest_run_ns: float, resolution_ns: float) -> bool:
    """Return whether single runs are long enough for a tail to mean something."""
    return fastest_run_ns >= TAIL_RESOLUTIONS * resolution_ns


def block_runs(run_ns: float, runs_per_sample: int, block_s: float) -> int:
    """Return the runs of a block of about `block_s`, a whole number of samples, at least one."""
    samples = int(block_s * 1e9 / (max(run_ns, 1.0) * runs_per_sample))
    return max(1, min(samples, MAX_BLOCK_SAMPLES)) * runs_per_sample


def paired_block_runs(run_ns: float, runs_per_sample: int) -> int:
    """Return the runs of a block of something that is compared with others in turn."""
    block_s = max(PAIRED_BLOCK_S, min(_PAIRED_RUNS * run_ns / 1e9, _LONGEST_PAIRED_S))
    return block_runs(run_ns, runs_per_sample, block_s)


def rounds_in(stretch_s: float, round_s: float) -> int:
    """Return how many rounds a stretch has time for, at least one."""
    return max(1, int(stretch_s / round_s))


def samples_in(runs: int, runs_per_sample: int) -> int:
    """Return how many samples a block has. Raises UsageError where the last is not whole."""
    if runs <= 0 or runs_per_sample <= 0 or runs % runs_per_sample:
        raise UsageError(f"a block of {runs} runs cannot be cut into samples of {runs_per_sample}")
    return runs // runs_per_sample
