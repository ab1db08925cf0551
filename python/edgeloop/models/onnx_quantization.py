"""Find the scales of the integer inputs and outputs of an ONNX model.

The format has no place for them: they are inputs of the first and last quantised operator.
"""

from __future__ import annotations

import math
from typing import Any

from edgeloop.models.onnx_values import onnx_package
from edgeloop.models.summary import Quantization

# Operator -> positions of (scale, zero point) of its first input.
_CONSUMERS = dict.fromkeys(("DequantizeLinear", "QLinearConv", "QLinearMatMul", "QGemm"), (1, 2))
# Operator -> positions of (scale, zero point) of its output.
_PRODUCERS = {"QuantizeLinear": (1, 2), "QLinearConv": (6, 7), "QLinearMatMul": (6, 7)}
_MAX_CHANNELS = 65536  # of one input; more is not a scale


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
