"""Multiply-accumulates of ONNX operators.

Formulas follow the operator definitions (onnx/docs/Operators.md): convolution weights are
[out, in / groups, kernel...], those of a transposed convolution [in, out / groups, kernel...].
"""

from __future__ import annotations

import math
from typing import Any, Optional

from edgeloop.errors import plain
from edgeloop.models.macs import MatrixOperator, Operand, fewest_multiplications
from edgeloop.models.onnx_contrib import CONTRIB_DOMAIN
from edgeloop.models.onnx_graph import OnnxGraph
from edgeloop.models.onnx_values import STANDARD_DOMAINS

# Position of (activation, weight) among the inputs.
_CONVOLUTIONS = {
    "Conv": (0, 1),
    "ConvInteger": (0, 1),
    "DeformConv": (0, 1),
    "QLinearConv": (0, 3),
    "FusedConv": (0, 1),
    "NhwcFusedConv": (0, 1),
}
_TRANSPOSED = {"ConvTranspose": (0, 1)}
_PRODUCTS = {
    "Gemm": (0, 1),
    "MatMul": (0, 1),
    "MatMulInteger": (0, 1),
    "QLinearMatMul": (0, 3),
    "QGemm": (0, 3),
    "FusedGemm": (0, 1),
    "FusedMatMul": (0, 1),
    "DynamicQuantizeMatMul": (0, 1),
    "MatMulIntegerToFloat": (0, 1),
    "MatMulNBits": (0, 1),
}
_OPERANDS = {**_CONVOLUTIONS, **_TRANSPOSED, **_PRODUCTS}
# Operators that multiply inside, by rules that are not followed here.
_UNCOUNTED = {
    "LSTM",
    "GRU",
    "RNN",
    "Einsum",
    "MoE",
    "QMoE",
    "LinearClassifier",
    "LinearRegressor",
    "SVMClassifier",
    "SVMRegressor",
}
_CONTROL_FLOW = {"If", "Loop", "Scan"}
# Nodes that hand their first input on, possibly in another layout.
_PASS = {"Transpose", "Reshape", "Identity", "Squeeze", "Unsqueeze", "Flatten"}
_MAX_STEPS = 16  # nodes followed back from an operand


def full_name(node: Any) -> str:
    """Return the operator with its domain where that is not the standard one."""
    standard = node.domain in ("", "ai.onnx")
    return str(node.op_type if standard else f"{node.domain}.{node.op_type}")


def is_custom(node: Any) -> bool:
    """Say whether the ONNX standard lacks the operator."""
    return node.domain not in STANDARD_DOMAINS


def multiplies(node: Any) -> bool:
    """Say whether the node is a convolution or matrix product that is counted."""
    return node.op_type in _OPERANDS and node.domain in ("", "ai.onnx", CONTRIB_DOMAIN)


def matrix_operators(graph: OnnxGraph) -> tuple[MatrixOperator, ...]:
    """Return the convolutions and matrix products of the main graph in file order."""
    return tuple(_matrix_operator(graph, node) for node in graph.nodes if multiplies(node))


def opaque_operators(graph: OnnxGraph) -> dict[str, str]:
    """Return the operators that may multiply where no one can see it, each with a sentence."""
    nested = any(multiplies(node) for node in graph.nested)
    reasons = {}
    for node in graph.nodes:
        name = full_name(node)
        contrib = node.domain == CONTRIB_DOMAIN
        if node.op_type in _UNCOUNTED or "Attention" in node.op_type:
            reasons[name] = f"{plain(name)} multiplies inside and is not counted"
        elif is_custom(node) and not contrib:
            reasons[name] = f"the custom operator {plain(name)} cannot be inspected"
        elif node.op_type in _CONTROL_FLOW and nested:
            reasons[name] = f"{name} runs another graph an unknown number of times"
    return reasons


def _matrix_operator(graph: OnnxGraph, node: Any) -> MatrixOperator:
    activation, weight = _OPERANDS[node.op_type]
    name = full_name(node)
    if len(node.input) <= max(activation, weight) or not node.output:
        unknown = Operand("unknown", False, None)
        return MatrixOperator(name, None, f"a {name} lacks an input or output", unknown, unknown)
    names = (node.input[activation], node.input[weight])
    macs, reason = _count(graph, node, *names)
    return MatrixOperator(
        name,
        macs,
        reason,
        _operand(graph, names[0]),
        _operand(graph, names[1]),
        _fewest(graph, node, macs, *names),
    )


def _fewest(graph: OnnxGraph, node: Any, macs: Optional[int], x: str, w: str) -> Optional[int]:
    if macs is None or node.op_type not in _CONVOLUTIONS:
        return macs
    # NhwcFusedConv has the channels last in data and result, not in the weights.
    spatial = slice(1, 3) if node.op_type == "NhwcFusedConv" else slice(2, None)
    source, result = (_shape(graph, name) or () for name in (x, node.output[0]))
    return fewest_multiplications(
        macs, (_shape(graph, w) or ())[2:], source[spatial], result[spatial]
    )


def _count(graph: OnnxGraph, node: Any, x: str, w: str) -> tuple[Optional[int], str]:
    shapes = []
    for name in (x, w, node.output[0]):
        shape = _shape(graph, name)
        if shape is None:
            return None, f"a {full_name(node)} depends on {_doubt(graph, name)}"
        shapes.append(shape)
    source, weights, result = shapes
    if node.op_type in _PRODUCTS:
        depth = _depth(node, source)
        if depth is None:
            return None, f"a {full_name(node)} has an input without dimensions"
        return math.prod(result) * depth, ""
    if len(weights) < 3:
        return None, f"a {full_name(node)} has weights of {len(weights)} dimensions"
    outer = source if node.op_type in _TRANSPOSED else result
    return math.prod(outer) * math.prod(weights[1:]), ""


def _depth(node: Any, source: tuple[int, ...]) -> Optional[int]:
    """Return the length of the summed dimension of the first operand."""
    flags = {attribute.name for attribute in node.attribute if attribute.i}
    position = -2 if "transA" in flags else -1
    return source[position] if len(source) >= -position else None


def _shape(graph: OnnxGraph, name: str) -> Optional[tuple[int, ...]]:
    value = graph.values.get(name)
    if value is None or value.shape is None:
        return None
    sizes = tuple(size for size in value.shape if isinstance(size, int))
    return sizes if len(sizes) == len(value.shape) else None


def _doubt(graph: OnnxGraph, name: str) -> str:
    value = graph.values.get(name)
    dynamic = [size for size in (value.shape or ()) if isinstance(size, str)] if value else []
    if dynamic:
        return f"tensor '{plain(name)}', whose dimension '{plain(dynamic[0])}' is dynamic"
    return f"tensor '{plain(name)}', whose shape is not known"


def _operand(graph: OnnxGraph, name: str) -> Operand:
    """Follow quantisation and layout back to what the product really multiplies."""
    shape = _shape(graph, name)
    dtype: Optional[str] = None
    for _ in range(_MAX_STEPS):
        node = graph.producers.get(name)
        if node is None or not node.input or name in graph.constants:
            break
        source = node.input[0]
        if node.op_type == "DynamicQuantizeLinear":
            dtype = "float32"
            break
        if node.op_type == "DequantizeLinear":
            dtype = dtype or _dtype(graph, source)
        elif node.op_type in ("QuantizeLinear", "Cast") and source in graph.constants:
            dtype = dtype or _dtype(graph, name if node.op_type == "QuantizeLinear" else source)
        elif node.op_type not in _PASS:
            break
        name = source
    return Operand(
        dtype=dtype or _dtype(graph, name),
        constant=name in graph.constants,
        elements=None if shape is None else math.prod(shape),
    )


def _dtype(graph: OnnxGraph, name: str) -> str:
    value = graph.values.get(name)
    return value.dtype if value else "unknown"
