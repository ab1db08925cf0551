"""One configuration: as many worker processes as its precision needs, then the summary."""

from __future__ import annotations

import random
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, Optional

from edgeloop.errors import EdgeloopError, InterruptedRunError
from edgeloop.host.governor import governor_held
from edgeloop.host.power.source import find_meter
from edgeloop.host.state import host_state
from edgeloop.measure.attempt import Attempt, LoadDuring
from edgeloop.measure.data_set import COMPUTING, DataResult
from edgeloop.measure.invocation import Budget, measure
from edgeloop.measure.monitor import Monitor
from edgeloop.measure.observer import Observer, Progress
from edgeloop.measure.record import Record, failed_check
from edgeloop.measure.regime import Regime
from edgeloop.measure.schedule import Sampling
from edgeloop.measure.surroundings import Surroundings
from edgeloop.results.overhead import PROCESSES_FOR_TWO_INSTANCES
from edgeloop.results.schema import Result
from edgeloop.results.store import LineWriter, open_result
from edgeloop.runtimes import runtime
from edgeloop.spec.load import instance_of
from edgeloop.spec.resolved import ResolvedSpec
from edgeloop.stats.pooled import pooled_quantile
from edgeloop.stats.quantile import QuantileEstimate, quantile_interval
from edgeloop.stats.run_times import joined
from edgeloop.stats.stopping import (
    LONGEST_STRETCH,
    PRESETS,
    TIME_BUDGET,
    Preset,
    best_stretch_s,
    run_stop_reason,
)

# Before the first process, where there is a power meter: enough readings for a baseline.
IDLE_S = 4.0

# A run that is shorter does without a baseline, which would take as long as the run.
FEWEST_S_WITH_IDLE = 10.0


def preset_of(spec: ResolvedSpec) -> Preset:
    """Return the effort's rules, with the budget that the user set instead of its own."""
    preset = PRESETS[spec.effort]
    return preset if spec.budget_s is None else replace(preset, total_seconds=spec.budget_s)


class Experiment:
    """Starts processes until the run may stop, and keeps each on the disk as it ends."""

    def __init__(
        self, spec: ResolvedSpec, observer: Observer, writer: Optional[LineWriter]
    ) -> None:
        self._spec = spec
        self._observer = observer
        self._writer = writer
        self._preset = preset_of(spec)
        self._planned, self._most = self._preset.processes, self._preset.max_processes
        self._measure_s = self._preset.measure_s
        if spec.fixed is not None:
            self._planned = self._most = spec.processes or 1
        elif spec.processes is not None:
            self._planned = self._most = spec.processes
            # Where no process may be added, longer ones are all that is left.
            self._measure_s *= LONGEST_STRETCH
        self._spent_s = 0.0
        self._medians: list[QuantileEstimate] = []
        """Of the headline loop in each process that measured it."""
        self._generator = random.Random(spec.seed)
        self._data_result: Optional[DataResult] = None
        self._load: Optional[LoadDuring] = None
        self._sampling: Optional[Sampling] = None
        self._idle_w: list[float] = []
        self._governor: dict[str, Any] = {}

    def run(self) -> Result:
        """Measure; return the result, with what ended it early in `error`.

        Raises what went wrong where nothing at all was measured.
        """
        self._observer.phase(f"measuring {self._spec.title}")
        found = find_meter(command=self._spec.power_command)
        before = host_state().as_dict()
        record = Record(self._spec, self._writer)
        with (
            governor_held(self._spec.control.governor) as self._governor,
            Monitor(found.meter) as monitor,
        ):
            stop_reason = self._watched(record, monitor)
        surroundings = Surroundings(
            before=before,
            after=host_state().as_dict(),
            meter=None if found.meter is None else found.meter.description,
            no_meter=found.reason,
            idle_w=self._idle_w,
        )
        assert record.result is not None
        with self._computing():
            result = record.finish(stop_reason, self._data_result, self._load, surroundings)
        result.error = result.error or failed_check(self._spec, result)
        return result

    def _computing(self) -> AbstractContextManager[object]:
        if self._data_result is None:
            return nullcontext()
        return self._observer.busy(COMPUTING)

    def _watched(self, record: Record, monitor: Monitor) -> str:
        """Measure while the monitor looks on; return why it stopped."""
        try:
            self._idle_w = self._read_idle(monitor)
            regime = Regime(self._spec.regime, self._spec.cool_down_c, monitor, self._observer)
            return self._measure(record, monitor, regime)
        except KeyboardInterrupt:  # between two processes
            if record.result is None:
                raise
            record.result.error = InterruptedRunError()
            return "interrupted"

    def _read_idle(self, monitor: Monitor) -> list[float]:
        """Return what the machine draws before anything runs, in W; takes a few seconds."""
        if monitor.meter is None or self._preset.total_seconds < FEWEST_S_WITH_IDLE:
            return []
        self._observer.phase(f"idle power: {monitor.meter.description.covers}")
        begun_ns = monitor.latest.taken_ns
        time.sleep(IDLE_S)
        samples = monitor.between(begun_ns, monitor.latest.taken_ns)
        return [sample.power_w for sample in samples if sample.power_w is not None]

    def _measure(self, record: Record, monitor: Monitor, regime: Regime) -> str:
        """Add processes to the record; return why there are no more."""
        number = 0
        while True:
            attempt = self._attempt(number, monitor, regime)
            attempt.governor = self._governor
            number += 1
            result = record.add(attempt)
            if result is None:
                raise attempt.error or EdgeloopError(f"{self._spec.title}: nothing was measured")
            self._data_result = self._data_result or attempt.data_result
            self._load = self._load or attempt.load
            self._sampling = self._sampling or attempt.sampling
            if attempt.error is not None:
                return "failed"
            self._took(result)
            stop_reason = self._stop_reason(result)
            if stop_reason is not None:
                return stop_reason

    def _attempt(self, number: int, monitor: Monitor, regime: Regime) -> Attempt:
        budget_s = None if self._spec.fixed is not None else self._preset.total_seconds
        base = Progress(
            title=self._spec.title,
            process=number + 1,
            processes=max(self._planned, number + 1),
            elapsed_s=self._spent_s,
            budget_s=budget_s,
            runs=0,
            median_ns=None,
        )
        budget = Budget(self._preset, self._measure_s, self._share_s, self._sampling)
        return measure(
            self._spec, budget, number, self._generator, self._observer, base, monitor, regime
        )

    def _took(self, result: Result) -> None:
        """Count what the newest process took, and let it decide how the next ones are cut."""
        newest = result.invocations[-1]
        self._spent_s += newest.measuring_s
        run_ns = joined(newest.run_times(result.loop_names[0]))
        if run_ns.size:
            self._medians.append(quantile_interval(run_ns, 0.5))
        if self._spec.fixed is not None or self._spec.processes is not None:
            return
        # Loading is outside the budget, but not without end: as long again, and no longer.
        affordable = int(2 * self._preset.total_seconds / (newest.start_up_s + newest.measuring_s))
        fewest = min(self._fewest_processes(), self._planned)
        self._planned = max(fewest, min(self._planned, affordable))
        if len(self._medians) >= self._preset.min_processes:
            self._measure_s = self._best_stretch_s(result)

    def _best_stretch_s(self, result: Result) -> float:
        """Return how long each loop is best measured in a process, by what has been seen."""
        loops = len(result.loop_names)
        cost_s = sum(i.start_up_s for i in result.invocations) / len(result.invocations)
        measured_s = [
            sum(block.elapsed_ns for block in invocation.run_times(result.loop_names[0])) / 1e9
            for invocation in result.invocations
        ]
        return best_stretch_s(
            self._medians,
            measured_s=sum(measured_s) / len(measured_s),
            cost_s=cost_s / loops + self._preset.warmup_s,
            preset=self._preset,
        )

    def _share_s(self, needed_s: float) -> float:
        """Give a process its share; fewer processes where one needs more than that."""
        total_s = self._preset.total_seconds
        if needed_s > total_s / self._planned and self._spec.processes is None:
            fewest = min(self._fewest_processes(), self._planned)
            self._planned = max(fewest, min(self._planned, int(total_s / needed_s)))
        return min(total_s / self._planned, max(0.0, total_s - self._spent_s))

    def _fewest_processes(self) -> int:
        """Return as few processes as a slow model may get."""
        spec = self._spec
        instances = {instance_of(loop) for loop in spec.loops}
        if len(instances) > 1 and not runtime(spec.runtime).attaches:
            return PROCESSES_FOR_TWO_INSTANCES
        return self._preset.min_processes

    def _stop_reason(self, result: Result) -> Optional[str]:
        done = len(result.invocations)
        if done < self._planned:
            return None
        if self._spec.fixed is not None:
            return "fixed_count"
        if not self._medians:
            return TIME_BUDGET
        loading_s = sum(invocation.start_up_s for invocation in result.invocations)
        total_s = self._preset.total_seconds
        left_s = min(total_s - self._spent_s, 2 * total_s - self._spent_s - loading_s)
        return run_stop_reason(
            self._medians,
            self._preset,
            max_processes=self._most,
            remaining_s=left_s,
            process_s=self._spent_s / done,
            tail=self._tail(result),
        )

    def _tail(self, result: Result) -> Optional[QuantileEstimate]:
        """Return the bounded quantile as far as it is known; None where none is asked for."""
        blocks = [invocation.run_times(result.loop_names[0]) for invocation in result.invocations]
        means = any(block.runs_per_sample > 1 for each in blocks for block in each)
        if self._preset.bounded is None or means:
            return None
        return pooled_quantile([joined(each) for each in blocks if each], self._preset.bounded)


def measure_one(
    spec: ResolvedSpec, *, save: bool, out: Optional[str], observer: Observer
) -> Result:
    """Measure one resolved spec; see `Experiment.run` for what it raises."""
    if not save:
        return Experiment(spec, observer, None).run()
    with open_result(out, spec.model.path, spec.runtime) as writer:
        return Experiment(spec, observer, writer).run()
