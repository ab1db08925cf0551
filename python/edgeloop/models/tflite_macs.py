"""Multiply-accumulates of TensorFlow Lite operators.

Weight layouts are those of the operators' reference kernels (tensorflow/lite/kernels):
convolution [out, height, width, in / groups], depthwise [1, height, width, out],
fully connected [units, depth], 3-D convolution [depth, height, width, in, out].
"""

from __future__ import annotations

import math
from collections.abc import Callable

from edgeloop.errors import plain
from edgeloop.models import tflite_schema as schema
from edgeloop.models.macs import MatrixOperator, Operand, fewest_multiplications
from edgeloop.models.tflite_reader import TfliteOperator, TfliteSubgraph, TfliteTensor

# Position of (activation, weight) among the inputs.
_OPERANDS = {
    "CONV_2D": (0, 1),
    "DEPTHWISE_CONV_2D": (0, 1),
    "CONV_3D": (0, 1),
    "FULLY_CONNECTED": (0, 1),
    "BATCH_MATMUL": (0, 1),
    "TRANSPOSE_CONV": (2, 1),
    "CONV_3D_TRANSPOSE": (2, 1),
}
# Operators that multiply inside, by rules that are not followed here.
_UNCOUNTED = {
    "LSTM",
    "RNN",
    "SVDF",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
    "BIDIRECTIONAL_SEQUENCE_LSTM",
    "BIDIRECTIONAL_SEQUENCE_RNN",
    "STABLEHLO_CONVOLUTION",
    "STABLEHLO_DOT_GENERAL",
    "STABLEHLO_CUSTOM_CALL",
    "STABLEHLO_COMPOSITE",
    "DELEGATE",
}
_CONTROL_FLOW = {"IF", "WHILE", "CALL", "STABLEHLO_WHILE", "STABLEHLO_CASE"}
_WEIGHT_DECODERS = {"DEQUANTIZE", "DENSIFY"}
# Custom operators that only sort and compare boxes.
_NO_PRODUCT = {"TFLite_Detection_PostProcess"}


def matrix_operators(graph: TfliteSubgraph) -> tuple[MatrixOperator, ...]:
    """Return the convolutions and matrix products of one graph in file order."""
    producers = {
        output: operator
        for operator in graph.operators
        if operator.name in _WEIGHT_DECODERS
        for output in operator.outputs
    }
    return tuple(
        _matrix_operator(graph, operator, producers)
        for operator in graph.operators
        if operator.name in _OPERANDS and not operator.custom
    )


def opaque_operators(graph: TfliteSubgraph, others_multiply: bool) -> dict[str, str]:
    """Return the operators that may multiply where no one can see it, each with a sentence.

    `others_multiply`: graphs that this one can call hold convolutions or matrix products.
    """
    reasons = {}
    for operator in graph.operators:
        name = operator.name
        if operator.custom and name == schema.EDGETPU_OPERATOR:
            reasons[name] = "what the Edge TPU runs is compiled and cannot be seen"
        elif operator.custom and name not in _NO_PRODUCT:
            reasons[name] = f"the custom operator {plain(name)} cannot be inspected"
        elif operator.name in _UNCOUNTED:
            reasons[name] = f"{name} multiplies inside and is not counted"
        elif operator.name in _CONTROL_FLOW and others_multiply:
            reasons[name] = f"{name} runs another graph an unknown number of times"
    return reasons


def macs_by_node(graph: TfliteSubgraph) -> list[int | None]:
    """Return the multiply-accumulates of each operator in file order; None where unknown."""
    counted = iter(matrix_operators(graph))
    opaque = opaque_operators(graph, others_multiply=True)
    return [
        next(counted).macs
        if operator.name in _OPERANDS and not operator.custom
        else (None if operator.name in opaque else 0)
        for operator in graph.operators
    ]


def _matrix_operator(
    graph: TfliteSubgraph, operator: TfliteOperator, producers: dict[int, TfliteOperator]
) -> MatrixOperator:
    positions = _OPERANDS[operator.name]
    indices = [operator.inputs[p] if p < len(operator.inputs) else -1 for p in positions]
    unknown = Operand("unknown", False, None)
    if -1 in indices or not operator.outputs or operator.outputs[0] < 0:
        reason = f"a {operator.name} lacks an input or output"
        return MatrixOperator(operator.name, None, reason, unknown, unknown)
    activation, weight = (graph.tensors[index] for index in indices)
    output = graph.tensors[operator.outputs[0]]
    macs, reason = _count(operator, activation, weight, output)
    return MatrixOperator(
        operator.name,
        macs,
        reason,
        Operand(activation.dtype, activation.constant, activation.elements),
        _weight(graph, indices[1], producers),
        _fewest(operator, macs, activation, weight, output),
    )


def _fewest(
    operator: TfliteOperator,
    macs: int | None,
    activation: TfliteTensor,
    weight: TfliteTensor,
    output: TfliteTensor,
) -> int | None:
    if macs is None or operator.name not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        return macs
    spatial = (tensor.shape[1:3] for tensor in (weight, activation, output))
    return fewest_multiplications(macs, *spatial)


def _weight(graph: TfliteSubgraph, index: int, producers: dict[int, TfliteOperator]) -> Operand:
    source = index
    for _ in _WEIGHT_DECODERS:
        producer = producers.get(source)
        if producer is None or not producer.inputs or producer.inputs[0] < 0:
            break
        source = producer.inputs[0]
    stored = graph.tensors[source]
    if not stored.constant:  # an activation that happens to be dequantised
        stored = graph.tensors[index]
    return Operand(stored.dtype, stored.constant, stored.elements)


def _count(
    operator: TfliteOperator, activation: TfliteTensor, weight: TfliteTensor, output: TfliteTensor
) -> tuple[int | None, str]:
    for tensor in (activation, weight, output):
        problem = _unknown_shape(tensor)
        if problem:
            return None, f"a {operator.name} depends on {problem}"
    minimum, formula = _FORMULAS[operator.name]
    if len(weight.shape) < minimum or not activation.shape:
        return None, f"a {operator.name} has weights of {len(weight.shape)} dimensions"
    return formula(operator, activation, weight, output), ""


def _unknown_shape(tensor: TfliteTensor) -> str | None:
    name = plain(tensor.name)
    if not tensor.rank_known and not tensor.shape:
        return f"tensor '{name}', whose shape the file does not state"
    if any(size < 0 for size in tensor.signature[1:]):
        return f"tensor '{name}', whose shape is dynamic beyond its first dimension"
    return None


_Formula = Callable[[TfliteOperator, TfliteTensor, TfliteTensor, TfliteTensor], int]


def _convolution(_: TfliteOperator, x: TfliteTensor, w: TfliteTensor, y: TfliteTensor) -> int:
    return y.elements * math.prod(w.shape[1:])


def _depthwise(_: TfliteOperator, x: TfliteTensor, w: TfliteTensor, y: TfliteTensor) -> int:
    return y.elements * math.prod(w.shape[1:-1])


def _convolution_3d(_: TfliteOperator, x: TfliteTensor, w: TfliteTensor, y: TfliteTensor) -> int:
    return y.elements * math.prod(w.shape[:-1])


def _transposed(_: TfliteOperator, x: TfliteTensor, w: TfliteTensor, y: TfliteTensor) -> int:
    return x.elements * math.prod(w.shape[:-1])


def _fully_connected(_: TfliteOperator, x: TfliteTensor, w: TfliteTensor, y: TfliteTensor) -> int:
    return y.elements * w.shape[-1]


def _batch_matmul(op: TfliteOperator, x: TfliteTensor, w: TfliteTensor, y: TfliteTensor) -> int:
    return y.elements * x.shape[-2 if op.adjoint_x and len(x.shape) > 1 else -1]


# Fewest dimensions of the weights, and the formula.
_FORMULAS: dict[str, tuple[int, _Formula]] = {
    "CONV_2D": (4, _convolution),
    "DEPTHWISE_CONV_2D": (4, _depthwise),
    "CONV_3D": (5, _convolution_3d),
    "FULLY_CONNECTED": (2, _fully_connected),
    "BATCH_MATMUL": (2, _batch_matmul),
    "TRANSPOSE_CONV": (4, _transposed),
    "CONV_3D_TRANSPOSE": (5, _transposed),
}
