"""What each loop costs beyond the reference loop, from blocks that were measured in turn."""

from __future__ import annotations

from typing import Any

from edgeloop.results.schema import Invocation, Result
from edgeloop.spec.load import instance_of
from edgeloop.stats.compare import difference

# Two instances of a model lie in different memory for the life of a process: fewer processes
# measure that chance, not the loop.
PROCESSES_FOR_TWO_INSTANCES = 5


def overhead(result: Result) -> dict[str, Any]:
    """Return, for every loop but the first, the difference per call in ns and as a share."""
    reference, *others = result.loop_names
    return {
        "reference": reference,
        "same_instance": {loop: _same_instance(result, reference, loop) for loop in others},
        "loops": {loop: _difference(result, reference, loop) for loop in others},
    }


def _same_instance(result: Result, reference: str, loop: str) -> bool:
    """Return whether both loops run one and the same loaded model."""
    return bool(result.header["attaches"]) or instance_of(reference) == instance_of(loop)


def _difference(result: Result, reference: str, loop: str) -> dict[str, Any]:
    a_ns: list[float] = []
    b_ns: list[float] = []
    numbers: list[int] = []
    for number, invocation in enumerate(result.invocations):
        pairs = list(zip(_medians(invocation, reference), _medians(invocation, loop)))
        a_ns += [pair[0] for pair in pairs]
        b_ns += [pair[1] for pair in pairs]
        numbers += [number] * len(pairs)
    processes = len(set(numbers))
    if not _same_instance(result, reference, loop) and processes < PROCESSES_FOR_TWO_INSTANCES:
        return _unknown(
            f"another instance of the model than the {reference} loop's: compared only across "
            f"{PROCESSES_FOR_TWO_INSTANCES} processes or more (have {processes}; use --effort "
            "standard or --processes 5)"
        )
    if not a_ns:
        return _unknown("no pair of blocks was measured")
    found = difference(a_ns, b_ns, processes=numbers)
    return {
        "difference_ns": found.ns,
        "difference_ci95_ns": found.ns_ci95,
        "share": found.share,
        "share_ci95": found.share_ci95,
        "pairs": found.pairs,
        "processes": found.processes,
        **({} if found.reason is None else {"difference_ci95_ns_reason": found.reason}),
    }


def _unknown(reason: str) -> dict[str, Any]:
    return {
        "difference_ns": None,
        "difference_ns_reason": reason,
        "difference_ci95_ns": None,
        "share": None,
        "share_ci95": None,
        "pairs": 0,
        "processes": 0,
    }


def _medians(invocation: Invocation, loop: str) -> list[float]:
    """Return the median time of a run in each block of a loop, in ns."""
    return [
        block.run_times().median_ns
        for block in invocation.blocks
        if block.loop == loop and not block.tail and block.durations_ns.size
    ]
