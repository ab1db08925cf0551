"""Standard stand-ins for ONNX Runtime's own operators, for shape inference only.

Quantisation tools put `com.microsoft` operators into models. The onnx package cannot infer through
them, and everything behind the first one would have no shape. Each operator here has the output
shape of a standard one, fed with some of its inputs.
Source: ONNX Runtime, docs/ContribOperators.md.
"""

from __future__ import annotations

from typing import Any

CONTRIB_DOMAIN = "com.microsoft"

# Operator -> (standard operator, positions of the inputs that decide the shape).
_STAND_INS = {
    "QLinearAdd": ("Add", (0, 3)),
    "QLinearMul": ("Mul", (0, 3)),
    "QLinearSigmoid": ("Identity", (0,)),
    "QLinearLeakyRelu": ("Identity", (0,)),
    "QLinearSoftmax": ("Identity", (0,)),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", (0,)),
    "QLinearAveragePool": ("AveragePool", (0,)),
    "QGemm": ("Gemm", (0, 3)),
    "FusedConv": ("Conv", (0, 1)),
    "FusedGemm": ("Gemm", (0, 1)),
    "DynamicQuantizeMatMul": ("MatMul", (0, 1)),
    "Gelu": ("Identity", (0,)),
    "FastGelu": ("Identity", (0,)),
    "BiasGelu": ("Identity", (0,)),
    "SkipLayerNormalization": ("Identity", (0,)),
}
# Attributes under which the layout, and with it the shape rule, is another one.
_LAYOUT_ATTRIBUTES = ("channels_last",)


def stand_in(node: Any) -> None:
    """Replace a contrib operator in place by the standard one of the same output shape."""
    if node.domain != CONTRIB_DOMAIN:
        return
    if node.op_type == "QLinearConcat":
        _replace(node, "Concat", tuple(range(2, len(node.input), 3)))
    elif node.op_type in _STAND_INS and not any(
        attribute.name in _LAYOUT_ATTRIBUTES and attribute.i for attribute in node.attribute
    ):
        _replace(node, *_STAND_INS[node.op_type])


def _replace(node: Any, operator: str, positions: tuple[int, ...]) -> None:
    inputs = [node.input[position] for position in positions if position < len(node.input)]
    outputs = list(node.output[:1])
    del node.input[:], node.output[:]
    node.input.extend(inputs)
    node.output.extend(outputs)
    node.op_type = operator
    node.domain = ""
