"""One worker process: load, first run, warm-up, blocks in random order until it is enough."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Optional

import numpy as np

from edgeloop.errors import EdgeloopError, InterruptedRunError
from edgeloop.host.processes import (
    MachineLoad,
    ProcessLoad,
    Snapshot,
    busiest,
    machine_load,
    snapshot,
)
from edgeloop.measure import schedule
from edgeloop.measure.data_set import DataResult, run_data_set
from edgeloop.measure.monitor import Monitor
from edgeloop.measure.observer import Observer, Progress
from edgeloop.measure.regime import Regime
from edgeloop.measure.session import BLOCK_S, TRANSITION_RUNS, Session
from edgeloop.results.schema import Invocation
from edgeloop.spec.resolved import FixedCount, ResolvedSpec
from edgeloop.stats.stopping import Preset, process_stop_reason

# Ten blocks in half a second: enough to see a level change, each of many scheduler slices.
SHORT_BLOCK_S = 0.05

# At a fixed rate a block starts with an empty queue: longer ones show what a queue does.
RATE_BLOCK_S = 1.0

# What other processes did while the blocks ran, and the busiest of them.
LoadDuring = tuple[MachineLoad, tuple[ProcessLoad, ...]]


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


@dataclass
class Attempt:
    """What came of one process."""

    clock: Optional[dict[str, Any]] = None
    loaded: Optional[dict[str, Any]] = None
    python: Optional[tuple[str, str]] = None
    """Version and path of the worker's interpreter."""
    invocation: Optional[Invocation] = None
    data_result: Optional[DataResult] = None
    """What the data set gave, from the first process."""
    load: Optional[LoadDuring] = None
    sampling: Optional[schedule.Sampling] = None
    """What this process chose, or was given."""
    governor: dict[str, Any] = field(default_factory=dict)
    """What holds of the governor that was asked for."""
    error: Optional[EdgeloopError] = None


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
    attempt = Attempt()
    session: Optional[Session] = None
    stop_reason = "failed"
    try:
        regime.before_process()
        with Session(spec, number, monitor) as session:
            hello = session.worker.hello
            attempt.clock, attempt.loaded = hello.clock, session.loaded
            attempt.python = (hello.python, hello.executable)
            session.soak(regime.soak_s(number))
            before = snapshot()
            if spec.fixed is not None:
                stop_reason = _fixed_count(session, spec.fixed, generator, observer, base)
            else:
                begun_s = _warm_up(session, budget)
                attempt.sampling = budget.sampling or _sampling(session)
                stop_reason = _measure_blocks(
                    session, budget, attempt.sampling, generator, observer, base, regime, begun_s
                )
            attempt.load = load_during(before)
            session.stop_measuring()
            session.time_stages()
            if spec.inputs.data is not None and number == 0:
                attempt.data_result = run_data_set(session)
            session.stop()
    except EdgeloopError as error:
        attempt.error = error
    except KeyboardInterrupt:
        stop_reason = "interrupted"
        attempt.error = InterruptedRunError()
    if session is not None:
        attempt.invocation = session.invocation(stop_reason, attempt.error)
    return attempt


def load_during(before: Snapshot) -> LoadDuring:
    """Return what other processes did since a snapshot."""
    after = snapshot()
    return machine_load(before, after), busiest(before, after)


def _measure_blocks(
    session: Session,
    budget: Budget,
    sampling: schedule.Sampling,
    generator: random.Random,
    observer: Observer,
    base: Progress,
    regime: Regime,
    begun_s: float,
) -> str:
    """Record blocks; return why it stopped. The share of time began at `begun_s`."""
    share_s = budget.share_s(_needed_s(session, budget, sampling))
    elapsed_s = time.monotonic() - begun_s
    while True:
        if _in_turn(session) and not regime.cools_blocks:
            _take_turns(session, generator, sampling, share_s - elapsed_s)
        else:
            _round(session, generator, sampling, regime)
        elapsed_s = time.monotonic() - begun_s
        observer.progress(_progress(session, base, elapsed_s))
        reason = _stop_reason(session, budget, share_s - elapsed_s)
        if reason is not None:
            return reason


def _warm_up(session: Session, budget: Budget) -> float:
    """Warm every loop; return when that began on the monotonic clock, in s."""
    begun_s = time.monotonic()
    loops = session.spec.loops
    cap_s = budget.share_s(0.0) / 4
    for loop in loops:
        session.warm_up(loop, cap_s / len(loops), budget.preset.warmup_s)
    return begun_s


def _sampling(session: Session) -> schedule.Sampling:
    """Choose how to sample, for this process and all that follow it."""
    if session.spec.rate_hz is not None:
        return schedule.SINGLE_RUNS
    sampling = schedule.sampling(min(session.run_ns.values()), session.resolution_ns)
    # Of loops that are compared the differences count, and a tail pass would halve their blocks.
    return replace(sampling, tails=False) if _in_turn(session) else sampling


def _in_turn(session: Session) -> bool:
    """Return whether loops take turns, so that what disturbs one disturbs the others alike."""
    return len(session.spec.loops) > 1


def _needed_s(session: Session, budget: Budget, sampling: schedule.Sampling) -> float:
    """Return what the least that is to be measured takes in this process, warm-up included."""
    block_s = RATE_BLOCK_S if session.spec.rate_hz is not None else SHORT_BLOCK_S
    least = budget.preset.min_blocks
    runs = budget.preset.tail_samples if sampling.runs_per_sample == 1 else 0
    blocks_s = sum(
        max(budget.measure_s, least * block_s, max(least, runs) * session.run_ns[loop] / 1e9)
        for loop in session.spec.loops
    )
    return (blocks_s * (1.5 if sampling.tails else 1.0)) + budget.preset.warmup_s


def _round(
    session: Session, generator: random.Random, sampling: schedule.Sampling, regime: Regime
) -> None:
    """Record one block of every loop, and one of single runs where tails need it."""
    rate_hz = session.spec.rate_hz
    if rate_hz is not None:
        interval_ns = max(1, round(1e9 / rate_hz))
        runs = schedule.block_runs(interval_ns, 1, RATE_BLOCK_S)
        session.block(session.spec.loops[0], runs, 1, interval_ns=interval_ns)
        return
    for loop in schedule.round_order(session.spec.loops, generator):
        if regime.before_block():
            session.warm_runs(loop, TRANSITION_RUNS)
        per_sample = sampling.runs_per_sample
        runs = schedule.block_runs(session.run_ns[loop], per_sample, SHORT_BLOCK_S)
        session.block(loop, runs, per_sample)
        if sampling.tails:
            runs = schedule.block_runs(session.run_ns[loop], 1, SHORT_BLOCK_S / 2)
            session.block(loop, runs, 1, tail=True)


def _take_turns(
    session: Session, generator: random.Random, sampling: schedule.Sampling, left_s: float
) -> None:
    """Record short blocks of all loops in turn, as many rounds as a stretch has time for."""
    loops, per_sample = session.spec.loops, sampling.runs_per_sample
    runs = {loop: schedule.paired_block_runs(session.run_ns[loop], per_sample) for loop in loops}
    round_s = sum((runs[loop] + TRANSITION_RUNS) * session.run_ns[loop] for loop in loops) / 1e9
    most_s = min(left_s, schedule.STRETCH_S)
    rounds = schedule.rounds_in(most_s, round_s)
    order = [loop for _ in range(rounds) for loop in schedule.round_order(loops, generator)]
    session.take_turns([(loop, runs[loop]) for loop in order], per_sample, len(loops), most_s)


def _stop_reason(session: Session, budget: Budget, remaining_s: float) -> Optional[str]:
    """Return the reason to stop when every loop was measured for long enough, else None."""
    reason = None
    for loop in session.spec.loops:
        blocks = [b.run_times() for b in session.blocks if b.loop == loop and not b.tail]
        reason = process_stop_reason(
            blocks, budget.preset, measure_s=budget.measure_s, remaining_s=remaining_s
        )
        if reason is None:
            return None
    return reason


def _fixed_count(
    session: Session,
    fixed: FixedCount,
    generator: random.Random,
    observer: Observer,
    base: Progress,
) -> str:
    """Run exactly the count asked for, one run a sample."""
    begun_s = time.monotonic()
    for loop in session.spec.loops:
        session.warm_count(loop, fixed.warmup)
    left = dict.fromkeys(session.spec.loops, fixed.runs)
    while any(left.values()):
        for loop in schedule.round_order([name for name in left if left[name]], generator):
            runs = min(left[loop], schedule.block_runs(session.run_ns[loop], 1, BLOCK_S))
            block = session.block(loop, runs, 1)
            session.run_ns[loop] = max(1.0, float(np.median(block.durations_ns)))
            left[loop] -= runs
        observer.progress(_progress(session, base, time.monotonic() - begun_s))
    return "fixed_count"


def _progress(session: Session, base: Progress, elapsed_s: float) -> Progress:
    headline = [b for b in session.blocks if b.loop == session.spec.loops[0] and not b.tail]
    last = headline[-1]
    return replace(
        base,
        elapsed_s=base.elapsed_s + elapsed_s,
        runs=sum(b.run_times().runs for b in headline),
        median_ns=last.run_times().median_ns,
    )
