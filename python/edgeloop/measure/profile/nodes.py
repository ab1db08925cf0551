"""The names that a model file gives to the nodes that a profiler counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeloop.errors import EdgeloopError
from edgeloop.spec.run import Model

_TFLITE_FORMATS = ("tflite", "edgetpu")


def named(rows: Sequence[Mapping[str, Any]], model: Model) -> list[dict[str, Any]]:
    """Return the rows, those without a name named after what their node computes."""
    found = [dict(row) for row in rows]
    if model.format not in _TFLITE_FORMATS:
        return found
    from edgeloop.models.tflite_reader import read_model

    try:
        graphs = read_model(Path(model.path)).subgraphs
    except EdgeloopError:
        return found  # the runtime could read it all the same
    for row in found:
        if row["name"] or row["node"] is None or row["subgraph"] >= len(graphs):
            continue
        graph = graphs[row["subgraph"]]
        if row["node"] < len(graph.operators):
            outputs = graph.operators[row["node"]].outputs
            row["name"] = graph.tensors[outputs[0]].name if outputs else ""
    return found
