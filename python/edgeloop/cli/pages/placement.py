"""Who ran which node, as lines under the heading of a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgeloop.results.figures import percent
from edgeloop.spec.plain_text import plain

# More kinds of operators than this are a list that no one reads.
_MOST_OPERATORS = 6
_MOST_REASONS = 3
_NAME_LENGTH = 40
_LINE_LENGTH = 160


def placement_lines(header: Mapping[str, Any]) -> list[str]:
    """Return a line per delegate and one for what they left; none where it is not known."""
    placement = header.get("placement")
    if placement is None:
        asked = header["runtime"]["delegates"] or header["spec"]["options"].get("providers")
        reason = header.get("placement_reason")
        return [f"  what ran where is not known: {reason}"] if asked and reason else []
    if not placement["delegates"]:
        return []
    lines = [_delegate(delegate, placement) for delegate in placement["delegates"]]
    return [*lines, *rest_lines(placement)]


def _delegate(delegate: Mapping[str, Any], placement: Mapping[str, Any]) -> str:
    name, nodes = delegate["name"], delegate["nodes"]
    if nodes == 0:
        return f"  {name}: NONE of the {placement['nodes']} nodes"
    owners = [owner for owner in delegate["owners"] if owner != name]
    said = f" ({', '.join(owners)})" if owners else ""
    parts = "1 partition" if delegate["partitions"] == 1 else f"{delegate['partitions']} partitions"
    work = delegate["share_macs"]
    share = "" if work is None else f", {percent(work)} of the multiply-accumulates"
    return f"  {name}{said}: {nodes} of {placement['nodes']} nodes in {parts}{share}"


def rest_lines(placement: Mapping[str, Any]) -> list[str]:
    """Return what no delegate took, and why where one said so; nothing where they took all."""
    rest = placement["rest"]
    if rest["nodes"] == 0:
        return []
    operators = rest["operators"] or {}
    words = [
        f"{plain(name, _NAME_LENGTH)} {count}"
        for name, count in list(operators.items())[:_MOST_OPERATORS]
    ]
    if len(operators) > _MOST_OPERATORS:
        words.append(f"{len(operators) - _MOST_OPERATORS} kinds more")
    said = f": {', '.join(words)}" if words else ""
    reasons = rest.get("reasons", [])
    lines = [f"  {rest['runs_on']}: {rest['nodes']} nodes{said}"]
    lines += [f"    it said: {plain(line, _LINE_LENGTH)}" for line in reasons[:_MOST_REASONS]]
    if len(reasons) > _MOST_REASONS:
        lines.append(f"    and {len(reasons) - _MOST_REASONS} lines more, in the result")
    return lines
