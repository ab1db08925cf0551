"""From the samples of a result to its last line: all of it can be recomputed from the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from edgeloop.results.schema import Block, Result
from edgeloop.results.throttle_verdict import in_burst
from edgeloop.stats.summary import Summary, summarise

# Waking threads and reading the clock would be most of a shorter block.
_SHORTEST_FOR_CPUS_NS = 10_000_000


def summarise_result(result: Result, stop_reason: str) -> dict[str, Any]:
    """Return `summary` (of the headline loop), `loops`, and for `overhead` the differences."""
    counted = in_burst(result) if result.header["spec"].get("regime") == "burst" else result
    loops = {loop: _loop_summary(counted, loop, stop_reason) for loop in result.loop_names}
    loops = {loop: summary for loop, summary in loops.items() if summary is not None}
    if not loops:
        return {"summary": None, "summary_reason": "nothing was measured", "loops": {}}
    documents = {loop: summary.as_dict() for loop, summary in loops.items() if summary}
    headline = dict(documents[next(iter(documents))])
    headline.update(_cpus_used(counted))
    headline.update(_open_loop(counted))
    headline.update(_stages(counted))
    document: dict[str, Any] = {"summary": headline, "loops": documents}
    if len(loops) > 1:
        from edgeloop.results.overhead import overhead

        document["overhead"] = overhead(result)
    return document


def _loop_summary(result: Result, loop: str, stop_reason: str) -> Optional[Summary]:
    blocks = _blocks(result, loop)
    if not blocks:
        return None
    tails = [invocation.run_times(loop, tail=True) for invocation in result.invocations]
    return summarise(
        [invocation.run_times(loop) for invocation in result.invocations],
        result.header["spec"]["percentiles"],
        tail_processes=tails if any(tails) else None,
        elapsed_s=sum(block.wall_ns for block in blocks) / 1e9 if blocks[0].interval_ns else None,
        items_per_run=_batch_size(result),
        tick_ns=result.header["clock"]["tick_ns"],
        stop_reason=stop_reason,
    )


def _blocks(result: Result, loop: str) -> Sequence[Block]:
    return [
        block
        for invocation in result.invocations
        for block in invocation.blocks
        if block.loop == loop and not block.tail and block.durations_ns.size
    ]


def _batch_size(result: Result) -> Optional[int]:
    """Return the items of one run: the first dimension that all inputs share."""
    firsts = {spec["shape"][0] for spec in result.header["model"]["inputs"] if spec["shape"]}
    return int(firsts.pop()) if len(firsts) == 1 else None


def _open_loop(result: Result) -> dict[str, Any]:
    """Return how well a fixed rate was kept: late runs and the share of time inside runs."""
    blocks = [block for block in _blocks(result, result.loop_names[0]) if block.interval_ns]
    if not blocks:
        return {}
    late = sum(int(np.count_nonzero(b.durations_ns > (b.interval_ns or 0))) for b in blocks)
    return {
        "rate_hz": result.header["spec"]["rate_hz"],
        "missed_deadlines": late,
        "utilisation": sum(b.busy_ns or 0 for b in blocks) / sum(b.wall_ns for b in blocks),
    }


def _stages(result: Result) -> dict[str, Any]:
    """Return the median of each stage of a run on a device, over all processes."""
    times: dict[str, list[int]] = {}
    for invocation in result.invocations:
        for name, values in (invocation.stages_ns or {}).items():
            times.setdefault(name, []).extend(values)
    if not times:
        return {}
    from edgeloop.stats.quantile import quantile_interval

    estimates = {name: quantile_interval(values, 0.5) for name, values in times.items()}
    return {
        "stages": {
            name: {
                "value_ns": found.value,
                "ci95_ns": found.interval,
                "n": found.n,
                "reason": found.reason,
            }
            for name, found in estimates.items()
        }
    }


def _cpus_used(result: Result) -> dict[str, Any]:
    """Return how many CPUs the worker kept busy while the headline loop ran."""
    shares = [
        block.cpu_ns / block.wall_ns
        for block in _blocks(result, result.loop_names[0])
        if block.cpu_ns is not None and block.wall_ns >= _SHORTEST_FOR_CPUS_NS
    ]
    if not shares:
        return {"cpus_used": None, "cpus_used_reason": "no block is long enough to measure it"}
    return {"cpus_used": float(np.median(shares))}
