"""Who ran which node of the model: nodes, partitions and work of every delegate or provider."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Optional

# How delegates put it; none has a form for it. Arm NN: "CONV2D: not supported by armnn: ...".
_REFUSES = re.compile(
    r"not support|unsupported|does not take|fail(s|ed) to delegate|(cannot|could not|can't) (be )?"
    r"(delegate|take|run)|fall(ing|s)? back",
    re.IGNORECASE,
)


def reasons(said: str) -> list[str]:
    """Return the lines in which a delegate or provider says what it does not take, each once."""
    lines = (line.strip() for line in said.splitlines())
    return list(dict.fromkeys(line for line in lines if _REFUSES.search(line)))


def covered_share(placement: Mapping[str, Any]) -> tuple[int, float, str]:
    """Return the nodes that the delegates asked for took, their share and what it is a share of.

    XNNPACK, where it was implied, counts only if nothing else was asked for.
    """
    delegates = _counted(placement)
    nodes = sum(delegate["nodes"] for delegate in delegates)
    if placement["macs"]:
        macs = sum(delegate["macs"] for delegate in delegates)
        return nodes, macs / placement["macs"], "multiply-accumulates"
    return nodes, nodes / placement["nodes"] if placement["nodes"] else 0.0, "nodes"


def counted_names(placement: Mapping[str, Any]) -> str:
    """Return the names of the delegates that were asked for."""
    return " and ".join(str(delegate["name"]) for delegate in _counted(placement))


def why_too_little(
    required: Optional[float], placement: Optional[Mapping[str, Any]], reason: str
) -> Optional[str]:
    """Return why a result fails --require-delegate; None where it does not. 0 is 'any'."""
    if required is None:
        return None
    said = "any" if required == 0.0 else f"{100 * required:g} %"
    if placement is None:
        return f"--require-delegate {said}: which device ran which node is unknown: {reason}"
    nodes, share, basis = covered_share(placement)
    names = counted_names(placement)
    if nodes == 0:
        return f"--require-delegate {said}: {names} took none of the {placement['nodes']} nodes"
    if share < required:
        return (
            f"--require-delegate {said}: {names} took {100 * share:.3g} % of the {basis} "
            f"({nodes} of {placement['nodes']} nodes)"
        )
    return None


def _counted(placement: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    delegates: list[Mapping[str, Any]] = list(placement["delegates"])
    return [delegate for delegate in delegates if not delegate["implied"]] or delegates
