"""Count the stored numbers that an ONNX model computes with, and report how they are quantised."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edgeloop.errors import ModelError, plain
from edgeloop.models.onnx_graph import nested_nodes, subgraphs
from edgeloop.models.onnx_values import dtype_name, onnx_package
from edgeloop.models.summary import Quantization

# Operator -> positions of (scale, zero point) of its first input.
_CONSUMERS = dict.fromkeys(("DequantizeLinear", "QLinearConv", "QLinearMatMul", "QGemm"), (1, 2))
# Operator -> positions of (scale, zero point) of its output.
_PRODUCERS = {"QuantizeLinear": (1, 2), "QLinearConv": (6, 7), "QLinearMatMul": (6, 7)}
_MAX_CHANNELS = 65536  # of one input; more is not a scale

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


def quantization_of(graph: Any) -> dict[str, Quantization]:
    """Return scales and zero points by the names of graph inputs and outputs."""
    stored = {tensor.name: tensor for tensor in graph.initializer}
    inputs = {item.name for item in graph.input} - set(stored)
    outputs = {item.name for item in graph.output}
    found: dict[str, Quantization] = {}
    for node in graph.node:
        if node.op_type in _CONSUMERS:
            wanted = inputs.intersection(node.input[:1])
            _note(found, wanted, node, _CONSUMERS[node.op_type], stored)
        if node.op_type in _PRODUCERS:
            wanted = outputs.intersection(node.output[:1])
            _note(found, wanted, node, _PRODUCERS[node.op_type], stored)
    return found


def _note(
    found: dict[str, Quantization],
    names: set[str],
    node: Any,
    positions: tuple[int, int],
    stored: dict[str, Any],
) -> None:
    for name in names:
        parameters = _parameters(node, positions, stored)
        if parameters is not None:
            found.setdefault(name, parameters)


def _parameters(
    node: Any, positions: tuple[int, int], stored: dict[str, Any]
) -> Quantization | None:
    scale, zero_point = (
        _numbers(stored.get(node.input[p])) if p < len(node.input) else None for p in positions
    )
    if not scale or not all(math.isfinite(value) for value in scale):
        return None
    axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
    return Quantization(
        scales=tuple(scale),
        zero_points=tuple(int(v) for v in zero_point) if zero_point else (0,) * len(scale),
        axis=int(axis) if len(scale) > 1 else None,
    )


def _numbers(tensor: Any) -> list[float] | None:
    if tensor is None or math.prod(int(d) for d in tensor.dims) > _MAX_CHANNELS:
        return None
    if tensor.external_data:
        return None
    try:
        array = onnx_package().numpy_helper.to_array(tensor)
        return [float(value) for value in array.reshape(-1)]
    except (ValueError, TypeError, KeyError, AttributeError):  # data that do not fit the shape
        return None
