"""One worker process: load, first run, warm-up, blocks in random order until it is enough."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Optional

import numpy as np

from edgeloop.host.processes import snapshot
from edgeloop.measure import schedule
from edgeloop.measure.attempt import Attempt, load_during
from edgeloop.measure.data_set import run_data_set
from edgeloop.measure.live_worker import BLOCK_S, TRANSITION_RUNS, LiveWorker
from edgeloop.measure.monitor import Monitor
from edgeloop.measure.observer import Observer, Progress
from edgeloop.measure.regime import Regime
from edgeloop.spec.resolved import FixedCount, ResolvedSpec
from edgeloop.stats.stopping import Preset, process_stop_reason

# Ten blocks in half a second: enough to see a level change, each of many scheduler slices.
SHORT_BLOCK_S = 0.05

# At a fixed rate a block starts with an empty queue: longer ones show what a queue does.
RATE_BLOCK_S = 1.0


@dataclass(frozen=True)
class Budget:
    """What one process may spend, in s of warm-up and measuring."""

    preset: Preset
    measure_s: float
    """Of each loop, as long as its share allows."""
    share_s: Callable[[float], float]
    """What the process needs for the preset's minimum → what it gets."""
    sampling: Optional[schedule.Sampling] = None
    """That of the processes before; None: the first process chooses."""


def measure(
    spec: ResolvedSpec,
    budget: Budget,
    number: int,
    generator: random.Random,
    observer: Observer,
    base: Progress,
    monitor: Monitor,
    regime: Regime,
) -> Attempt:
    """Run one worker process from start to stop; never raises an EdgeloopError.

    What had been measured before an error or Ctrl-C is in the attempt, with the error beside it.
    """
    with Attempt() as attempt:
        regime.before_process()
        worker = attempt.worker = LiveWorker(spec, number, monitor)
        worker.soak(regime.soak_s(number))
        before = snapshot()
        if spec.fixed is not None:
            attempt.stop_reason = _fixed_count(worker, spec.fixed, generator, observer, base)
        else:
            begun_s = _warm_up(worker, budget)
            attempt.sampling = budget.sampling or _sampling(worker)
            attempt.stop_reason = _measure_blocks(
                worker, budget, attempt.sampling, generator, observer, base, regime, begun_s
            )
        attempt.load = load_during(before)
        worker.stop_measuring()
        worker.time_stages()
        if spec.inputs.data is not None and number == 0:
            attempt.data_result = run_data_set(worker)
        worker.stop()
    return attempt


def _measure_blocks(
    worker: LiveWorker,
    budget: Budget,
    sampling: schedule.Sampling,
    generator: random.Random,
    observer: Observer,
    base: Progress,
    regime: Regime,
    begun_s: float,
) -> str:
    """Record blocks; return why it stopped. The share of time began at `begun_s`."""
    share_s = budget.share_s(_needed_s(worker, budget, sampling))
    elapsed_s = time.monotonic() - begun_s
    while True:
        if _in_turn(worker) and not regime.cools_blocks:
            _take_turns(worker, generator, sampling, share_s - elapsed_s)
        else:
            _round(worker, generator, sampling, regime)
        elapsed_s = time.monotonic() - begun_s
        observer.progress(_progress(worker, base, elapsed_s))
        reason = _stop_reason(worker, budget, share_s - elapsed_s)
        if reason is not None:
            return reason


def _warm_up(worker: LiveWorker, budget: Budget) -> float:
    """Warm every loop; return when that began on the monotonic clock, in s."""
    begun_s = time.monotonic()
    loops = worker.spec.loops
    cap_s = budget.share_s(0.0) / 4
    for loop in loops:
        worker.warm_up(loop, cap_s / len(loops), budget.preset.warmup_s)
    return begun_s


def _sampling(worker: LiveWorker) -> schedule.Sampling:
    """Choose how to sample, for this process and all that follow it."""
    if worker.spec.rate_hz is not None:
        return schedule.SINGLE_RUNS
    sampling = schedule.sampling(min(worker.run_ns.values()), worker.resolution_ns)
    # Of loops that are compared the differences count, and a tail pass would halve their blocks.
    return replace(sampling, tails=False) if _in_turn(worker) else sampling


def _in_turn(worker: LiveWorker) -> bool:
    """Return whether loops take turns, so that what disturbs one disturbs the others alike."""
    return len(worker.spec.loops) > 1


def _needed_s(worker: LiveWorker, budget: Budget, sampling: schedule.Sampling) -> float:
    """Return what the least that is to be measured takes in this process, warm-up included."""
    block_s = RATE_BLOCK_S if worker.spec.rate_hz is not None else SHORT_BLOCK_S
    least = budget.preset.min_blocks
    runs = budget.preset.tail_samples if sampling.runs_per_sample == 1 else 0
    blocks_s = sum(
        max(budget.measure_s, least * block_s, max(least, runs) * worker.run_ns[loop] / 1e9)
        for loop in worker.spec.loops
    )
    return (blocks_s * (1.5 if sampling.tails else 1.0)) + budget.preset.warmup_s


def _round(
    worker: LiveWorker, generator: random.Random, sampling: schedule.Sampling, regime: Regime
) -> None:
    """Record one block of every loop, and one of single runs where tails need it."""
    rate_hz = worker.spec.rate_hz
    if rate_hz is not None:
        interval_ns = max(1, round(1e9 / rate_hz))
        runs = schedule.block_runs(interval_ns, 1, RATE_BLOCK_S)
        worker.block(worker.spec.loops[0], runs, 1, interval_ns=interval_ns)
        return
    for loop in schedule.round_order(worker.spec.loops, generator):
        if regime.before_block():
            worker.warm_runs(loop, TRANSITION_RUNS)
        per_sample = sampling.runs_per_sample
        runs = schedule.block_runs(worker.run_ns[loop], per_sample, SHORT_BLOCK_S)
        worker.block(loop, runs, per_sample)
        if sampling.tails:
            runs = schedule.block_runs(worker.run_ns[loop], 1, SHORT_BLOCK_S / 2)
            worker.block(loop, runs, 1, tail=True)


def _take_turns(
    worker: LiveWorker, generator: random.Random, sampling: schedule.Sampling, left_s: float
) -> None:
    """Record short blocks of all loops in turn, as many rounds as a stretch has time for."""
    loops, per_sample = worker.spec.loops, sampling.runs_per_sample
    runs = {loop: schedule.paired_block_runs(worker.run_ns[loop], per_sample) for loop in loops}
    round_s = sum((runs[loop] + TRANSITION_RUNS) * worker.run_ns[loop] for loop in loops) / 1e9
    most_s = min(left_s, schedule.STRETCH_S)
    rounds = schedule.rounds_in(most_s, round_s)
    order = [loop for _ in range(rounds) for loop in schedule.round_order(loops, generator)]
    worker.take_turns([(loop, runs[loop]) for loop in order], per_sample, len(loops), most_s)


def _stop_reason(worker: LiveWorker, budget: Budget, remaining_s: float) -> Optional[str]:
    """Return the reason to stop when every loop was measured for long enough, else None."""
    reason = None
    for loop in worker.spec.loops:
        blocks = [b.run_times() for b in worker.blocks if b.loop == loop and not b.tail]
        reason = process_stop_reason(
            blocks, budget.preset, measure_s=budget.measure_s, remaining_s=remaining_s
        )
        if reason is None:
            return None
    return reason


def _fixed_count(
    worker: LiveWorker,
    fixed: FixedCount,
    generator: random.Random,
    observer: Observer,
    base: Progress,
) -> str:
    """Run exactly the count asked for, one run a sample."""
    begun_s = time.monotonic()
    for loop in worker.spec.loops:
        worker.warm_count(loop, fixed.warmup)
    left = dict.fromkeys(worker.spec.loops, fixed.runs)
    while any(left.values()):
        for loop in schedule.round_order([name for name in left if left[name]], generator):
            runs = min(left[loop], schedule.block_runs(worker.run_ns[loop], 1, BLOCK_S))
            block = worker.block(loop, runs, 1)
            worker.run_ns[loop] = max(1.0, float(np.median(block.durations_ns)))
            left[loop] -= runs
        observer.progress(_progress(worker, base, time.monotonic() - begun_s))
    return "fixed_count"


def _progress(worker: LiveWorker, base: Progress, elapsed_s: float) -> Progress:
    headline = [b for b in worker.blocks if b.loop == worker.spec.loops[0] and not b.tail]
    last = headline[-1]
    return replace(
        base,
        elapsed_s=base.elapsed_s + elapsed_s,
        runs=sum(b.run_times().runs for b in headline),
        median_ns=last.run_times().median_ns,
    )
