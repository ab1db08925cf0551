"""Whether the machine held its clock while it was measured: a verdict from every sign there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from edgeloop.errors import reasoned
from edgeloop.host.throttle import UNDER_VOLTAGE
from edgeloop.results.schema import Block, Result

CLEAN = "clean"
THROTTLED = "throttled"

# From this share of clean blocks on the headline stands without a qualification (method 2.12).
FEWEST_CLEAN = 0.8

_FIXES = {
    UNDER_VOLTAGE: "use the board's own power supply and a short, thick cable",
    THROTTLED: "give the board a fan or a heat sink, set the governor to performance, stop other "
    "programs; see `edgeloop doctor`",
}


def clean_blocks(blocks: Sequence[Block], fastest_probe_ns: Optional[int]) -> list[Block]:
    """Return the blocks that are not labelled as throttled."""
    return [block for block in blocks if not block.is_throttled(fastest_probe_ns)]


def throttle_verdict(
    result: Result, before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, Any]:
    """Return `throttling` of a result; `before` and `after` are host states as JSON.

    The verdict is "clean", "throttled", "under-voltage", or null where nothing could be read.
    """
    fastest_ns = result.fastest_probe_ns()
    labels = [b.is_throttled(fastest_ns) for i in result.invocations for b in i.blocks]
    probed = [label for label in labels if label is not None]
    share = sum(probed) / len(probed) if probed else None
    causes = _causes(result, before, after)
    transitions = _transitions(before, after)
    if share is None and transitions is None and before["throttling"].get("throttled") is None:
        return {**reasoned("verdict", None, "no probe and no sign of throttling could be read")}
    slowed = (share is not None and 1 - share < FEWEST_CLEAN) or bool(transitions)
    verdict = CLEAN
    if UNDER_VOLTAGE in causes:
        verdict = UNDER_VOLTAGE
    elif causes or slowed:
        verdict = THROTTLED
    return {
        "verdict": verdict,
        **reasoned("share_throttled", share, "the probe was switched off"),
        "blocks": len(probed),
        "causes": causes,
        **reasoned("cooling_transitions", transitions, "no CPU cooling device keeps statistics"),
        "text": _text(verdict, share, causes),
        **reasoned("fix", _FIXES.get(verdict), "nothing to mend"),
    }


def _causes(result: Result, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return what the firmware or the kernel named, at any reading."""
    found = [*before["throttling"]["causes"], *after["throttling"]["causes"]]
    for invocation in result.invocations:
        for sample in invocation.host_samples:
            found += sample.get("causes") or ()
    return list(dict.fromkeys(str(cause) for cause in found))


def _transitions(before: Mapping[str, Any], after: Mapping[str, Any]) -> Optional[int]:
    """Return how often the kernel changed the cooling of a CPU in between."""
    counts = []
    earlier = {device["name"]: device for device in before["throttling"]["cpu_cooling"]}
    for device in after["throttling"]["cpu_cooling"]:
        past = earlier.get(device["name"], {}).get("transitions")
        if past is not None and device.get("transitions") is not None:
            counts.append(max(0, device["transitions"] - past))
    return sum(counts) if counts else None


def _text(verdict: str, share: Optional[float], causes: Sequence[str]) -> str:
    blocks = "" if share is None else f" in {100 * share:.0f} % of the blocks"
    if verdict == CLEAN:
        return "clean" if not share else f"clean but{blocks}"
    if causes:
        return f"{verdict}: {', '.join(causes)}; fixed work ran slower{blocks or ' or not'}"
    return f"{verdict}{blocks}: fixed work ran slower, and no sensor tells by what"
