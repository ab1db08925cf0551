"""Whether the machine was as fast as ever while it was measured, and if not, what held it up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Optional

import numpy as np

from edgeloop.errors import reasoned
from edgeloop.host.throttle import UNDER_VOLTAGE
from edgeloop.results.block_labels import CLEAN, DISTURBED, SLOWER, THROTTLED, BlockLabel
from edgeloop.results.probe import Probe
from edgeloop.results.schema import Result
from edgeloop.stats.levels import SLOW

# From this share of clean blocks on the headline stands without a qualification (method 2.12).
FEWEST_CLEAN = 0.8

# CPUs; less than this is rounding of the kernel's ticks.
_WORTH_SAYING = 0.02

_FIXES = {
    UNDER_VOLTAGE: "use the board's own power supply and a short, thick cable",
    THROTTLED: "give the board a fan or a heat sink, and see `edgeloop doctor`",
    DISTURBED: "stop the other programs while measuring, or measure at a quieter time",
    SLOWER: "measure again at a quieter time, and see `edgeloop doctor`",
}


def in_burst(result: Result) -> Result:
    """Return the result with nothing but its clean blocks, and those that were not probed."""
    invocations = [
        replace(invocation, blocks=[
            block for block, label in zip(invocation.blocks, labels)
            if label is None or label.name == CLEAN
        ])
        for invocation, labels in zip(result.invocations, result.block_labels())
    ]  # fmt: skip
    return replace(result, invocations=invocations)


def throttle_verdict(
    result: Result,
    before: Optional[Mapping[str, Any]] = None,
    after: Optional[Mapping[str, Any]] = None,
) -> dict[str, Any]:
    """Return `throttling` of a result; `before` and `after` are host states as JSON, where read.

    The verdict is "clean", "throttled", "under-voltage", "disturbed" (others had the core),
    "slower" (nothing tells why), or null where nothing could be read. Without a sign of firmware or
    kernel it takes more than a fifth of the blocks.
    """
    labels = [label for each in result.block_labels() for label in each if label is not None]
    share = sum(label.name != CLEAN for label in labels) / len(labels) if labels else None
    causes = _causes(result, before, after)
    transitions = _transitions(before, after)
    read = before is not None and before["throttling"].get("throttled") is not None
    if share is None and transitions is None and not read:
        return {**reasoned("verdict", None, "no probe and no sign of throttling could be read")}
    verdict = _verdict(labels, share, causes, transitions)
    return {
        "verdict": verdict,
        **reasoned("share_slower", share, "the probe was switched off"),
        "blocks": len(labels),
        "causes": causes,
        **reasoned("cooling_transitions", transitions, "no CPU cooling device keeps statistics"),
        "text": f"{verdict}{_words(result, verdict, labels, causes)}",
        **reasoned("fix", _FIXES.get(verdict), "nothing to fix"),
    }


def _verdict(
    labels: Sequence[BlockLabel],
    share: Optional[float],
    causes: Sequence[str],
    transitions: Optional[int],
) -> str:
    if UNDER_VOLTAGE in causes:
        return UNDER_VOLTAGE
    if causes or transitions:
        return THROTTLED
    if share is None or 1 - share >= FEWEST_CLEAN:
        return CLEAN
    names = Counter(label.name for label in labels if label.name != CLEAN)
    return names.most_common(1)[0][0]


def _causes(
    result: Result, before: Optional[Mapping[str, Any]], after: Optional[Mapping[str, Any]]
) -> list[str]:
    """Return what the firmware or the kernel named, at any reading."""
    found = [cause for state in (before, after) if state for cause in state["throttling"]["causes"]]
    for invocation in result.invocations:
        for sample in invocation.host_samples:
            found += sample.get("causes") or ()
    return list(dict.fromkeys(str(cause) for cause in found))


def _transitions(
    before: Optional[Mapping[str, Any]], after: Optional[Mapping[str, Any]]
) -> Optional[int]:
    """Return how often the kernel changed the cooling of a CPU in between."""
    if before is None or after is None:
        return None
    counts = []
    earlier = {device["name"]: device for device in before["throttling"]["cpu_cooling"]}
    for device in after["throttling"]["cpu_cooling"]:
        past = earlier.get(device["name"], {}).get("transitions")
        if past is not None and device.get("transitions") is not None:
            counts.append(max(0, device["transitions"] - past))
    return sum(counts) if counts else None


def _words(
    result: Result, verdict: str, labels: Sequence[BlockLabel], causes: Sequence[str]
) -> str:
    """Return what stands behind the verdict: how much slower, how often, and by what."""
    named = f": {', '.join(causes)}" if causes else ""
    slower = [label for label in labels if label.name != CLEAN]
    if not slower:
        unfollowed = sum(label.slowness > SLOW for label in labels)
        if not unfollowed:
            return named
        return f"{named} (fixed work slower in {_of(unfollowed, labels)}, the latency not)"
    by = 100 * float(np.median([label.slowness for label in slower]))
    words = f"fixed work ran {by:.0f} % slower in {_of(len(slower), labels)}"
    if verdict == CLEAN:
        return f" ({words})"
    why = "" if causes else _why(verdict, _disturbed(result))
    return f"{named}{'; ' if named else ': '}{words}{why}"


def _of(count: int, labels: Sequence[BlockLabel]) -> str:
    return f"{count} of {len(labels)} blocks"


def _disturbed(result: Result) -> list[Probe]:
    """Return the probes of the blocks that were disturbed."""
    return [
        block.probe
        for invocation, labels in zip(result.invocations, result.block_labels())
        for block, label in zip(invocation.blocks, labels)
        if label is not None and label.name == DISTURBED and block.probe is not None
    ]


def _why(verdict: str, disturbed: Sequence[Probe]) -> str:
    if verdict == THROTTLED:
        return " with the core to itself; no sensor shows the cause"
    if verdict != DISTURBED:
        return ", and the cause is unknown"
    other, stolen = (
        float(np.median([value or 0.0 for value in values]))
        for values in (
            [probe.other_cpus for probe in disturbed],
            [probe.stolen_cpus for probe in disturbed],
        )
    )
    if max(other, stolen) < _WORTH_SAYING:
        return " while something else had the core"
    if stolen > other:
        return f" while the hypervisor withheld {stolen:.2g} CPUs"
    return f" while other programs used {other:.2g} CPUs"
