"""Which provider of an InferenceSession got which node, as the package tells since 1.24."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

# The key is in the session's options from 1.24 on; older versions do not read it.
RECORD_PLACEMENT = "session.record_ep_graph_assignment_info"


@dataclass
class Placement:
    """Nodes that one provider runs: the same fields as the native core's Partition."""

    owner: str
    nodes: int
    operators: list[str]
    subgraph: int = 0
    indexes: Sequence[int] = ()

    @property
    def delegate(self) -> str:
        """The provider, as its library spells it."""
        return self.owner


def placement_of(session: Any) -> Optional[list[Placement]]:
    """Return the parts in the session's order; single nodes that follow each other are one."""
    ask = getattr(session, "get_provider_graph_assignment_info", None)
    if ask is None:
        return None
    parts: list[Placement] = []
    for part in ask():
        operators = [node.op_type for node in part.get_nodes()]
        single = len(operators) == 1
        if single and parts and parts[-1].owner == part.ep_name:
            parts[-1].operators += operators
            parts[-1].nodes += 1
        else:
            parts.append(Placement(part.ep_name, len(operators), operators))
    return parts
