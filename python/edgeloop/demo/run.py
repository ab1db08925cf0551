"""Run the bundled model in every installed runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from edgeloop.demo import Variant, variants
from edgeloop.errors import EdgeloopError, InterruptedRunError, NotAvailableError
from edgeloop.measure.bench import measure_one
from edgeloop.measure.observer import Observer
from edgeloop.results.figures import duration_interval
from edgeloop.results.schema import Result
from edgeloop.runtimes import runtime, runtimes_of
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.run import RunSpec

# Enough to show what the binding and what a whole application call cost.
LOOPS = ("native", "binding", "framework", "framework-io")

# Seconds of measuring for a row, and for all of them: with the loading it stays under a minute.
_ROW_S = 5.0
_ALL_ROWS_S = 24.0

# TorchScript has no shapes, and every other variant says its own.
_TORCH_SHAPE = (1, 1, 8, 8)


@dataclass(frozen=True)
class Row:
    """One variant in one runtime: its result, or why it has none."""

    variant: Variant
    runtime: str
    result: Optional[Result]
    error: Optional[EdgeloopError]

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        return {
            "variant": self.variant.name,
            "runtime": self.runtime,
            "result": None if self.result is None else self.result.as_dict(),
            "error": None if self.error is None else str(self.error),
        }


@dataclass(frozen=True)
class Outcome:
    """All rows, and the runtimes that are not installed with the command that installs them."""

    rows: Sequence[Row]
    missing: Sequence[tuple[str, str]]

    @property
    def exit_code(self) -> int:
        """The code of the first failed row; a runtime that is not installed is not a failure."""
        return next((row.error.exit_code for row in self.rows if row.error is not None), 0)


def run_demo(observer: Observer, seed: int) -> Outcome:
    """Measure every variant in every runtime found.

    Raises NotAvailableError where there is none at all.
    """
    pairs: list[tuple[Variant, str]] = []
    missing: dict[str, str] = {}
    for variant in variants():
        for name in runtimes_of(variant.format):
            try:
                runtime(name).find(None)
            except NotAvailableError:
                missing[name] = runtime(name).install_hint
            else:
                pairs.append((variant, name))
    rows: list[Row] = []
    for variant, name in pairs:
        budget_s = min(_ROW_S, _ALL_ROWS_S / len(pairs))
        rows.append(_measure(variant, name, budget_s, observer, seed))
        error = rows[-1].error
        if isinstance(error, InterruptedRunError):
            raise error
        observer.note(f"{len(rows)} of {len(pairs)}: {_brief(rows[-1])}")
    if not rows:
        raise NotAvailableError(
            "no runtime is installed to run the demo; install two with: "
            "python -m pip install 'edgeloop[demo]'"
        )
    return Outcome(rows, tuple(missing.items()))


def _brief(row: Row) -> str:
    """Return a row in one line, as soon as it is measured."""
    name = f"{row.variant.name} in {row.runtime}"
    if row.result is None or row.result.median_ns is None:
        return f"{name}: {row.error or 'no latency'}"
    return f"{name}: {duration_interval(row.result.median_ns, row.result.median_ci95_ns)}"


def _measure(variant: Variant, name: str, budget_s: float, observer: Observer, seed: int) -> Row:
    loops = tuple(loop for loop in LOOPS if loop in runtime(name).loops)
    spec = RunSpec(
        model=str(variant.path),
        runtimes=(name,),
        loops=loops,
        shapes={"": _TORCH_SHAPE} if variant.format == "pytorch" else {},
        data=str(variant.data_path),
        data_layout=variant.data_layout,
        # A dozen short processes: what Python costs differs from one to the next on a busy machine.
        effort="standard",
        budget_s=budget_s,
        seed=seed,
    )
    try:
        (resolved,) = resolve(spec, "overhead")
        result = measure_one(resolved, save=False, out=None, observer=observer)
    except EdgeloopError as error:
        return Row(variant, name, None, error)
    return Row(variant, name, result, result.error)
