"""`eval`: from what the user said to the accuracy of a model and its agreement with another."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Optional

import numpy as np

from edgeloop.data.step_times import STEPS, StepTimes
from edgeloop.errors import EdgeloopError, InterruptedRunError, ModelError
from edgeloop.measure.attempt import Attempt
from edgeloop.measure.data_set import COMPUTING, NO_LABELS, run_data_set
from edgeloop.measure.live_worker import DataRuns, LiveWorker
from edgeloop.measure.monitor import Monitor
from edgeloop.measure.observer import Observer, Progress
from edgeloop.measure.record import Record, failed_check
from edgeloop.metrics.scikit_learn import require_sklearn
from edgeloop.results.schema import Block, Result
from edgeloop.results.store import ResultWriter, open_result
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.configuration import parse_configuration
from edgeloop.spec.resolved import ResolvedSpec
from edgeloop.spec.run import RunSpec
from edgeloop.stats.quantile import quantile_interval

STOP_REASON = "data_set"

# The most runs whose durations are kept: more would make the result grow with the data.
_MOST_KEPT_RUNS = 1 << 20


class _Recorder:
    """Keeps the durations of the runs as blocks, and shows how far they are."""

    def __init__(self, worker: LiveWorker, observer: Observer) -> None:
        self._worker = worker
        self._observer = observer
        self._begun_s = time.monotonic()
        self.runs = 0

    def add(self, done: DataRuns) -> None:
        """Take what one request ran."""
        loop = self._worker.spec.loops[0]
        if self.runs < _MOST_KEPT_RUNS:
            for one in done.stretches:
                self._worker.blocks.append(Block(loop, one.start_ns, 1, one.durations_ns))
        durations_ns = np.concatenate([one.durations_ns for one in done.stretches])
        self.runs += len(durations_ns)
        self._observer.progress(
            Progress(
                title=self._worker.spec.title,
                process=1,
                processes=1,
                elapsed_s=time.monotonic() - self._begun_s,
                budget_s=None,
                runs=self.runs,
                median_ns=float(np.median(durations_ns)),
            )
        )


def evaluate_one(
    spec: ResolvedSpec,
    reference: Optional[ResolvedSpec],
    include_preprocess: bool,
    observer: Observer,
    writer: Optional[ResultWriter],
) -> Result:
    """Run the data set of a spec through its model, and through the reference where given.

    Raises ModelError where no metric comes of it, and what a worker raises.
    """
    observer.phase(f"evaluating {spec.title}")
    record = Record(spec, writer)
    times = StepTimes() if include_preprocess else None
    attempt = _attempt(spec, reference, times, observer)
    result = record.add(attempt)
    if result is None:
        raise attempt.error or EdgeloopError(f"{spec.title}: no sample was run")
    extra = {} if times is None else {"preprocess": _preprocess(times)}
    stop_reason = STOP_REASON if attempt.error is None else "failed"
    with observer.busy(COMPUTING):
        result = record.finish(stop_reason, attempt.data_result, attempt.load, extra=extra)
    summary = result.summary
    if summary["accuracy"] is None and not summary.get("agreement"):
        result.error = result.error or _no_metric(summary["accuracy_reason"])
    result.error = result.error or failed_check(spec, result)
    return result


def _attempt(
    spec: ResolvedSpec,
    reference: Optional[ResolvedSpec],
    times: Optional[StepTimes],
    observer: Observer,
) -> Attempt:
    interruption = InterruptedRunError("interrupted; the runs so far are kept, no metrics")
    with Attempt(interruption=interruption) as attempt, ExitStack() as stack:
        monitor = stack.enter_context(Monitor())
        worker = attempt.worker = LiveWorker(spec, 0, monitor, times)
        other = None
        if reference is not None:
            other = stack.enter_context(LiveWorker(reference, 0, monitor))
        assert worker.data is not None
        for note in worker.data.notes:
            observer.note(note)
        if times is not None:
            times.clear()
        worker.start_measuring()
        recorder = _Recorder(worker, observer)
        attempt.data_result = run_data_set(worker, other, recorder.add)
        if not attempt.data_result.samples:
            raise _no_metric(attempt.data_result.why_no_accuracy)
        worker.stop()
        for note in worker.data.found_notes():
            observer.phase(note)
        attempt.stop_reason = STOP_REASON
    return attempt


def _no_metric(reason: str) -> ModelError:
    """Return the error for data of which neither accuracy nor agreement comes."""
    hint = ""
    if reason == NO_LABELS:
        hint = "; name their array with --y-key or their file with --y-file, or give a --reference"
    return ModelError(f"no metrics: {reason}{hint}")


def _preprocess(times: StepTimes) -> dict[str, Any]:
    """Return the median time of each step for a sample, with its interval."""
    document: dict[str, Any] = {}
    for name in STEPS:
        durations_ns = times.durations_ns(name)
        if not durations_ns.size:
            document[f"{name}_ns"] = None
            document[f"{name}_ns_reason"] = "the data holds arrays, and no pictures"
            continue
        found = quantile_interval(durations_ns.astype(np.float64), 0.5)
        document[f"{name}_ns"] = float(np.median(durations_ns))
        document[f"{name}_ci95_ns"] = None if found.interval is None else list(found.interval)
        if found.interval is None:
            document[f"{name}_ci95_ns_reason"] = found.reason or "there are too few samples"
        document[f"{name}_n"] = int(durations_ns.size)
    return document


def evaluate_all(
    spec: RunSpec,
    *,
    reference: Optional[str],
    include_preprocess: bool,
    save: bool,
    out: Optional[str],
    observer: Observer,
) -> tuple[list[Result], list[tuple[str, EdgeloopError]]]:
    """Evaluate each runtime of a spec, one after the other.

    Returns the results (what ended one early is in its `error`), and title and error of each
    runtime of which nothing came. Raises where nothing can be run at all.
    """
    require_sklearn()
    each = resolve(spec, "eval")
    other = (
        None
        if reference is None
        else _reference(reference, replace(spec, y_key=each[0].inputs.y_key))
    )
    results: list[Result] = []
    failures: list[tuple[str, EdgeloopError]] = []
    for resolved in each:
        for choice in resolved.choices:
            observer.note(choice)
        try:
            with ExitStack() as stack:
                writer = None
                if save:
                    target = open_result(out, resolved.model.path, resolved.runtime)
                    writer = stack.enter_context(target)
                result = evaluate_one(resolved, other, include_preprocess, observer, writer)
        except EdgeloopError as error:
            failures.append((resolved.title, error))
            continue
        results.append(result)
        if isinstance(result.error, InterruptedRunError):
            break
    return results, failures


def evaluate_first(
    spec: RunSpec,
    *,
    reference: Optional[str],
    include_preprocess: bool,
    save: bool,
    out: Optional[str],
    observer: Observer,
) -> Result:
    """Evaluate the first runtime of a spec; raise what `evaluate_all` tells of a failure."""
    results, failures = evaluate_all(
        replace(spec, runtimes=tuple(spec.runtimes)[:1]),
        reference=reference,
        include_preprocess=include_preprocess,
        save=save,
        out=out,
        observer=observer,
    )
    if not results:
        raise failures[0][1]
    return results[0]


def _reference(text: str, spec: RunSpec) -> ResolvedSpec:
    """Resolve MODEL@config with the data of a spec, and nothing of its own runtime's options."""
    defaults = replace(
        spec,
        runtimes=(),
        loops=(),
        output=None,
        instances=None,
        shapes={},
        delegate=None,
        provider=None,
        require_delegate=None,
        settings={},
        library=None,
    )
    return resolve(parse_configuration(text, defaults), "eval")[0]
