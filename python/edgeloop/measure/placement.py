"""Who ran which node of the model: nodes, partitions and work of every delegate or provider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from edgeloop.errors import EdgeloopError, reasoned
from edgeloop.results.placement import reasons
from edgeloop.runtimes import runtime
from edgeloop.spec.delegates import DelegateSpec
from edgeloop.spec.resolved import ResolvedSpec

_TFLITE_FORMATS = ("tflite", "edgetpu")


def placement_document(
    spec: ResolvedSpec,
    parts: Optional[Sequence[Mapping[str, Any]]],
    said: str = "",
) -> dict[str, Any]:
    """Return the `placement` of a result, or null and why it is not known.

    `parts` are the worker's: owner, delegate, nodes, subgraph, indexes, operators. `said` is what
    was printed while the model was loaded.
    """
    if parts is None:
        return {"placement": None, "placement_reason": runtime(spec.runtime).why_no_placement}
    work = _Work(spec, parts)
    chosen = runtime(spec.runtime)
    asked = chosen.accelerators(spec.options)
    claimed = [
        [
            part
            for part in parts
            if part["delegate"] == delegate.name
            or (not part["delegate"] and chosen.owns(delegate, part["owner"]))
        ]
        for delegate in asked
    ]
    taken = [part for own in claimed for part in own]
    rest = [part for part in parts if all(part is not other for other in taken)]
    others = sorted({str(part["owner"]) for part in rest} - {*chosen.rest_owners})
    document = {
        **work.figures(parts),
        "delegates": [
            {
                "name": delegate.name,
                "implied": delegate.implied,
                "owners": sorted({str(part["owner"]) for part in own}),
                "partitions": len(own),
                **work.figures(own, shares=True),
            }
            for delegate, own in zip(asked, claimed)
        ],
        "rest": {
            "runs_on": ", ".join([chosen.rest_runs_on, *others]),
            **work.figures(rest, shares=True),
            **work.operators(rest),
            "reasons": reasons(said) if rest and _names_external(asked) else [],
        },
    }
    return {"placement": document}


def _names_external(asked: Sequence[DelegateSpec]) -> bool:
    """Return whether the user named something that may have words of its own."""
    return any(delegate.external and not delegate.implied for delegate in asked)


class _Work:
    """What the nodes of a model are: their operators and multiply-accumulates."""

    def __init__(self, spec: ResolvedSpec, parts: Sequence[Mapping[str, Any]]) -> None:
        self._nodes = sum(part["nodes"] for part in parts)
        self._names: Optional[list[list[str]]] = None
        self._macs: Optional[list[list[Optional[int]]]] = None
        self._reason = "the runtime reports the nodes of its optimised graph, not those of the file"
        if spec.model.format in _TFLITE_FORMATS:
            self._reason = self._read(spec.model.path, parts)
        self._total = self._sum(parts)

    def figures(
        self, parts: Sequence[Mapping[str, Any]], *, shares: bool = False
    ) -> dict[str, Any]:
        """Return nodes and MACs, and their shares of the whole model."""
        nodes = sum(part["nodes"] for part in parts)
        macs = None if self._total is None else self._sum(parts)
        found = {"nodes": nodes, **reasoned("macs", macs, self._reason)}
        if not shares:
            return found
        share = None if not self._total or macs is None else macs / self._total
        reason = self._reason if self._total is None else "the model multiplies nothing that counts"
        return {
            **found,
            "share_nodes": nodes / self._nodes if self._nodes else 0.0,
            **reasoned("share_macs", share, reason),
        }

    def operators(self, parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return how often each operator occurs among the nodes, the most frequent first."""
        if self._names is None and any(not part["operators"] for part in parts):
            return {"operators": None, "operators_reason": self._reason}
        counts: Counter[str] = Counter()
        for part in parts:
            names = [] if self._names is None else self._names[part["subgraph"]]
            counts.update(part["operators"] or [names[index] for index in part["indexes"]])
        return {"operators": dict(counts.most_common())}

    def _sum(self, parts: Sequence[Mapping[str, Any]]) -> Optional[int]:
        if self._macs is None:
            return None
        each = [self._macs[part["subgraph"]][i] for part in parts for i in part["indexes"]]
        known = [macs for macs in each if macs is not None]
        return sum(known) if len(known) == len(each) else None

    def _read(self, path: str, parts: Sequence[Mapping[str, Any]]) -> str:
        """Read the nodes' names and MACs; return why some are missing."""
        from edgeloop.models.tflite_macs import macs_by_node
        from edgeloop.models.tflite_reader import read_model

        if any(part["nodes"] != len(part["indexes"]) for part in parts):
            return "the runtime does not report which of the file's nodes they are"
        try:
            graphs = read_model(Path(path)).subgraphs
        except EdgeloopError as error:
            return str(error)
        counts: Counter[int] = Counter()
        for part in parts:
            counts[part["subgraph"]] += part["nodes"]
        if any(
            number >= len(graphs) or nodes != len(graphs[number].operators)
            for number, nodes in counts.items()
        ):
            return "the runtime's nodes are not those of the file"
        self._names = [[operator.name for operator in graph.operators] for graph in graphs]
        self._macs = [macs_by_node(graph) for graph in graphs]
        return "the work of an operator in this model cannot be counted"
