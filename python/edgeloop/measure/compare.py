"""`compare`: two configurations live, or two stored results; ratio, interval, verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Any, Optional

import numpy as np

from edgeloop.errors import EdgeloopError, ModelError, UsageError
from edgeloop.host.processes import snapshot
from edgeloop.measure.bench import preset_of
from edgeloop.measure.invocation import Attempt, load_during
from edgeloop.measure.observer import Observer
from edgeloop.measure.pairing import PairedRun, measure_paired
from edgeloop.measure.record import Record
from edgeloop.results.sample_warnings import SAMPLE_CODES
from edgeloop.results.schema import Result, probe_throttled
from edgeloop.results.store import SUFFIX, LineWriter, open_result, read_result
from edgeloop.runtimes import runtime
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.configuration import parse_configuration
from edgeloop.spec.run import ResolvedSpec, RunSpec
from edgeloop.stats.compare import Comparison, compare_unpaired
from edgeloop.stats.run_times import joined
from edgeloop.stats.verdict import SLOWER

# What may differ between two stored results without `--allow`: nothing of this.
CONDITIONS = ("model", "host", "clock", "threads", "governor")

# Shares of throttled blocks further apart than this are two different states of the machine.
_THROTTLED_APART = 0.2

_SPINNING = "intra-op-spinning"


@dataclass(frozen=True)
class Compared:
    """The comparison of B against A with what is needed to read it."""

    a: str
    b: str
    """Titles of the two sides."""
    comparison: Comparison
    stop_reason: Optional[str]
    notes: tuple[str, ...]
    results: tuple[Optional[str], Optional[str]]
    """Paths of the result files of either side."""
    warnings: tuple[dict[str, Any], ...] = ()
    """What the machine and the runtimes warn of, on either side."""
    error: Optional[EdgeloopError] = None

    def is_worse(self, verdict: str, share: float) -> bool:
        """Return whether the verdict is this one, by more than the share; 0: by whatever."""
        ratio = self.comparison.ratio
        difference = ratio - 1 if verdict == SLOWER else 1 - ratio
        return self.comparison.verdict == verdict and (share == 0.0 or difference > share)

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        return {
            "a": self.a,
            "b": self.b,
            **asdict(self.comparison),
            "warnings": list(self.warnings),
            "half_width": self.comparison.half_width,
            "stop_reason": self.stop_reason,
            "notes": [*self.comparison.warnings, *self.notes],
            "results": list(self.results),
            **({} if self.error is None else {"error": str(self.error)}),
        }


def is_result(text: str) -> bool:
    """Return whether an argument of `compare` names a stored result."""
    return text.endswith(SUFFIX)


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
    """Measure two configurations against each other, interleaved block by block.

    Raises what went wrong where not one pair was measured.
    """
    if out is not None and is_result(out):
        raise UsageError(f"--out {out}: a comparison writes two results; name their folder")
    sides = (parse_configuration(a_text, defaults), parse_configuration(b_text, defaults))
    if defaults.host is not None:
        from edgeloop.remote.board import Board
        from edgeloop.remote.measuring import compare_on_board

        if sides[0].python != sides[1].python:
            raise UsageError("with --host both sides run in one interpreter: name it by --python")
        with Board(defaults.host, sides[0].python) as board:
            return compare_on_board(board, sides, delta, observer, save=save, out=out)
    with ExitStack() as stack:

        def opened(side: int, spec: ResolvedSpec) -> Optional[LineWriter]:
            if not save:
                return None
            return stack.enter_context(open_result(out, spec.model.path, spec.runtime))

        return compare_specs(sides, delta, observer, opened)


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
    run = measure_paired(a, b, preset_of(a), delta, observer, keep)
    load = load_during(before)
    stop_reason = "failed" if run.error else run.stop_reason
    results = [
        record.finish(stop_reason, load=load) for record in records if record.result is not None
    ]
    if not run.sessions:
        raise run.error or EdgeloopError("not one pair of blocks was measured")
    return Compared(
        a=_title(a),
        b=_title(b),
        comparison=run.compare(delta, _throttled_apart(run)),
        stop_reason=run.stop_reason,
        notes=_notes(run),
        results=(results[0].path, results[1].path),
        warnings=_warnings(results),
        error=run.error or results[0].error or results[1].error,
    )


def compare_stored(a_path: str, b_path: str, delta: float, allow: Sequence[str]) -> Compared:
    """Compare two stored results by the medians of their processes.

    Raises UsageError for an unknown condition in `allow`, ModelError for a file that holds no
    measurement.
    """
    require_conditions(allow)
    return compare_results(read_result(a_path), read_result(b_path), delta, allow)


def require_conditions(allow: Sequence[str]) -> None:
    """Raise UsageError for what is no condition that may differ."""
    for name in allow:
        if name not in CONDITIONS:
            raise UsageError(f"--allow knows no '{name}'; known: {', '.join(CONDITIONS)}")


def compare_results(a: Result, b: Result, delta: float, allow: Sequence[str]) -> Compared:
    """Compare two results by the medians of their processes; `allow` names what may differ."""
    mismatches = [text for name, text in _differences(a, b) if name not in allow]
    return Compared(
        a=f"{a.header['title']} ({a.loops[0]})",
        b=f"{b.header['title']} ({b.loops[0]})",
        comparison=compare_unpaired(
            _process_medians(a), _process_medians(b), delta=delta, mismatches=mismatches
        ),
        stop_reason=None,
        notes=(),
        results=(a.path, b.path),
        warnings=_warnings((a, b)),
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
    if _SPINNING not in runtime(spec.runtime).settings or _SPINNING in options.settings:
        return spec
    settings = {**options.settings, _SPINNING: "0"}
    return replace(spec, options=replace(options, settings=settings))


def _notes(run: PairedRun) -> tuple[str, ...]:
    notes = []
    if any(_SPINNING in spec.options.settings for spec in run.specs):
        notes.append(
            "ONNX Runtime's idle threads were told not to spin, or they would take the CPUs of the "
            "other side; alone it may be a little faster"
        )
    if run.busy_switches:
        notes.append(
            f"at {run.busy_switches} of {2 * len(run.sessions)} switches the other worker did not "
            "come to rest: its threads took CPU time from the side that was measured"
        )
    waited = run.recovery
    if waited.pauses:
        notes.append(
            f"before {waited.pauses} of {len(run.sessions)} pairs fixed work ran slower than at "
            f"its best, and the next pair waited for it: {waited.paused_s:.1f} s in all, "
            f"{waited.in_vain} times in vain"
        )
    return tuple(notes)


def _warnings(results: Sequence[Result]) -> tuple[dict[str, Any], ...]:
    """Return each kind of warning once; how wide a side's own intervals are is not the ratio's."""
    found: dict[str, dict[str, Any]] = {}
    for result in results:
        for one in result.summary.get("warnings", ()):
            if one["code"] not in SAMPLE_CODES:
                found.setdefault(one["code"], one)
    return tuple(found.values())


def _throttled_apart(run: PairedRun) -> list[str]:
    """Return the sentence that makes sides incomparable whose blocks were throttled unequally."""
    sides = [
        [block.probe_ns for pair in run.attempts if (i := pair[side].invocation) is not None
         for block in i.blocks if block.probe_ns]
        for side in (0, 1)
    ]  # fmt: skip
    fastest_ns = min(min(sides[0], default=0), min(sides[1], default=0))
    shares = [
        float(np.mean([probe_throttled(probe_ns, fastest_ns) for probe_ns in side]))
        for side in sides
        if side
    ]
    if len(shares) == 2 and abs(shares[0] - shares[1]) > _THROTTLED_APART:
        a, b = (f"{100 * share:.0f} %" for share in shares)
        return [f"throttled in {a} of the blocks of A and {b} of those of B"]
    return []


def _process_medians(result: Result) -> list[float]:
    """Return the median time of a run in each process, in ns."""
    medians = []
    for invocation in result.invocations:
        run_times_ns = joined(invocation.run_times(result.loops[0]))
        if run_times_ns.size:
            medians.append(float(np.median(run_times_ns)))
    if not medians:
        raise ModelError(f"{result.path} holds no measurement of its {result.loops[0]} loop")
    return medians


def _differences(a: Result, b: Result) -> list[tuple[str, str]]:
    """Return (condition, sentence) for each condition in which two results differ."""
    found = []
    for name in CONDITIONS:
        ours, theirs = condition(a, name), condition(b, name)
        if ours != theirs:
            found.append((name, f"{name} ({ours} against {theirs}; --allow {name} to go on)"))
    return found


def condition(result: Result, name: str) -> str:
    """Return one of CONDITIONS as it was for a result, in words."""
    header = result.header
    if name == "model":
        return str(header["model"]["sha256"] or header["model"]["path"])[:12]
    if name == "host":
        board = header["host"]["board"].get("model")
        return str(board or ", ".join(header["host"]["cpu"]["model_names"]))
    if name == "clock":
        return str(header["clock"]["name"])
    if name == "threads":
        return str(header["runtime"]["threads"])
    return ", ".join(sorted({str(one["governor"]) for one in header["policies"]})) or "unknown"


def parse_delta(text: str) -> float:
    """Read 2%, or 0.02, as a share. Raises UsageError."""
    number, percent, rest = text.strip().partition("%")
    try:
        share = float(number) / (100.0 if percent else 1.0)
    except ValueError:
        share = -1.0
    if not 0.0 < share < 1.0 or rest:
        raise UsageError(f"'{text}' is no difference; write 2%")
    return share
