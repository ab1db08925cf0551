"""Latency and accuracy of the float and the quantised model, in the runtime that runs both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from edgeloop.conversion.quantization.report import Figures, ratio_words
from edgeloop.errors import EdgeloopError, InterruptedRunError
from edgeloop.measure.compare import compare_live
from edgeloop.measure.evaluation import evaluate_all
from edgeloop.results.compare import Compared
from edgeloop.results.store import read_result
from edgeloop.spec.run import RunSpec
from edgeloop.stats.verdict import DELTA

if TYPE_CHECKING:
    from edgeloop.measure.observer import Observer
    from edgeloop.results.schema import Result


@dataclass(frozen=True)
class Latency:
    """The comparison of the quantised model with the float one."""

    figures: Figures
    verdict: Optional[str] = None
    words: str = ""
    undelegated: Optional[int] = None
    """Nodes of the quantised model that no delegate runs; None where it is not known."""


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


def compare_accuracy(baseline: str, result: str, measured: RunSpec, observer: Observer) -> Figures:
    """Run the data of `measured` through both, on the engines that would be timed."""
    if measured.data is None:
        return Figures(reason="there is no --data to take it on")
    if measured.scale is None and measured.mean is None and measured.std is None:
        # Both take the values that the float model takes: uint8 pixels are real values to it, and
        # would be taken as stored already by a model of uint8.
        measured = replace(measured, scale=1.0)
    values: dict[str, Any] = {}
    for side, model in (("before", baseline), ("after", result)):
        try:
            found = _evaluated(replace(measured, model=model), observer)
        except InterruptedRunError:
            raise
        except EdgeloopError as error:
            return Figures(reason=f"{side} the quantisation: {error}")
        if found.summary["accuracy"] is None:
            return Figures(reason=str(found.summary["accuracy_reason"]))
        values[side] = found.summary["accuracy"]
    return Figures(values)


def _evaluated(spec: RunSpec, observer: Observer) -> Result:
    observer.phase(f"taking the accuracy of {Path(spec.model).name}")
    result = evaluate_all(
        spec, reference=None, include_preprocess=False, save=False, out=None, observer=observer
    )
    if result.error is not None:
        raise result.error
    return result


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
    left = None if placement is None else int(placement["rest"]["nodes"])
    return Latency(Figures(values), comparison.verdict, ratio_words(values), left)


def _median(result: Optional[Result]) -> Optional[dict[str, Any]]:
    if result is None or not result.summary or not result.summary["summary"]:
        return None
    summary = result.summary["summary"]
    return {name: summary.get(name) for name in ("median_ns", "median_ci95_ns", "n")}
