"""One configuration: as many worker processes as its precision needs, then the summary."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Optional

from edgeloop.host.frequency import frequency_policies
from edgeloop.host.info import host_info
from edgeloop.measure.invocation import Attempt, Budget, LoadDuring, measure
from edgeloop.measure.observer import Observer, Progress
from edgeloop.measure.session import Predictions
from edgeloop.metrics.classification import accuracy, why_no_accuracy
from edgeloop.results.overhead import PROCESSES_FOR_TWO_INSTANCES
from edgeloop.results.schema import SCHEMA_VERSION, Result
from edgeloop.results.store import ResultWriter, new_path
from edgeloop.results.summarise import headline_blocks, summarise_result
from edgeloop.results.warnings import machine_warnings, result_warnings
from edgeloop.runtimes import runtime
from edgeloop.runtimes._base import instance_of
from edgeloop.runtimes.identity import library_identity
from edgeloop.spec import ResolvedSpec
from edgeloop.stats.stopping import PRESETS, Preset, run_stop_reason


def preset_of(spec: ResolvedSpec) -> Preset:
    """Return the effort's rules, with the budget that the user set instead of its own."""
    preset = PRESETS[spec.effort]
    return preset if spec.budget_s is None else replace(preset, total_seconds=spec.budget_s)


class Experiment:
    """Starts processes until the run may stop, and keeps each on the disk as it ends."""

    def __init__(
        self, spec: ResolvedSpec, observer: Observer, writer: Optional[ResultWriter]
    ) -> None:
        self._spec = spec
        self._observer = observer
        self._writer = writer
        self._preset = preset_of(spec)
        self._planned, self._most = self._preset.processes, self._preset.max_processes
        if spec.fixed is not None:
            self._planned = self._most = spec.processes or 1
        elif spec.processes is not None:
            self._planned = self._most = spec.processes
        self._spent_s = 0.0
        self._generator = random.Random(spec.seed)
        self._result: Optional[Result] = None
        self._predictions: Optional[Predictions] = None
        self._load: Optional[LoadDuring] = None

    def run(self) -> Result:
        """Measure; return the result, with what ended it early in `error`.

        Raises what went wrong where nothing at all was measured.
        """
        self._observer.phase(f"measuring {self._spec.title}")
        number = 0
        stop_reason: Optional[str] = None
        while stop_reason is None:
            attempt = self._attempt(number)
            number += 1
            result = self._keep(attempt)
            self._spent_s = sum(invocation.measuring_s for invocation in result.invocations)
            stop_reason = "failed" if attempt.error is not None else self._stop_reason(result)
        result.summary = _last_line(result, stop_reason, self._predictions, self._load)
        self._append(result.summary)
        return result

    def _attempt(self, number: int) -> Attempt:
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
        budget = Budget(self._preset, self._share_s)
        return measure(self._spec, budget, number, self._generator, self._observer, base)

    def _share_s(self, needed_s: float) -> float:
        """Give a process its share; fewer processes where one needs more than that."""
        total_s = self._preset.total_seconds
        if needed_s > total_s / self._planned and self._spec.processes is None:
            fewest = min(self._fewest_processes(), self._planned)
            self._planned = max(fewest, min(self._planned, int(total_s / needed_s)))
        return total_s / self._planned

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
        typical_s = self._spent_s / done
        return run_stop_reason(
            headline_blocks(result),
            self._preset,
            max_processes=self._most,
            remaining_s=self._preset.total_seconds - self._spent_s,
            process_s=typical_s,
            runs_per_sample=result.invocations[0].blocks[0].runs_per_sample,
        )

    def _keep(self, attempt: Attempt) -> Result:
        """Add what an attempt gave to the result and to its file."""
        if self._result is None:
            if attempt.error is not None and not (
                attempt.invocation is not None and attempt.invocation.blocks
            ):
                raise attempt.error
            header = header_of(self._spec, attempt)
            self._result = Result(header=header)
            if self._writer is not None:
                self._result.path = str(self._writer.path)
            self._append(header)
        result = self._result
        result.error = attempt.error
        self._predictions = self._predictions or attempt.predictions
        self._load = self._load or attempt.load
        if attempt.invocation is not None:
            result.invocations.append(attempt.invocation)
            self._append(attempt.invocation.as_dict(result.fastest_probe_ns()))
        return result

    def _append(self, document: dict[str, Any]) -> None:
        if self._writer is not None:
            self._writer.append(document)


def write_side(
    spec: ResolvedSpec, attempts: Sequence[Attempt], stop_reason: str, out: Optional[str]
) -> Optional[str]:
    """Write the result file of one side of a comparison; return its path, None without samples."""
    measured = [attempt for attempt in attempts if attempt.invocation is not None]
    if not any(attempt.invocation and attempt.invocation.blocks for attempt in measured):
        return None
    with ResultWriter(new_path(out, spec.model.path, spec.runtime)) as writer:
        result = Result(header=header_of(spec, measured[0]), path=str(writer.path))
        writer.append(result.header)
        for attempt in measured:
            if attempt.invocation is not None:
                result.invocations.append(attempt.invocation)
                writer.append(attempt.invocation.as_dict(result.fastest_probe_ns()))
        writer.append(_last_line(result, stop_reason, None, None))
    return result.path


def _last_line(
    result: Result,
    stop_reason: str,
    predictions: Optional[Predictions],
    load: Optional[LoadDuring],
) -> dict[str, Any]:
    """Return summary, loops, overhead, accuracy and warnings."""
    line = summarise_result(result, stop_reason)
    line.update(_accuracy(predictions))
    line["warnings"] = [*machine_warnings(load), *result_warnings(result, line)]
    return line


def _accuracy(predictions: Optional[Predictions]) -> dict[str, Any]:
    """Return the `accuracy` of a result, or why it has none."""
    if predictions is None:
        return {"accuracy": None, "accuracy_reason": "no data was given"}
    reason = why_no_accuracy(predictions.scores, predictions.labels)
    if reason is not None or predictions.labels is None:
        return {"accuracy": None, "accuracy_reason": reason}
    return {"accuracy": accuracy(predictions.scores, predictions.labels).as_dict()}


def header_of(spec: ResolvedSpec, attempt: Attempt) -> dict[str, Any]:
    """Describe everything that stays the same over the processes of a run."""
    loaded, python = attempt.loaded, attempt.python
    assert loaded is not None
    assert python is not None
    installation = loaded["installation"]
    chosen = runtime(spec.runtime)
    coverage = loaded["coverage"]
    return {
        "schema_version": SCHEMA_VERSION,
        "command": spec.command,
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "title": spec.title,
        "spec": spec.as_dict(),
        "host": host_info().as_dict(),
        "policies": [policy.as_dict() for policy in frequency_policies()],
        "runtime": {
            "name": spec.runtime,
            "version": loaded["runtime_version"],
            "origin": installation["origin"],
            **library_identity(installation["library"]),
            "threads": spec.options.threads,
            "delegates": list(spec.options.delegates) if chosen.delegates else [],
            "provider": None,
            "provider_reason": "this runtime has no execution providers"
            if spec.runtime != "onnxruntime"
            else "the CPU provider, the only one this version asks for",
            "python": python[0],
            "executable": python[1],
        },
        "model": {
            **asdict(spec.model),
            "inputs": loaded["inputs"],
            "outputs": loaded["outputs"],
        },
        "clock": attempt.clock,
        "timed_region": {loop: chosen.timed_region[loop] for loop in spec.loops},
        "attaches": chosen.attaches,
        "coverage": None
        if coverage is None
        else [{"owner": owner, "nodes": nodes} for owner, nodes in coverage],
        **(
            {"coverage_reason": "this runtime offers no way to tell which node ran where"}
            if coverage is None
            else {}
        ),
    }
