"""Names and order of a .tflite file's inputs and outputs, as its signature has them.

TensorFlow's converter calls the tensors serving_default_x:0 and PartitionedCall:0 and sorts them
by name; the signature knows which is which.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgeloop.errors import ModelError


def rename_interface(
    content: bytes, inputs: Sequence[tuple[str, str]], outputs: Sequence[tuple[str, str]]
) -> bytes:
    """Return the file with its inputs and outputs renamed and in this order.

    Each is a pair: its name in the signature, the name that it gets there and as a tensor. An
    output that is an input as it came in is one tensor, which keeps the input's name.
    """
    from ai_edge_litert import schema_py_generated as schema
    from flatbuffers import Builder

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    signature = _only_signature(model)
    graph = model.subgraphs[signature.subgraphIndex]
    graph.inputs = _renamed(graph, signature.inputs, inputs, ())
    graph.outputs = _renamed(graph, signature.outputs, outputs, graph.inputs)
    builder = Builder(len(content) + 1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _only_signature(model: Any) -> Any:
    if len(model.signatureDefs or ()) != 1:
        raise ModelError(
            f"the converter wrote {len(model.signatureDefs or ())} signatures where one is wanted"
        )
    return model.signatureDefs[0]


def _renamed(
    graph: Any, entries: Sequence[Any], names: Sequence[tuple[str, str]], keep: Sequence[int]
) -> list[int]:
    by_name = {entry.name.decode(): entry for entry in entries}
    if set(by_name) != {old for old, _ in names}:
        raise ModelError(
            f"the converter wrote the tensors {', '.join(sorted(by_name))} where "
            f"{', '.join(old for old, _ in names)} are wanted"
        )
    for old, new in names:
        by_name[old].name = new.encode()
        if by_name[old].tensorIndex not in keep:
            graph.tensors[by_name[old].tensorIndex].name = new.encode()
    return [by_name[old].tensorIndex for old, _ in names]
