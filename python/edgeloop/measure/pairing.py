"""Two configurations measured against each other: two live workers, blocks in turn."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Optional

import numpy as np

from edgeloop.errors import EdgeloopError, InterruptedRunError
from edgeloop.measure import schedule
from edgeloop.measure.attempt import Attempt
from edgeloop.measure.live_worker import TRANSITION_RUNS
from edgeloop.measure.monitor import Monitor
from edgeloop.measure.observer import Observer, Progress
from edgeloop.measure.pair import Pair
from edgeloop.measure.rest import look, rested
from edgeloop.results.schema import Invocation
from edgeloop.spec.resolved import ResolvedSpec
from edgeloop.stats.compare import Comparison, compare_paired
from edgeloop.stats.location import process_centres, processes_needed
from edgeloop.stats.processes import FEWEST_PROCESSES
from edgeloop.stats.stopping import CAPACITY, CONVERGED, PRESETS, TIME_BUDGET

# Of the time of a process at most this share goes to warm-up.
_WARM_SHARE = 0.25

# The fewest pairs of a process: one odd pair does not move their centre; ...
_FEWEST_PAIRS = 3

# ... and the most: beyond them, time is better spent on another process.
_MOST_PAIRS = 100


@dataclass(frozen=True)
class Plan:
    """How many processes of each side a comparison has, and what they may take."""

    first_stage: int
    """Their scatter alone decides how many more there are: what is found never does."""
    most: int
    half_width: float
    """Of the ratio's interval, as a share of the difference that matters, that is enough."""
    total_s: float
    """Of warm-up and blocks; loading comes on top."""

    def limited(self, process_s: float, loading_s: float) -> Plan:
        """Return the plan for a process that takes at least so long, and its loading.

        Processes that are slow to load are fewer and longer, so that loading is half the run at
        most. Three at least: fewer say nothing.
        """
        dearest_s = max(process_s, loading_s, 1e-9)
        most = max(FEWEST_PROCESSES, min(self.most, int(self.total_s / dearest_s)))
        return replace(self, most=most, first_stage=min(self.first_stage, most))

    def wanted(self, log_ratios: list[float], processes: list[int], delta: float) -> int:
        """Return how many processes there should be, now that these pairs are measured."""
        first = process_centres(np.array(log_ratios), processes)[: self.first_stage]
        if first.size < self.first_stage:
            return self.first_stage
        return processes_needed(first, self.half_width * delta)


PLANS: Mapping[str, Plan] = MappingProxyType(
    {
        effort: Plan(first_stage, most, half_width, PRESETS[effort].total_seconds)
        for effort, first_stage, most, half_width in (
            ("quick", 6, 6, 0.5),
            ("standard", 8, 28, 0.5),
            ("rigorous", 16, 60, 0.25),
        )
    }
)
"""The efforts by name."""


def plan_of(spec: ResolvedSpec) -> Plan:
    """Return the effort's plan, with the budget that the user set instead of its own."""
    plan = PLANS[spec.effort]
    return plan if spec.budget_s is None else replace(plan, total_s=spec.budget_s)


@dataclass
class PairedRun:
    """What was measured of A and of B; pair k is block k of either side."""

    specs: tuple[ResolvedSpec, ResolvedSpec]
    plan: Plan
    attempts: list[tuple[Attempt, Attempt]] = field(default_factory=list)
    medians_ns: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    """Median time of a run in each block, by side."""
    processes: list[int] = field(default_factory=list)
    """For each pair the number of the two processes it ran in."""
    busy_blocks: int = 0
    """Blocks during which the other side's worker took CPU time."""
    spent_s: float = 0.0
    """Of the plan's time."""
    stop_reason: str = CAPACITY
    error: Optional[EdgeloopError] = None

    def compare(self, delta: float) -> Comparison:
        """Judge what has been measured so far."""
        a_ns, b_ns = self.medians_ns
        return compare_paired(
            a_ns, b_ns, processes=self.processes, first_stage=self.plan.first_stage, delta=delta
        )

    def processes_wanted(self, delta: float) -> int:
        """Return how many processes the scatter of the first stage asks for."""
        log_ratios = [float(np.log(b / a)) for a, b in zip(*self.medians_ns)]
        return self.plan.wanted(log_ratios, self.processes, delta)


def same_worker(a: ResolvedSpec, b: ResolvedSpec) -> bool:
    """Return whether both sides are loops of one loaded model; equal sides have a worker each."""
    return a.loops != b.loops and replace(a, loops=(), choices=()) == replace(
        b, loops=(), choices=()
    )


def measure_paired(
    a: ResolvedSpec,
    b: ResolvedSpec,
    plan: Plan,
    delta: float,
    observer: Observer,
    keep: Callable[[tuple[Attempt, Attempt]], None],
) -> PairedRun:
    """Measure as many processes as the plan and the scatter of its first stage ask for.

    Every process loads its model anew, in random order of the sides, and so runs each pair of
    blocks. What had been measured before an error or Ctrl-C is kept, with the error;
    `keep` is given what a process leaves as soon as it has ended.
    """
    run = PairedRun((a, b), plan)
    try:
        with Monitor() as monitor:
            run.stop_reason = _take_processes(run, delta, observer, keep, monitor)
    except KeyboardInterrupt:  # between two processes
        run.error = InterruptedRunError()
    return run


def _take_processes(
    run: PairedRun,
    delta: float,
    observer: Observer,
    keep: Callable[[tuple[Attempt, Attempt]], None],
    monitor: Monitor,
) -> str:
    """Measure in one process of each side after the other; return why there are no more."""
    generator = random.Random(run.specs[0].seed)
    number = 0
    while True:
        _measure_process(run, _Pair(run.specs, number, monitor, generator), observer)
        keep(run.attempts[-1])
        number += 1
        if run.error is not None:
            return CAPACITY
        if number >= run.processes_wanted(delta):
            return CONVERGED
        over = number >= FEWEST_PROCESSES and run.spent_s >= run.plan.total_s
        if over or number >= run.plan.most:
            return TIME_BUDGET


def _measure_process(run: PairedRun, pair: _Pair, observer: Observer) -> None:
    """Take the pairs of blocks of one process of each side."""
    with Attempt() as kept, pair:
        loading_s = time.monotonic()
        pair.open()
        begun_s = time.monotonic()
        left_s = run.plan.total_s - run.spent_s
        pair.warm_up(_WARM_SHARE * left_s / max(1, run.plan.most - pair.number))
        if pair.number == 0:
            needed_s = _FEWEST_PAIRS * pair.pair_s() + time.monotonic() - begun_s
            run.plan = run.plan.limited(needed_s, begun_s - loading_s)
        deadline_s = begun_s + left_s / max(1, run.plan.most - pair.number)
        done = 0
        while done < _MOST_PAIRS:
            for medians in pair.take(run, deadline_s - time.monotonic()):
                run.medians_ns[0].append(medians[0])
                run.medians_ns[1].append(medians[1])
                run.processes.append(pair.number)
                done += 1
            observer.progress(_progress(run, run.spent_s + time.monotonic() - begun_s))
            # A pair that would end after the deadline is for another process.
            if time.monotonic() + pair.pair_s() > deadline_s:
                break
        run.spent_s += time.monotonic() - begun_s
        pair.stop()
    run.error = kept.error
    run.attempts.append(pair.attempts(run.error))


class _Pair(Pair):
    """The workers of both sides; one and the same where both are loops of one model."""

    _per_sample = 1
    _restless = False
    """An idle worker took CPU time during a block: from then on it is waited for."""
    _hopeless = False
    """It did not come to rest in time: waiting again would only take more of it."""

    @property
    def _shared(self) -> bool:
        return same_worker(*self.specs)

    def open(self) -> None:
        """Start the workers."""
        a, b = self.specs
        if self._shared:
            self.open_shared(replace(a, loops=(a.loops[0], b.loops[0])))
        else:
            super().open()

    def warm_up(self, cap_s: float) -> None:
        """Warm both sides; then one number of runs per sample holds for both."""
        for side in (0, 1):
            self.workers[side].warm_up(self._loop(side), cap_s / 2, least_s=cap_s / 4)
        fastest_ns = min(self._run_ns(side) for side in (0, 1))
        resolution_ns = max(self.workers[side].resolution_ns for side in (0, 1))
        self._per_sample = schedule.runs_per_sample(fastest_ns, resolution_ns)

    def pair_s(self) -> float:
        """Return what a pair of blocks takes at the least, in s."""
        runs = (self._runs(side) + TRANSITION_RUNS for side in (0, 1))
        return sum(count * self._run_ns(side) for side, count in enumerate(runs)) / 1e9

    def take(self, run: PairedRun, left_s: float) -> list[tuple[float, float]]:
        """Record blocks of either side in random order; return the median times of each pair.

        One pair, or as many as a stretch has time for where one worker takes turns by itself.
        """
        if self._shared:
            return self._turns(left_s)
        medians = [0.0, 0.0]
        for side in self.order():
            medians[side] = self._block(side, run)
        return [(medians[0], medians[1])]

    def attempts(self, error: Optional[EdgeloopError]) -> tuple[Attempt, Attempt]:
        """Return what either side leaves for its result."""
        return self._attempt(0, error), self._attempt(1, error)

    def _block(self, side: int, run: PairedRun) -> float:
        """Record a block while the other worker rests; see that it did."""
        idle = self.workers[1 - side].client.pid
        if self._restless and not self._hopeless:
            self._hopeless = not self.rests(side)
        worker, loop = self.workers[side], self._loop(side)
        before = look(idle)
        block = worker.block(loop, self._runs(side), self._per_sample, switched=True)
        if not rested(before, look(idle)):
            self._restless = True
            run.busy_blocks += 1
        return block.run_times().median_ns

    def _turns(self, left_s: float) -> list[tuple[float, float]]:
        """Let the worker of both loops record pairs of blocks."""
        most_s = min(left_s, schedule.STRETCH_S)
        pairs = schedule.rounds_in(most_s, self.pair_s())
        order = [side for _ in range(pairs) for side in self.order()]
        wanted = [(self._loop(side), self._runs(side)) for side in order]
        medians: tuple[list[float], list[float]] = ([], [])
        blocks = self.workers[0].take_turns(wanted, self._per_sample, 2, most_s)
        for side, block in zip(order, blocks):
            medians[side].append(block.run_times().median_ns)
        return list(zip(*medians))

    def _attempt(self, side: int, error: Optional[EdgeloopError]) -> Attempt:
        worker = self.workers.get(side)
        if worker is None:
            return Attempt(error=error)
        whole = worker.invocation("failed" if error else TIME_BUDGET, error)
        return Attempt(worker, _only(whole, self._loop(side)), error=error)

    def _loop(self, side: int) -> str:
        return self.specs[side].loops[0]

    def _run_ns(self, side: int) -> float:
        return self.workers[side].run_ns[self._loop(side)]

    def _runs(self, side: int) -> int:
        return schedule.paired_block_runs(self._run_ns(side), self._per_sample)


def _only(invocation: Invocation, loop: str) -> Invocation:
    blocks = [block for block in invocation.blocks if block.loop == loop]
    return replace(invocation, blocks=blocks)


def _progress(run: PairedRun, elapsed_s: float) -> Progress:
    number = run.processes[-1]
    return Progress(
        title=f"{run.specs[0].title} against {run.specs[1].title}",
        process=number + 1,
        processes=max(run.plan.first_stage, number + 1),
        elapsed_s=elapsed_s,
        budget_s=run.plan.total_s,
        runs=len(run.processes),
        median_ns=run.medians_ns[0][-1],
    )
