"""Multiply-accumulates of a torch.export program.

Weight layouts are PyTorch's: convolution [out, in / groups, kernel...], transposed convolution
[in, out / groups, kernel...], linear [out, in].
"""

from __future__ import annotations

import math
from typing import Optional

from edgeloop.errors import plain
from edgeloop.models.macs import MatrixOperator, Operand, fewest_multiplications
from edgeloop.models.torch_export import ExportNode, ExportProgram, elements

# Operator -> position of (activation, weight) among the arguments.
_CONVOLUTIONS = {f"aten.{n}": (0, 1) for n in ("conv1d", "conv2d", "conv3d", "convolution")}
_TRANSPOSED = {
    f"aten.{n}": (0, 1) for n in ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
}
_PRODUCTS = {
    "aten.linear": (0, 1),
    "aten.matmul": (0, 1),
    "aten.mm": (0, 1),
    "aten.bmm": (0, 1),
    "aten.mv": (0, 1),
    "aten.addmm": (1, 2),
    "aten.baddbmm": (1, 2),
}
_OPERANDS = {**_CONVOLUTIONS, **_TRANSPOSED, **_PRODUCTS}
# Operators that multiply inside, by rules that are not followed here.
_UNCOUNTED = ("aten.lstm", "aten.gru", "aten.rnn", "aten.einsum", "aten.bilinear")
_NAMESPACES = {"aten", "prim", "prims", "quantized_decomposed", "_operator", "operator", "math"}
_PASS = {"aten.view", "aten.reshape", "aten.permute", "aten.transpose", "aten.t", "aten.flatten"}
_MAX_STEPS = 16  # nodes followed back from an operand


def base_name(node: ExportNode) -> str:
    """Return namespace and operator without the overload."""
    return ".".join(node.target.split(".")[:2])


def is_custom(node: ExportNode) -> bool:
    """Say whether PyTorch itself lacks the operator."""
    return "." in node.target and node.target.split(".")[0] not in _NAMESPACES


def matrix_operators(program: ExportProgram) -> tuple[MatrixOperator, ...]:
    """Return the convolutions and matrix products in file order."""
    producers = {name: node for node in program.nodes for name in node.outputs}
    ones = batch_symbols(program)
    return tuple(
        _matrix_operator(program, node, producers, ones)
        for node in program.nodes
        if base_name(node) in _OPERANDS
    )


def opaque_operators(program: ExportProgram) -> dict[str, str]:
    """Return the operators that may multiply where no one can see it, each with a sentence."""
    reasons = {}
    for node in program.nodes:
        name = base_name(node)
        if name.startswith(_UNCOUNTED) or "attention" in name:
            reasons[name] = f"{plain(name)} multiplies inside and is not counted"
        elif is_custom(node):
            reasons[name] = f"the operator {plain(name)} cannot be inspected"
    return reasons


def batch_symbols(program: ExportProgram) -> frozenset[str]:
    """Return the symbols that are the first dimension of an input."""
    shapes = [program.tensors[name].shape for name in program.inputs if name in program.tensors]
    return frozenset(shape[0] for shape in shapes if shape and isinstance(shape[0], str))


def _matrix_operator(
    program: ExportProgram,
    node: ExportNode,
    producers: dict[str, ExportNode],
    ones: frozenset[str],
) -> MatrixOperator:
    name = base_name(node)
    x, w = (node.tensors[p] if p < len(node.tensors) else None for p in _OPERANDS[name])
    if x is None or w is None or not node.outputs:
        unknown = Operand("unknown", False, None)
        return MatrixOperator(name, None, f"a {name} lacks an input or output", unknown, unknown)
    shapes, reason = _shapes(program, name, (x, w, node.outputs[0]), ones)
    macs, reason = _count(node, shapes) if shapes else (None, reason)
    return MatrixOperator(
        name,
        macs,
        reason,
        _operand(program, x, producers, ones),
        _operand(program, w, producers, ones),
        _fewest(name, macs, shapes),
    )


def _shapes(
    program: ExportProgram, name: str, values: tuple[str, str, str], ones: frozenset[str]
) -> tuple[list[list[int]], str]:
    """Return the shapes of activation, weight and output, or none and why."""
    shapes = []
    for value in values:
        tensor = program.tensors.get(value)
        sizes = [1 if size in ones else size for size in tensor.shape] if tensor else [None]
        known = [size for size in sizes if isinstance(size, int)]
        if len(known) != len(sizes):
            return [], f"a {name} depends on tensor '{plain(value)}', whose shape is dynamic"
        shapes.append(known)
    return shapes, ""


def _fewest(name: str, macs: Optional[int], shapes: list[list[int]]) -> Optional[int]:
    if macs is None or name not in _CONVOLUTIONS:
        return macs
    source, weights, result = shapes
    return fewest_multiplications(macs, weights[2:], source[2:], result[2:])


def _count(node: ExportNode, shapes: list[list[int]]) -> tuple[Optional[int], str]:
    name = base_name(node)
    source, weights, result = shapes
    if name in _PRODUCTS:
        if not source:
            return None, f"a {name} has an input without dimensions"
        return math.prod(result) * source[-1], ""
    if len(weights) < 3:
        return None, f"a {name} has weights of {len(weights)} dimensions"
    transposed = name in _TRANSPOSED or node.flags.get("transposed", False)
    return math.prod(source if transposed else result) * math.prod(weights[1:]), ""


def _operand(
    program: ExportProgram,
    name: str,
    producers: dict[str, ExportNode],
    ones: frozenset[str],
) -> Operand:
    tensor = program.tensors.get(name)
    size = elements(tensor.shape, ones) if tensor else None
    dtype: Optional[str] = None
    for _ in range(_MAX_STEPS):
        node = producers.get(name)
        source = node.tensors[0] if node and node.tensors else None
        if node is None or source is None:
            break
        if "quantized_decomposed.dequantize" in node.target:
            dtype = dtype or _dtype(program, source)
        elif base_name(node) not in _PASS:
            break
        name = source
    return Operand(dtype or _dtype(program, name), name in program.stored, size)


def _dtype(program: ExportProgram, name: str) -> str:
    tensor = program.tensors.get(name)
    return tensor.dtype if tensor else "unknown"
