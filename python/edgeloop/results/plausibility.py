"""Whether a latency can be true: the work of the model against the peak of the device.

A clock that stops before the work is done gives figures that no device could reach; published
tables hold some. The bound is generous (fewest multiplications, highest peak), so that what is
called impossible is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Optional

from edgeloop.errors import reasoned
from edgeloop.host.peaks import Peak, accelerator_peak, cpu_peak
from edgeloop.models.summary import ModelSummary

IMPOSSIBLE = "impossible"
POSSIBLE = "possible"

# Below this share of the peak an explanation is due; well-tuned convolutions reach 30 to 80 %.
_FAR_UNDER = 0.02

# Below this latency calls and copies, not the arithmetic, take the time.
_CALLS_DOMINATE_NS = 1e6


def plausibility(
    header: Mapping[str, Any],
    summary: Mapping[str, Any],
    model: Optional[ModelSummary],
    flags: Iterable[str],
    computes_on: str,
    peak_gflops: Optional[float],
) -> dict[str, Any]:
    """Return the `plausibility` of a result; `summary` is that of the headline loop.

    The verdict is "possible", "impossible", or null with the reason. `model` is None where its
    file tells nothing of its work; `flags` are those of /proc/cpuinfo; `computes_on` is
    "cpu", "gpu", "edgetpu" or the name of something else; `peak_gflops` is the user's own figure
    for the device.
    """
    work = _multiplications(header, model)
    median_ns = summary["median_ns"]
    if not work or median_ns is None:
        return reasoned("verdict", None, _why_no_work(work, model))
    gflop = 2 * work / 1e9
    if peak_gflops is not None:
        peak = Peak(peak_gflops, "the device", "given by --peak-gflops")
    else:
        peak = _peak(header, summary, model, flags, computes_on)
    # The slow end of the interval: what chance may have shortened is not impossible.
    slowest_ns = (summary["median_ci95_ns"] or (median_ns, median_ns))[1]
    found = {
        "gflop_per_run": gflop,
        "gflops": gflop / (median_ns / 1e9),
        "device": peak.device,
        **reasoned("peak_gflops", peak.gflops, peak.words),
    }
    if peak.gflops is None:
        return {**reasoned("verdict", None, peak.words), **found}
    floor_ns = gflop / peak.gflops * 1e9
    found["source"] = peak.words
    found["floor_ns"] = floor_ns
    if slowest_ns < floor_ns:
        return {"verdict": IMPOSSIBLE, "text": _impossible(gflop, floor_ns, peak), **found}
    share = floor_ns / median_ns
    text = f"{100 * share:.2g} % of the most that {peak.device} can do"
    if share < _FAR_UNDER:
        text += f": {_why_slow(header, summary, median_ns)}"
    return {"verdict": POSSIBLE, "text": text, **found}


def withhold(summary: dict[str, Any], text: str) -> None:
    """Take the headline out of a summary; samples and loops keep what was measured."""
    summary["headline_withheld"] = text
    for name in ("median_ns", "median_ci95_ns"):
        summary.update(reasoned(name, None, text))


def _why_no_work(work: Optional[int], model: Optional[ModelSummary]) -> str:
    if work == 0:
        return "the model multiplies nothing that counts"
    if work is not None:
        return "there is no median"
    if model is not None and model.fewest_multiplications is None:
        return f"the multiply-accumulates are not known: {model.macs_reason}"
    return "the multiply-accumulates at the shapes that were run are unknown"


def _multiplications(header: Mapping[str, Any], model: Optional[ModelSummary]) -> Optional[int]:
    """Return the fewest multiplications of one run as it was measured."""
    if model is None or model.fewest_multiplications is None or not model.inputs:
        return None
    items = 1
    for stated, measured in zip(model.inputs, header["model"]["inputs"]):
        if stated.shape is None or len(stated.shape) != len(measured["shape"]):
            return None
        if tuple(stated.shape[1:]) != tuple(measured["shape"][1:]):
            return None  # counted at other sizes than it was run with
        if stated.shape:
            items = max(items, measured["shape"][0] // (stated.shape[0] or 1))
    return model.fewest_multiplications * items


def _peak(
    header: Mapping[str, Any],
    summary: Mapping[str, Any],
    model: Optional[ModelSummary],
    flags: Iterable[str],
    computes_on: str,
) -> Peak:
    compatible = header["host"]["board"]["compatible"]
    if computes_on == "gpu":
        return accelerator_peak("gpu", compatible, None)
    if computes_on == "edgetpu":
        return accelerator_peak("edgetpu", compatible, "int8")
    if computes_on != "cpu":
        return Peak(None, "the device", f"where {computes_on} computes is not known")
    busy = math.ceil(summary.get("cpus_used") or 0)
    return cpu_peak(header["host"], flags, max(header["runtime"]["threads"], busy), _dtype(model))


def _dtype(model: Optional[ModelSummary]) -> str:
    """Return in which of the table's dtypes the model may compute at its fastest."""
    precision = (model.precision if model else None) or ""
    if "int" in precision or precision in ("dynamic", "mixed"):
        return "int8"
    return "fp16" if precision == "fp16" else "fp32"


def _impossible(gflop: float, floor_ns: float, peak: Peak) -> str:
    return (
        f"impossible: {gflop:.3g} GFLOP a run take at least {floor_ns / 1e6:.3g} ms at the "
        f"{peak.gflops:.4g} GFLOP/s of {peak.device}: the clock stopped before the work was done, "
        "or not all of it was done"
    )


def _why_slow(header: Mapping[str, Any], summary: Mapping[str, Any], median_ns: float) -> str:
    """Return the causes that the result itself shows."""
    if median_ns < _CALLS_DOMINATE_NS:
        return "a run this short is calls and copies more than arithmetic"
    causes = []
    placement = header.get("placement")
    if placement is not None and placement["rest"].get("share_macs"):
        share = placement["rest"]["share_macs"]
        causes.append(f"{100 * share:.2g} % of the work ran on {placement['rest']['runs_on']}")
    used, threads = summary.get("cpus_used"), header["runtime"]["threads"]
    if used is not None and threads > 1 and used < threads / 2:
        causes.append(f"{used:.2g} of {threads} threads were busy")
    causes.append("plain kernels, memory, or a clock below its highest are the usual causes")
    return "; ".join(causes)
