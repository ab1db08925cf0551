"""Latency and accuracy of the float and the quantised model, in the runtime that runs both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from edgeloop.conversion.quantization.report import Figures, ratio_words
from edgeloop.errors import EdgeloopError, InterruptedRunError, reasoned
from edgeloop.measure.compare import compare_live
from edgeloop.measure.data_warnings import DATA_CODES
from edgeloop.measure.evaluate import evaluate_first
from edgeloop.results.compare import Compared
from edgeloop.results.placement import covered_share
from edgeloop.results.store import read_result
from edgeloop.spec.run import RunSpec
from edgeloop.stats.verdict import DELTA

if TYPE_CHECKING:
    from edgeloop.measure.observer import Observer
    from edgeloop.results.schema import Result


# Of the multiply-accumulates: with less left to slower kernels, they are not why it is slow.
_LEAST_SHARE = 0.1


@dataclass(frozen=True)
class Latency:
    """The comparison of the quantised model with the float one."""

    figures: Figures
    verdict: Optional[str] = None
    words: str = ""
    undelegated: Optional[str] = None
    """What of the quantised model no delegate runs, in words; None: too little to be a cause."""


def compare_latency(
    baseline: str, result: str, measured: RunSpec, folder: Path, observer: Observer
) -> Latency:
    """Measure both, interleaved block by block, in two live workers.

    `measured` says how, `folder` takes the two results. What goes wrong is the reason why there
    are no figures: the quantised file stands.
    """
    name = measured.runtimes[0] if measured.runtimes else ""
    defaults = replace(measured, runtimes=())
    try:
        compared = compare_live(
            f"{baseline}@{name}", f"{result}@{name}", defaults, DELTA, observer,
            save=True, out=str(folder),
        )  # fmt: skip
    except InterruptedRunError:
        raise
    except EdgeloopError as error:
        return Latency(Figures(reason=str(error)))
    return _latency(compared)


def compare_accuracy(
    baseline: str, result: str, io: str, measured: RunSpec, observer: Observer
) -> Figures:
    """Run the data of `measured` through both, on the engines that would be timed.

    `io`: dtype of the result's inputs. The values are the accuracy `before` and `after`, and
    `paired`, their difference on the same samples.
    """
    if measured.data is None:
        return Figures(reason="there is no --data to take it on")
    if io == "uint8" and measured.scale is None and measured.mean is None and measured.std is None:
        # Pixels are real values to the float model, and would be stored ones to a model of uint8.
        measured = replace(measured, scale=1.0)
    name = measured.runtimes[0] if measured.runtimes else ""
    observer.phase(f"taking the accuracy before and after, on {measured.data}")
    try:
        found = evaluate_first(
            replace(measured, model=result),
            reference=f"{baseline}@{name}",
            include_preprocess=False,
            save=False,
            out=None,
            observer=observer,
        )
        if found.error is not None:
            raise found.error
    except InterruptedRunError:
        raise
    except EdgeloopError as error:
        return Figures(reason=str(error))
    summary = found.summary
    for which in ("reference_accuracy", "accuracy"):
        if summary.get(which) is None:
            return Figures(reason=str(summary.get(f"{which}_reason") or summary["accuracy_reason"]))
    values = {
        "before": summary["reference_accuracy"],
        "after": summary["accuracy"],
        **reasoned("paired", summary["paired"], str(summary.get("paired_reason"))),
    }
    warnings = tuple(one for one in summary["warnings"] if one["code"] in DATA_CODES)
    return Figures(values, warnings=warnings)


def _latency(compared: Compared) -> Latency:
    comparison = compared.comparison
    before, after = (None if path is None else read_result(path) for path in compared.results)
    header: Mapping[str, Any] = {} if after is None else after.header
    runtime: Mapping[str, Any] = header.get("runtime", {})
    values: dict[str, Any] = {
        "runtime": runtime.get("name"),
        "runtime_version": runtime.get("version"),
        "threads": runtime.get("threads"),
        "before": _median(before),
        "after": _median(after),
        **asdict(comparison),
        "stop_reason": compared.stop_reason,
        "notes": list(compared.notes),
    }
    placement = header.get("placement")
    left = None if placement is None else undelegated(placement)
    return Latency(Figures(values), comparison.verdict, ratio_words(values), left)


def undelegated(placement: Mapping[str, Any]) -> Optional[str]:
    """Say what the delegates left; None where it is too little of the work to decide the time."""
    _, share, basis = covered_share(placement)
    if 1.0 - share < _LEAST_SHARE:
        return None
    return f"{placement['rest']['nodes']} node(s), {1.0 - share:.0%} of the {basis},"


def _median(result: Optional[Result]) -> Optional[dict[str, Any]]:
    if result is None or not result.summary or not result.summary["summary"]:
        return None
    summary = result.summary["summary"]
    return {name: summary.get(name) for name in ("median_ns", "median_ci95_ns", "n")}
