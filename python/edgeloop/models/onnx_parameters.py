"""Count the stored numbers that an ONNX model computes with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edgeloop.errors import ModelError
from edgeloop.models.onnx_graph import nested_nodes, subgraphs
from edgeloop.models.onnx_values import dtype_name
from edgeloop.spec.plain_text import plain

RULE = (
    "stored floating-point and quantised tensors, biases included; single numbers, scales, zero "
    "points and integers that only describe shapes are left out"
)

# Inputs that hold data; the others of these operators are scales and zero points.
_DATA_INPUTS = {
    "QuantizeLinear": (0,),
    "DequantizeLinear": (0,),
    "QLinearConv": (0, 3, 8),
    "QLinearMatMul": (0, 3),
    "QGemm": (0, 3, 6),
    "QLinearAdd": (0, 3),
    "QLinearMul": (0, 3),
    "ConvInteger": (0, 1),
    "MatMulInteger": (0, 1),
}
# Where a stored 32-bit integer is a quantised bias and not an index.
_BIAS_INPUTS = {"QLinearConv": 8, "QGemm": 6, "DequantizeLinear": 0}
_COUNTED = ("float", "bfloat", "complex", "int8", "uint8", "int4", "uint4", "int2", "uint2")
_SIXTEEN_BITS = ("int16", "uint16")


@dataclass(frozen=True)
class Parameters:
    """How many, and how many bytes they take; `files` are those that hold external weights."""

    elements: int
    stored_bytes: int
    files: tuple[str, ...]


def count_parameters(model: Any, path: str) -> Parameters:
    """Count over all graphs; raises ModelError where a tensor is smaller than its shape."""
    nodes = [*model.graph.node, *nested_nodes(model.graph.node)]
    for function in model.functions:
        nodes += [*function.node, *nested_nodes(function.node)]
    data, biases = _used(nodes)
    elements = stored = 0
    files: dict[str, None] = {}
    for name, tensor in _stored(model, nodes):
        bits = _bits(dtype_name(tensor.data_type))
        _check(tensor, name, bits, path)
        for entry in tensor.external_data:
            if entry.key == "location":
                files[entry.value] = None
        if name in data and len(tensor.dims) and _counts(tensor, name in biases):
            elements += _size(tensor)
            stored += -(-_size(tensor) * bits // 8)
    return Parameters(elements, stored, tuple(files))


def _stored(model: Any, nodes: list[Any]) -> Iterator[tuple[str, Any]]:
    yield from ((tensor.name, tensor) for tensor in model.graph.initializer)
    for node in nodes:
        for graph in subgraphs(node):
            yield from ((tensor.name, tensor) for tensor in graph.initializer)
        if node.op_type == "Constant" and node.output:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield node.output[0], attribute.t


def _used(nodes: list[Any]) -> tuple[set[str], set[str]]:
    data: set[str] = set()
    biases: set[str] = set()
    for node in nodes:
        positions = _DATA_INPUTS.get(node.op_type, range(len(node.input)))
        data.update(node.input[p] for p in positions if p < len(node.input))
        bias = _BIAS_INPUTS.get(node.op_type, len(node.input))
        biases.update(node.input[bias : bias + 1])
    return data, biases


def _counts(tensor: Any, bias: bool) -> bool:
    dtype = dtype_name(tensor.data_type)
    if dtype in ("int32", *_SIXTEEN_BITS):
        return bias
    return dtype.startswith(_COUNTED)


def _size(tensor: Any) -> int:
    return math.prod(int(d) for d in tensor.dims)


def _bits(dtype: str) -> int:
    digits = dtype.split("e", 1)[0].lstrip("abcdefghijklmnopqrstuvwxyz")
    return 8 if dtype == "bool" else int(digits) if digits.isdigit() else 0


def _check(tensor: Any, name: str, bits: int, path: str) -> None:
    needed = -(-_size(tensor) * bits // 8)
    held = len(tensor.raw_data)
    negative = any(d < 0 for d in tensor.dims)
    if negative or (held and held < needed):
        shape = list(tensor.dims)
        raise ModelError(
            f"{path} is damaged or cut short: the tensor '{plain(name)}' of shape {shape} needs "
            f"{needed} bytes and has {held}. Fetch or export it again"
        )
