"""Headline intervals of older versions that said more than their processes could."""

from __future__ import annotations

from typing import Any

from edgeloop.stats.processes import FEWEST_PROCESSES, too_few_processes

_OF_PROCESSES = ("median_ci95_ns", "p90_ci95_ns", "p99_ci95_ns")


def without_false_certainty(document: dict[str, Any]) -> None:
    """Take intervals of fewer than three processes out of the last line of a result, in place.

    The scatter within a process stays in `median_ci95_within_ns`. What other programs wrote into
    the place of a summary is left as it is.
    """
    loops = document.get("loops")
    summaries = [document.get("summary"), *(loops.values() if isinstance(loops, dict) else ())]
    for summary in summaries:
        processes = summary.get("processes") if isinstance(summary, dict) else None
        if type(processes) is not int or not 0 < processes < FEWEST_PROCESSES:
            continue
        reason = too_few_processes(processes)
        for name in _OF_PROCESSES:
            if summary.get(name) is not None:
                summary.update({name: None, f"{name}_reason": reason})
        percentiles = summary.get("percentiles")
        for one in percentiles.values() if isinstance(percentiles, dict) else ():
            if isinstance(one, dict) and one.get("ci95_ns") is not None:
                one.update(ci95_within_ns=one["ci95_ns"], ci95_ns=None, reason=reason)
