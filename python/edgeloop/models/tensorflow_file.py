"""Summarise a SavedModel or a frozen graph (GraphDef) without TensorFlow."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from edgeloop.errors import plain
from edgeloop.models.identity import identity_of, model_bytes
from edgeloop.models.summary import ModelSummary, OperatorCount, Shape, TensorSummary, stated
from edgeloop.models.tensorflow_graph import (
    SERVING,
    GraphNode,
    GraphTensor,
    Signature,
    TensorflowGraph,
    read_graph,
)

_BYTES = {"float32": 4, "float64": 8, "float16": 2, "bfloat16": 2, "int8": 1, "uint8": 1}
_PRECISIONS = {"float32": "fp32", "float64": "fp64", "float16": "fp16", "bfloat16": "bf16"}
# What carries values to operators, and computes nothing.
_PLUMBING = frozenset((
    *("Const", "Identity", "IdentityN", "NoOp", "Placeholder", "PlaceholderWithDefault"),
    *("VarHandleOp", "VariableV2", "ReadVariableOp", "StatefulPartitionedCall", "PartitionedCall"),
    *("RestoreV2", "SaveV2", "MergeV2Checkpoints", "ShardedFilename", "StaticRegexFullMatch"),
    *("Assign", "AssignVariableOp", "VarIsInitializedOp", "StringJoin", "Pack", "Select", "Assert"),
))  # fmt: skip
_MACS_REASON = "the shapes inside a TensorFlow graph are known only to TensorFlow"


def summarise(path: Path) -> ModelSummary:
    """Summarise a SavedModel or a frozen graph; only its first serving signature is followed."""
    graph = read_graph(path)
    found = graph.signatures
    chosen = found.get(SERVING) or next(iter(found.values()), None)
    counts, weights = _followed(graph, chosen)
    dtypes = Counter({dtype: 0 for dtype, _ in weights})
    for dtype, shape in weights:
        dtypes[dtype] += math.prod(size or 0 for size in shape)
    precisions = {_PRECISIONS.get(dtype, dtype) for dtype in dtypes}
    precision = precisions.pop() if len(precisions) == 1 else None
    none = "no weights were found in the graph"
    notes = []
    if chosen is not None and len(found) > 1:
        others = ", ".join(plain(name) for name in sorted(found) if name != chosen.name)
        notes.append(f"the signature '{chosen.name}' is described; others: {others}")
    if chosen is None:
        notes.append("the file has no signature, so nothing tells its inputs and outputs")
    return ModelSummary(
        path=str(path),
        format="savedmodel" if path.is_dir() else "graphdef",
        kind=None,
        bytes=model_bytes(path),
        sha256=identity_of(path),
        precision=precision,
        precision_reason="" if precision else ("weights of several dtypes" if dtypes else none),
        inputs=None if chosen is None else _summaries(chosen.inputs),
        outputs=None if chosen is None else _summaries(chosen.outputs),
        operators=tuple(
            OperatorCount(name=name, count=count, custom=False, macs=None)
            for name, count in counts.most_common()
        ),
        parameters=sum(dtypes.values()) if dtypes else None,
        parameters_reason="" if dtypes else none,
        parameter_bytes=sum(_BYTES.get(d, 0) * n for d, n in dtypes.items()) if dtypes else None,
        macs=None,
        macs_reason=_MACS_REASON,
        metadata=stated(tensorflow_version=plain(graph.version), tags=list(map(plain, graph.tags))),
        notes=tuple(notes),
    )


def _summaries(tensors: Sequence[GraphTensor]) -> tuple[TensorSummary, ...]:
    return tuple(
        TensorSummary(one.name, one.dtype, one.shape, (None,) * len(one.shape or ()), None)
        for one in tensors
    )


def _followed(
    graph: TensorflowGraph, signature: Optional[Signature]
) -> tuple[Counter[str], list[tuple[str, Shape]]]:
    """Count the operators that a signature's outputs need, and list dtype and shape of weights."""
    by_name = {node.name: node for node in graph.nodes}
    waiting = [] if signature is None else [one.place.split(":")[0] for one in signature.outputs]
    seen: set[str] = set()
    bodies: set[str] = set()
    needed: list[GraphNode] = []
    while waiting:
        name = waiting.pop()
        if name in seen or name not in by_name:
            continue
        seen.add(name)
        node = by_name[name]
        needed.append(node)
        waiting += [one.lstrip("^").split(":")[0] for one in node.inputs]
    called = [name for node in needed for name in node.functions]
    while called:
        name = called.pop()
        if name in bodies or name not in graph.functions:
            continue
        bodies.add(name)
        needed += graph.functions[name]
        called += [one for node in graph.functions[name] for one in node.functions]
    counts = Counter(node.operator for node in needed if node.operator not in _PLUMBING)
    weights = [node.constant for node in needed if node.constant is not None]
    weights += [
        (node.dtype, node.shape)
        for node in needed
        if node.operator in ("VarHandleOp", "VariableV2") and node.shape is not None
    ]
    return counts, [one for one in weights if one[0] in _BYTES and one[1] != ()]
