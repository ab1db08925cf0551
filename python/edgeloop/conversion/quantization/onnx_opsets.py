"""Operator sets that an ONNX model imports and does not use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def strip_unused_opsets(model: Any) -> None:
    """Remove imports of domains that no node is of; a strict reader refuses what it cannot know.

    onnxruntime's preparation adds eight of them.
    """
    used = {_canonical(node.domain) for node in _nodes(model.graph)}
    used.update(_canonical(f.domain) for f in model.functions)
    used.update(_canonical(n.domain) for f in model.functions for n in f.node)
    kept = [entry for entry in model.opset_import if _canonical(entry.domain) in {"", *used}]
    del model.opset_import[:]
    model.opset_import.extend(kept)


def _nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _nodes(inner)


def _canonical(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain
