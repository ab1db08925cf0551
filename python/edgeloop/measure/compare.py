"""`compare`: two configurations live, or two stored results; ratio, interval, verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Optional

from edgeloop.errors import EdgeloopError, UsageError
from edgeloop.host.processes import snapshot
from edgeloop.measure.attempt import Attempt, load_during
from edgeloop.measure.observer import Observer
from edgeloop.measure.paired_accuracy import paired_accuracy
from edgeloop.measure.pairing import PairedRun, measure_paired, plan_of
from edgeloop.measure.record import Record
from edgeloop.results.compare import Compared, is_result, warnings_of
from edgeloop.results.row import latency
from edgeloop.results.store import LineWriter, open_result
from edgeloop.runtimes import runtime
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.runtimes.choice.title import titled
from edgeloop.spec.configuration import parse_configuration
from edgeloop.spec.resolved import ResolvedSpec
from edgeloop.spec.run import RunSpec


def compare_live(
    a_text: str,
    b_text: str,
    defaults: RunSpec,
    delta: float,
    observer: Observer,
    *,
    save: bool,
    out: Optional[str],
) -> Compared:
    """Measure two configurations against each other here, interleaved block by block.

    Raises what went wrong where not one pair was measured.
    """
    require_folder(out)
    sides = (parse_configuration(a_text, defaults), parse_configuration(b_text, defaults))
    with ExitStack() as stack:

        def opened(side: int, spec: ResolvedSpec) -> Optional[LineWriter]:
            if not save:
                return None
            return stack.enter_context(open_result(out, spec.model.path, spec.runtime))

        return compare_specs(sides, delta, observer, opened)


def require_folder(out: Optional[str]) -> None:
    """Raise UsageError where one file is named for the two results of a comparison."""
    if out is not None and is_result(out):
        raise UsageError(f"--out {out}: a comparison writes two results; name their folder")


def compare_specs(
    sides: tuple[RunSpec, RunSpec],
    delta: float,
    observer: Observer,
    opened: Callable[[int, ResolvedSpec], Optional[LineWriter]],
) -> Compared:
    """Measure two runs against each other here; `opened` gives what a side's result goes to."""
    a, b = _resolve(sides[0]), _resolve(sides[1])
    if a.options.threads > 1 or b.options.threads > 1:
        a, b = _without_spinning(a), _without_spinning(b)
    records = [Record(spec, opened(side, spec)) for side, spec in enumerate((a, b))]
    observer.phase(f"measuring {a.title} ({a.loops[0]}) against {b.title} ({b.loops[0]})")

    def keep(attempts: Sequence[Attempt]) -> None:
        for record, attempt in zip(records, attempts):
            record.add(attempt)

    before = snapshot()
    run = measure_paired(a, b, plan_of(a), delta, observer, keep)
    load = load_during(before)
    stop_reason = "failed" if run.error else run.stop_reason
    results = [
        record.finish(stop_reason, load=load) for record in records if record.result is not None
    ]
    if not run.processes:
        raise run.error or EdgeloopError("not one pair of blocks was measured")
    accuracy, reason = paired_accuracy(a, b, observer)
    return Compared(
        a=_title(a),
        b=_title(b),
        comparison=run.compare(delta),
        medians_ns=(latency(results[0]), latency(results[1])),
        stop_reason=run.stop_reason,
        notes=_notes(run),
        results=(results[0].path, results[1].path),
        warnings=warnings_of(results),
        error=run.error or results[0].error or results[1].error,
        accuracy=accuracy,
        accuracy_reason=reason,
    )


def _resolve(spec: RunSpec) -> ResolvedSpec:
    resolved = resolve(spec, "compare")
    if len(resolved) != 1 or len(resolved[0].loops) != 1:
        raise UsageError(
            f"'{spec.model}' is more than one configuration: name one runtime and one loop"
        )
    return resolved[0]


def _title(spec: ResolvedSpec) -> str:
    return f"{spec.title},loop={spec.loops[0]}"


def _without_spinning(spec: ResolvedSpec) -> ResolvedSpec:
    """Keep an idle worker's thread pool from spinning on the CPUs of the other one."""
    options = spec.options
    settings = {**runtime(spec.runtime).idle_settings, **options.settings}
    if settings == options.settings:
        return spec
    return titled(replace(spec, options=replace(options, settings=settings)))


def _notes(run: PairedRun) -> tuple[str, ...]:
    notes = list(dict.fromkeys(
        runtime(spec.runtime).idle_note
        for spec in run.specs
        if (idle := runtime(spec.runtime).idle_settings.items())
        and idle <= spec.options.settings.items()
    ))  # fmt: skip
    if run.busy_blocks:
        notes.append(
            f"during {run.busy_blocks} of {2 * len(run.processes)} blocks the other worker was not "
            "at rest: its threads took CPU time from the side that was measured"
        )
    return tuple(notes)
