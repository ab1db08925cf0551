"""Two configurations measured against each other: two live workers, blocks in turn."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Optional

import numpy as np

from edgeloop.errors import EdgeloopError, InterruptedRunError
from edgeloop.measure import schedule
from edgeloop.measure.invocation import Attempt
from edgeloop.measure.monitor import Monitor
from edgeloop.measure.observer import Observer, Progress
from edgeloop.measure.recovery import Recovery
from edgeloop.measure.rest import comes_to_rest
from edgeloop.measure.session import BLOCK_S, TRANSITION_RUNS, Session
from edgeloop.results.schema import Invocation
from edgeloop.spec.run import ResolvedSpec
from edgeloop.stats.compare import Comparison, compare_paired
from edgeloop.stats.stopping import CAPACITY, CONVERGED, TIME_BUDGET, Preset

# The idle worker must be at rest before the other runs; threads that spin get this long to stop.
_REST_TIMEOUT_S = 2.0

# The comparison stops when its interval is this share of the bound: it then decides.
_DECISIVE = 0.5


@dataclass
class PairedRun:
    """What was measured of A and of B; pair k is block k of either side."""

    specs: tuple[ResolvedSpec, ResolvedSpec]
    attempts: list[tuple[Attempt, Attempt]] = field(default_factory=list)
    medians_ns: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    """Median time of a run in each block, by side."""
    sessions: list[int] = field(default_factory=list)
    """For each pair the number of its worker processes."""
    busy_switches: int = 0
    """Switches at which the other side's worker was not idle within 2 s."""
    recovery: Recovery = field(default_factory=Recovery)
    """The pauses before pairs for a fixed-work probe that was slow."""
    stop_reason: str = CAPACITY
    error: Optional[EdgeloopError] = None

    def compare(self, delta: float, mismatches: Sequence[str] = ()) -> Comparison:
        """Judge what has been measured so far."""
        a_ns, b_ns = self.medians_ns
        return compare_paired(
            a_ns, b_ns, sessions=self.sessions, delta=delta, mismatches=mismatches
        )


def same_worker(a: ResolvedSpec, b: ResolvedSpec) -> bool:
    """Return whether both sides are loops of one loaded model."""
    return replace(a, loops=(), choices=()) == replace(b, loops=(), choices=())


def measure_paired(
    a: ResolvedSpec,
    b: ResolvedSpec,
    preset: Preset,
    delta: float,
    observer: Observer,
    keep: Callable[[tuple[Attempt, Attempt]], None],
) -> PairedRun:
    """Measure until the ratio is known well enough for a verdict, or the time is over.

    Every process pair is loaded anew and in random order; within it, each pair of blocks runs in
    random order. What had been measured before an error or Ctrl-C is kept, with the error; `keep`
    is given what a process pair leaves as soon as it has ended.
    """
    run = PairedRun((a, b))
    try:
        with Monitor() as monitor:
            run.stop_reason = _take_sessions(run, preset, delta, observer, keep, monitor)
    except KeyboardInterrupt:  # between two process pairs
        run.error = _interrupted()
    return run


def _take_sessions(
    run: PairedRun,
    preset: Preset,
    delta: float,
    observer: Observer,
    keep: Callable[[tuple[Attempt, Attempt]], None],
    monitor: Monitor,
) -> str:
    """Measure in one process pair after the other; return why there are no more."""
    generator = random.Random(run.specs[0].seed)
    begun_s = time.monotonic()
    share_s = preset.total_seconds / preset.processes
    for number in range(preset.max_processes):
        budget_s = min(share_s, preset.total_seconds - (time.monotonic() - begun_s))
        if number >= preset.min_processes and budget_s < share_s / 2:
            return TIME_BUDGET
        pair = _Pair(run.specs, number, monitor)
        _measure_session(run, pair, generator, max(budget_s, 1.0), preset, observer)
        keep(run.attempts[-1])
        if run.error is not None:
            return CAPACITY
        if number + 1 >= preset.processes and _decided(run.compare(delta), delta):
            return CONVERGED
    return CAPACITY


def _interrupted() -> InterruptedRunError:
    return InterruptedRunError("interrupted; what had been measured is kept")


def _decided(comparison: Comparison, delta: float) -> bool:
    half_width = comparison.half_width
    return half_width is not None and half_width <= _DECISIVE * delta


def _measure_session(
    run: PairedRun,
    pair: _Pair,
    generator: random.Random,
    budget_s: float,
    preset: Preset,
    observer: Observer,
) -> None:
    """Take the pairs of one pair of processes."""
    try:
        with ExitStack() as stack:
            pair.open(stack, generator)
            pair.warm_up(budget_s / 4, preset.warmup_s)
            per_sample = pair.runs_per_sample()
            deadline_s = time.monotonic() + 0.75 * budget_s
            least = max(3, preset.min_blocks)
            done = 0
            while time.monotonic() < deadline_s or done < 3:
                medians = pair.take(generator, per_sample, run)
                run.medians_ns[0].append(medians[0])
                run.medians_ns[1].append(medians[1])
                run.sessions.append(pair.number)
                done += 1
                observer.progress(_progress(run, pair.number, preset))
                if done >= least and time.monotonic() > deadline_s - 0.5 * budget_s:
                    break
            pair.stop()
    except EdgeloopError as error:
        run.error = error
    except KeyboardInterrupt:
        run.error = _interrupted()
    run.attempts.append(pair.attempts(run.error))


class _Pair:
    """The sessions of both sides; one and the same where both are loops of one model."""

    def __init__(
        self, specs: tuple[ResolvedSpec, ResolvedSpec], number: int, monitor: Monitor
    ) -> None:
        self._specs = specs
        self.number = number
        self._monitor = monitor
        self._shared = same_worker(*specs)
        self._sessions: dict[int, Session] = {}

    def open(self, stack: ExitStack, generator: random.Random) -> None:
        """Start the workers in random order."""
        if self._shared:
            both = replace(self._specs[0], loops=(self._specs[0].loops[0], self._specs[1].loops[0]))
            session = stack.enter_context(Session(both, self.number, self._monitor))
            self._sessions = {0: session, 1: session}
            return
        for side in generator.sample((0, 1), 2):
            session = Session(self._specs[side], self.number, self._monitor)
            self._sessions[side] = stack.enter_context(session)

    def warm_up(self, cap_s: float, least_s: float) -> None:
        for side in (0, 1):
            self._sessions[side].warm_up(self._loop(side), cap_s / 2, least_s)

    def runs_per_sample(self) -> int:
        """Return one value for both sides."""
        fastest_ns = min(self._run_ns(side) for side in (0, 1))
        resolution_ns = max(self._sessions[side].resolution_ns for side in (0, 1))
        return schedule.runs_per_sample(fastest_ns, resolution_ns)

    def take(self, generator: random.Random, per_sample: int, run: PairedRun) -> tuple[float, ...]:
        """Record one block of either side in random order; return the median time of a run.

        First comes a bounded pause where the last block was throttled.
        """
        medians = [0.0, 0.0]
        order = generator.sample((0, 1), 2)
        run.recovery.wait(self._sessions[order[0]].probe_ns)
        for side in order:
            session, loop = self._sessions[side], self._loop(side)
            if not self._shared:
                idle = self._sessions[1 - side].worker.pid
                run.busy_switches += not comes_to_rest(idle, _REST_TIMEOUT_S)
                session.warm_runs(loop, TRANSITION_RUNS)
            runs = schedule.block_runs(self._run_ns(side), per_sample, BLOCK_S)
            block = session.block(loop, runs, per_sample)
            run.recovery.saw(None if block.probe is None else block.probe.after_ns)
            medians[side] = float(np.median(block.durations_ns)) / per_sample
        return tuple(medians)

    def stop(self) -> None:
        """End the workers."""
        for session in dict.fromkeys(self._sessions.values()):
            session.stop()

    def attempts(self, error: Optional[EdgeloopError]) -> tuple[Attempt, Attempt]:
        """Return what either side leaves for its result."""
        return self._attempt(0, error), self._attempt(1, error)

    def _attempt(self, side: int, error: Optional[EdgeloopError]) -> Attempt:
        attempt = Attempt(error=error)
        session = self._sessions.get(side)
        if session is None:
            return attempt
        hello = session.worker.hello
        attempt.clock, attempt.loaded = hello.clock, session.loaded
        attempt.python = (hello.python, hello.executable)
        whole = session.invocation("failed" if error else TIME_BUDGET, error)
        attempt.invocation = _only(whole, self._loop(side))
        return attempt

    def _loop(self, side: int) -> str:
        return self._specs[side].loops[0]

    def _run_ns(self, side: int) -> float:
        return self._sessions[side].run_ns[self._loop(side)]


def _only(invocation: Invocation, loop: str) -> Invocation:
    blocks = [block for block in invocation.blocks if block.loop == loop]
    return replace(invocation, blocks=blocks)


def _progress(run: PairedRun, number: int, preset: Preset) -> Progress:
    a_ns: Any = run.medians_ns[0]
    return Progress(
        title=f"{run.specs[0].title} against {run.specs[1].title}",
        process=number + 1,
        processes=max(preset.processes, number + 1),
        elapsed_s=0.0,
        budget_s=preset.total_seconds,
        runs=len(run.sessions),
        median_ns=a_ns[-1],
    )
