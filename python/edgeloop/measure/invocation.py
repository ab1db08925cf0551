"""One worker process: load, first run, warm-up, blocks in random order until it is enough."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Optional

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
from edgeloop.host.thermal import cpu_temperature
from edgeloop.measure import schedule
from edgeloop.measure.client import WorkerClient
from edgeloop.measure.observer import Observer, Progress
from edgeloop.results.schema import Block, Invocation
from edgeloop.spec import ResolvedSpec
from edgeloop.stats.stopping import Preset, process_stop_reason

if TYPE_CHECKING:
    import numpy.typing as npt

# A block this long holds many scheduler slices and still lets the parent look often.
BLOCK_S = 0.1

# Unrecorded runs after another loop has run: its data has to leave the caches.
TRANSITION_RUNS = 3

# The last two stretches of a warm-up differ by less than this when it has done its work.
WARM_AGREEMENT = 0.02
WARM_RUNS = 10
WARM_STRETCH_S = 0.05

# Convergence is looked at again when there is this much more to look at.
_CHECK_GROWTH = 1.25


@dataclass(frozen=True)
class Budget:
    """What one process may spend, in s of warm-up and measuring."""

    preset: Preset
    share_s: Callable[[float], float]
    """What the process needs for the preset's minimum → what it gets."""


# What other processes did while the blocks ran, and the busiest of them.
LoadDuring = tuple[MachineLoad, tuple[ProcessLoad, ...]]


@dataclass(frozen=True)
class Predictions:
    """First output of every sample, and the labels of the data where it has them."""

    scores: npt.NDArray[np.float64]
    labels: Optional[npt.NDArray[Any]]


@dataclass
class Attempt:
    """What came of one process."""

    hello: Optional[dict[str, Any]] = None
    loaded: Optional[dict[str, Any]] = None
    invocation: Optional[Invocation] = None
    predictions: Optional[Predictions] = None
    """The outputs of the data set, from the first process."""
    load: Optional[LoadDuring] = None
    error: Optional[EdgeloopError] = None
    spent_s: float = 0.0
    """Warm-up and measuring, without loading."""


@dataclass
class _Run:
    """The state of a process that is being measured."""

    spec: ResolvedSpec
    worker: WorkerClient
    generator: random.Random
    run_ns: dict[str, float] = field(default_factory=dict)
    warmup_ns: dict[str, list[int]] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    last_loop: Optional[str] = None

    def ask(self, kind: str, loop: str, runs: int, per_sample: int, probe: bool) -> Any:
        return self.worker.request(
            {
                "type": kind,
                "loop": loop,
                "runs": runs,
                "runs_per_sample": per_sample,
                "probe": probe,
            },
            f"running the {loop} loop",
        )

    def warm_runs(self, loop: str, runs: int) -> float:
        """Run without recording; return the median time of a run in ns."""
        answer = self.ask("warm", loop, runs, 1, probe=False)
        return float(np.median(np.frombuffer(answer.frames[0], dtype=np.uint64)))

    def block(self, loop: str, runs: int, per_sample: int, tail: bool = False) -> None:
        """Record one block, after unrecorded runs where another loop ran before."""
        if self.last_loop not in (None, loop):
            self.warm_runs(loop, TRANSITION_RUNS)
        self.last_loop = loop
        answer = self.ask("block", loop, runs, per_sample, probe=True)
        body = answer.body
        self.blocks.append(
            Block(
                loop=loop,
                start_ns=body["start_ns"],
                runs_per_sample=per_sample,
                durations_ns=np.frombuffer(answer.frames[0], dtype=np.uint64),
                cpu_ns=body["cpu_ns"],
                probe_ns=max(body["probe_before_ns"], body["probe_after_ns"]),
                temperature_c=cpu_temperature().temperature_c,
                tail=tail,
            )
        )


def measure(
    spec: ResolvedSpec,
    budget: Budget,
    number: int,
    generator: random.Random,
    observer: Observer,
    base: Progress,
) -> Attempt:
    """Run one worker process from start to stop; never raises an EdgeloopError.

    What had been measured before an error or Ctrl-C is in the attempt, with the error beside it.
    """
    attempt = Attempt()
    run: Optional[_Run] = None
    worker: Optional[WorkerClient] = None
    usage: Optional[dict[str, Any]] = None
    stop_reason = "failed"
    begun_s = 0.0
    try:
        with WorkerClient(spec.python, spec.timeout_s) as worker:
            attempt.hello = asdict(worker.hello)
            framework_first = bool(number % 2)
            attempt.loaded = dict(
                worker.request(_load_request(spec, framework_first), "loading the model").body
            )
            run = _Run(spec, worker, generator)
            begun_s = time.monotonic()
            before = snapshot()
            stop_reason = _measure_blocks(run, budget, attempt, observer, base)
            attempt.spent_s = time.monotonic() - begun_s
            attempt.load = _load_during(before)
            if spec.inputs.data is not None and number == 0:
                attempt.predictions = _evaluate(worker, spec)
            usage = worker.stop()
    except EdgeloopError as error:
        attempt.error = error
    except KeyboardInterrupt:
        stop_reason = "interrupted"
        attempt.error = InterruptedRunError("interrupted; what had been measured is kept")
    if run is not None and worker is not None:
        attempt.spent_s = attempt.spent_s or time.monotonic() - begun_s
        attempt.invocation = _invocation(run, worker, attempt, usage, stop_reason, bool(number % 2))
    return attempt


def _load_request(spec: ResolvedSpec, framework_first: bool) -> dict[str, Any]:
    return {
        "type": "load",
        "runtime": spec.runtime,
        "options": asdict(spec.options),
        "loops": list(spec.loops),
        "inputs": asdict(spec.inputs),
        "framework_first": framework_first,
    }


def _load_during(before: Snapshot) -> LoadDuring:
    after = snapshot()
    return machine_load(before, after), busiest(before, after)


def _evaluate(worker: WorkerClient, spec: ResolvedSpec) -> Predictions:
    """Run the data set through the engine that was timed, in the headline loop."""
    request = {"type": "evaluate", "loop": spec.loops[0], "inputs": asdict(spec.inputs)}
    answer = worker.request(request, "running the data set")
    scores = np.frombuffer(answer.frames[0], dtype=np.float64).reshape(answer.body["shape"])
    labels = answer.body["labels"]
    if labels is None:
        return Predictions(scores, None)
    kind = np.dtype(labels["dtype"])
    return Predictions(scores, np.frombuffer(answer.frames[1], kind).reshape(labels["shape"]))


def _measure_blocks(
    run: _Run, budget: Budget, attempt: Attempt, observer: Observer, base: Progress
) -> str:
    """Warm up, then record blocks; return why it stopped."""
    if run.spec.fixed is not None:
        return _fixed_count(run, observer, base)
    preset = budget.preset
    begun_s = time.monotonic()
    warm_cap_s = budget.share_s(0.0) / 4
    for loop in run.spec.loops:
        _warm_up(run, loop, warm_cap_s / len(run.spec.loops), preset.warmup_s)
    resolution_ns = _resolution_ns(attempt, run.spec.loops)
    per_sample = schedule.runs_per_sample(min(run.run_ns.values()), resolution_ns)
    tails = per_sample > 1 and schedule.tails_are_timed(min(run.run_ns.values()), resolution_ns)
    share_s = budget.share_s(_needed_s(run, preset, tails))
    check_at_s = preset.min_seconds
    while True:
        _round(run, per_sample, tails)
        elapsed_s = time.monotonic() - begun_s
        observer.progress(_progress(run, base, elapsed_s))
        if elapsed_s >= share_s:
            return "time_budget"
        if elapsed_s >= check_at_s:
            check_at_s = elapsed_s * _CHECK_GROWTH
            reason = _converged(run, preset)
            if reason is not None:
                return reason


def _warm_up(run: _Run, loop: str, cap_s: float, least_s: float) -> None:
    """Run until two stretches agree and the least time is over, but never beyond the cap."""
    medians: list[int] = []
    run.warmup_ns[loop] = medians
    begun_s = time.monotonic()
    runs = 1
    done = 0
    while True:
        medians.append(int(run.warm_runs(loop, runs)))
        run.run_ns[loop] = float(max(1, medians[-1]))
        done += runs
        spent_s = time.monotonic() - begun_s
        settled = (
            len(medians) >= 3
            and done >= WARM_RUNS
            and abs(medians[-1] - medians[-2]) < WARM_AGREEMENT * medians[-2]
        )
        if spent_s >= cap_s or (settled and spent_s >= least_s):
            return
        runs = max(WARM_RUNS, schedule.block_runs(run.run_ns[loop], 1, WARM_STRETCH_S))
        left = int((cap_s - spent_s) * 1e9 / run.run_ns[loop])
        runs = max(1, min(runs, left))


def _needed_s(run: _Run, preset: Preset, tails: bool) -> float:
    """Return what the preset's minimum takes in this process, warm-up included."""
    blocks = sum(
        max(preset.min_seconds, preset.min_blocks * max(BLOCK_S, run.run_ns[loop] / 1e9))
        for loop in run.spec.loops
    )
    return (blocks * (1.5 if tails else 1.0)) + preset.warmup_s


def _round(run: _Run, per_sample: int, tails: bool) -> None:
    """Record one block of every loop, and one of single runs where tails need it."""
    for loop in schedule.round_order(run.spec.loops, run.generator):
        runs = schedule.block_runs(run.run_ns[loop], per_sample, BLOCK_S)
        run.block(loop, runs, per_sample)
        if tails:
            runs = schedule.block_runs(run.run_ns[loop], 1, BLOCK_S / 2)
            run.block(loop, runs, 1, tail=True)


def _converged(run: _Run, preset: Preset) -> Optional[str]:
    """Return the reason to stop when every loop has enough, else None."""
    reason = None
    for loop in run.spec.loops:
        blocks = [b for b in run.blocks if b.loop == loop and not b.tail]
        reason = process_stop_reason(
            [b.durations_ns for b in blocks], preset, runs_per_sample=blocks[0].runs_per_sample
        )
        if reason is None:
            return None
    return reason


def _fixed_count(run: _Run, observer: Observer, base: Progress) -> str:
    """Run exactly the count asked for, one run a sample."""
    fixed = run.spec.fixed
    assert fixed is not None
    begun_s = time.monotonic()
    for loop in run.spec.loops:
        run.warmup_ns[loop] = []
        run.run_ns[loop] = 1e6  # corrected by the first block
        if fixed.warmup:
            median_ns = run.warm_runs(loop, fixed.warmup)
            run.warmup_ns[loop].append(int(median_ns))
            run.run_ns[loop] = max(1.0, median_ns)
    left = dict.fromkeys(run.spec.loops, fixed.runs)
    while any(left.values()):
        for loop in schedule.round_order([name for name in left if left[name]], run.generator):
            runs = min(left[loop], schedule.block_runs(run.run_ns[loop], 1, BLOCK_S))
            run.block(loop, runs, 1)
            run.run_ns[loop] = max(1.0, float(np.median(run.blocks[-1].durations_ns)))
            left[loop] -= runs
        observer.progress(_progress(run, base, time.monotonic() - begun_s))
    return "fixed_count"


def _resolution_ns(attempt: Attempt, loops: Sequence[str]) -> float:
    """Return the larger of the clock's tick and the dearest read among the loops compared."""
    assert attempt.hello is not None
    clock = attempt.hello["clock"]
    native_only = all(loop in ("native", "callable") for loop in loops)
    read_ns = clock["read_ns"] if native_only else max(clock["read_ns"], clock["python_read_ns"])
    return max(float(clock["tick_ns"]), float(read_ns))


def _progress(run: _Run, base: Progress, elapsed_s: float) -> Progress:
    headline = [b for b in run.blocks if b.loop == run.spec.loops[0] and not b.tail]
    last = headline[-1]
    return Progress(
        title=base.title,
        process=base.process,
        processes=base.processes,
        elapsed_s=base.elapsed_s + elapsed_s,
        budget_s=base.budget_s,
        runs=sum(len(b.durations_ns) * b.runs_per_sample for b in headline),
        median_ns=float(np.median(last.durations_ns)) / last.runs_per_sample,
    )


def _invocation(
    run: _Run,
    worker: WorkerClient,
    attempt: Attempt,
    usage: Optional[dict[str, Any]],
    stop_reason: str,
    framework_first: bool,
) -> Invocation:
    loaded = attempt.loaded
    assert loaded is not None
    used = usage or {}
    return Invocation(
        interpreter_start_ns=worker.hello.interpreter_start_ns,
        import_ns=loaded["import_ns"],
        load_ns=loaded["load_ns"],
        first_run_ns=loaded["first_run_ns"],
        warmup_ns=run.warmup_ns,
        blocks=run.blocks,
        stop_reason=stop_reason,
        log=worker.log.text(),
        framework_first=framework_first,
        measuring_s=attempt.spent_s,
        threads_started=loaded["threads_started"],
        context_switches=used.get("context_switches"),
        migrations=used.get("migrations"),
        peak_rss_bytes=used.get("peak_rss_bytes"),
        error=None if attempt.error is None else str(attempt.error),
    )

