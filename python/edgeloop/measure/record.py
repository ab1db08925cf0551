"""What is kept of one configuration: a result that grows, in memory and on the disk."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Optional

from edgeloop.errors import CannotWriteError, CheckFailedError, EdgeloopError, reasoned
from edgeloop.host.cpuinfo import cpu_entries
from edgeloop.host.frequency import frequency_policies
from edgeloop.host.info import host_info
from edgeloop.measure.attempt import Attempt, LoadDuring
from edgeloop.measure.data_set import DataResult
from edgeloop.measure.data_warnings import data_warnings
from edgeloop.measure.live_worker import LiveWorker
from edgeloop.measure.placement import placement_document
from edgeloop.measure.surroundings import Surroundings
from edgeloop.models.provenance import provenance
from edgeloop.models.summary import ModelSummary
from edgeloop.results.document import SCHEMA_VERSION
from edgeloop.results.placement import why_too_little
from edgeloop.results.plausibility import IMPOSSIBLE, plausibility, withhold
from edgeloop.results.schema import Result
from edgeloop.results.sessions import put_sessions
from edgeloop.results.store import LineWriter, ResultWriter
from edgeloop.results.summarise import summarise_result
from edgeloop.results.throttle_verdict import FEWEST_CLEAN
from edgeloop.results.warnings import all_warnings, machine_warnings, result_warnings
from edgeloop.runtimes import runtime
from edgeloop.runtimes.identity import library_identity
from edgeloop.spec.load import instance_of
from edgeloop.spec.resolved import ResolvedSpec


class Record:
    """The result of one configuration, written line by line where a writer is given.

    A disk that is full ends the file, not the measurement: the result in memory goes on, and says
    so in `error` when it is finished.
    """

    def __init__(self, spec: ResolvedSpec, writer: Optional[LineWriter]) -> None:
        self.result: Optional[Result] = None
        """None until the first process that measured something."""
        self._spec = spec
        self._writer = writer
        self._unwritten: Optional[CannotWriteError] = None

    def add(self, attempt: Attempt) -> Optional[Result]:
        """Keep what a process gave; return the result so far."""
        invocation = attempt.invocation
        if self.result is None:
            if invocation is None or not invocation.blocks:
                return None
            assert attempt.worker is not None
            header = header_of(self._spec, attempt.worker, attempt.governor)
            self.result = Result(header=header)
            self._append(self.result.header)
            if self._writer is not None and self._unwritten is None:
                self.result.path = str(self._writer.path)
        self.result.error = attempt.error
        if invocation is not None:
            self.result.invocations.append(invocation)
            self._append(invocation.as_dict(self.result.block_labels()[-1]))
        return self.result

    def finish(
        self,
        stop_reason: str,
        data_result: Optional[DataResult] = None,
        load: Optional[LoadDuring] = None,
        surroundings: Optional[Surroundings] = None,
        extra: Optional[dict[str, Any]] = None,
    ) -> Result:
        """Add the last line: summary, loops, overhead, accuracy, warnings, and what is `extra`."""
        result = self.result
        assert result is not None, "nothing was measured"
        result.summary = summarise_result(result, stop_reason)
        result.summary.update(
            {"accuracy": None, "accuracy_reason": "no data was given"}
            if data_result is None
            else data_result.as_dict()
        )
        if surroundings is not None:
            result.summary.update(surroundings.document(result))
            _put_energy(result.summary)
            _require_clean_burst(self._spec, result.summary)
        result.summary.update(extra or {})
        result.summary.update(_plausibility(self._spec, result))
        if isinstance(self._writer, ResultWriter):
            put_sessions(result.header, result.summary, self._writer.path)
        result.summary["warnings"] = all_warnings(
            machine_warnings(load),
            [
                *([] if data_result is None else data_warnings(data_result)),
                *result_warnings(result, result.summary),
            ],
        )
        self._append(result.summary)
        result.error = result.error or self._unwritten
        return result

    def _append(self, document: dict[str, Any]) -> None:
        if self._writer is None or self._unwritten is not None:
            return
        try:
            self._writer.append(document)
        except CannotWriteError as error:
            self._unwritten = error


def _require_clean_burst(spec: ResolvedSpec, summary: dict[str, Any]) -> None:
    """Withhold the headline of a burst of which too many blocks ran slower than the others."""
    found = summary["throttling"]
    share = found.get("share_slower")
    if spec.regime != "burst" or share is None or 1 - share >= FEWEST_CLEAN:
        return
    if summary["summary"] is not None:
        least = f"at least {100 * FEWEST_CLEAN:.0f} % of its blocks must be clean"
        withhold(summary["summary"], f"this was not a burst, {found['text']}; {least}")


def _put_energy(summary: dict[str, Any]) -> None:
    """Let the headline tell the energy of a run, or why it does not."""
    headline, found = summary["summary"], summary["energy"]
    if headline is None:
        return
    headline["energy_j"] = None if found is None else found["energy_per_run_j"]
    headline.pop("energy_j_reason", None)
    if found is None:
        headline["energy_j_reason"] = summary["energy_reason"]


def _plausibility(spec: ResolvedSpec, result: Result) -> dict[str, Any]:
    """Return the `plausibility` of a result; an impossible headline is withheld."""
    headline = result.summary["summary"]
    if headline is None:
        return {}
    flags = frozenset[str]().union(*(entry.flags for entry in cpu_entries()))
    where = runtime(spec.runtime).computes_on(spec.options)
    found = plausibility(result.header, headline, _work_of(spec), flags, where, spec.peak_gflops)
    if found["verdict"] == IMPOSSIBLE:
        withhold(headline, found["text"])
    return {"plausibility": found}


def _work_of(spec: ResolvedSpec) -> Optional[ModelSummary]:
    """Return the work that the file describes; None where it has none or cannot be read."""
    if spec.model.sha256 is None:
        return None
    from edgeloop.models.inspect import inspect_model

    try:
        return inspect_model(spec.model.path)
    except EdgeloopError:
        return None


def header_of(
    spec: ResolvedSpec, worker: LiveWorker, governor: Optional[Mapping[str, Any]] = None
) -> dict[str, Any]:
    """Describe everything that stays the same over the processes of a run, from one of them.

    `governor`: what holds of the one that was asked for.
    """
    loaded, hello = worker.loaded, worker.client.hello
    installation = loaded["installation"]
    chosen = runtime(spec.runtime)
    placement = loaded["placement"]
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
            **reasoned("device", loaded["device"], "the runtime does not name a device"),
            "threads": spec.options.threads,
            "delegates": [str(delegate) for delegate in spec.options.delegates]
            if chosen.delegates
            else [],
            "delegate_libraries": [
                {"name": name, "options": dict(options), **library_identity(path)}
                for name, path, options in loaded["delegate_libraries"]
            ],
            "uses_threads": chosen.uses_threads,
            **_executed_precision(spec, loaded["executed_precision"]),
            **chosen.provider_document(spec.options),
            "python": hello.python,
            "executable": hello.executable,
        },
        "model": {
            **asdict(spec.model),
            "inputs": loaded["inputs"],
            "outputs": loaded["outputs"],
        },
        **reasoned("conversion", provenance(spec.model.path), "edgeloop did not make this file"),
        "clock": hello.clock,
        "timed_region": {loop: _timed_region(spec, loop, loaded) for loop in spec.loops},
        "attaches": chosen.attaches,
        "control": {**loaded["control"], **(governor or {})},
        **placement_document(spec, placement, loaded["said"]),
    }


def _executed_precision(spec: ResolvedSpec, reported: Optional[str]) -> dict[str, Any]:
    """Return what the kernels compute in, with how that is known or why it is not."""
    work = _work_of(spec)
    name, reason = runtime(spec.runtime).executed_precision(
        spec.options, None if work is None else work.precision, reported
    )
    return {"executed_precision": name, "executed_precision_reason": reason}


def _timed_region(spec: ResolvedSpec, loop: str, loaded: dict[str, Any]) -> str:
    """Return what a loop times, with what the engine or the framework itself says of its part."""
    chosen = runtime(spec.runtime)
    waits = chosen.clock_waits(spec.options)
    if instance_of(loop) != "engine":
        words = chosen.timed_region[loop]
        return str(loaded["framework_regions"].get(loop, words)) + waits
    words = chosen.engine_of(spec.options.package).timed_region[loop]
    own = loaded["engine_region"]
    return (words if own is None else f"{words}: {own}") + waits


def failed_check(spec: ResolvedSpec, result: Result) -> Optional[CheckFailedError]:
    """Return the error where delegates took less than was required, or --strict finds a fault."""
    error = failed_requirement(spec, result.header)
    found = result.summary.get("plausibility", {})
    if error is None and spec.strict and found.get("verdict") == IMPOSSIBLE:
        error = CheckFailedError(f"--strict: {found['text']}")
    return error


def failed_requirement(spec: ResolvedSpec, header: Mapping[str, Any]) -> Optional[CheckFailedError]:
    """Return the error where delegates took less than was required."""
    reason = header.get("placement_reason", "")
    why = why_too_little(spec.require_delegate, header["placement"], reason)
    return None if why is None else CheckFailedError(why)
