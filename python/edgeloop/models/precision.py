"""Name the arithmetic of a model from what its convolutions and matrix products multiply."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from edgeloop.models.macs import MatrixOperator
from edgeloop.models.summary import TensorSummary

_EIGHT_BITS = {"int8", "uint8"}
_NARROW = {"int8", "uint8", "int4", "uint4", "int2", "uint2"}
_FLOATS = {"float32", "float16", "bfloat16"}
NAMES = ("fp32", "fp16", "int8", "int16x8", "dynamic")

# The TensorFlow Lite converter leaves smaller weights in float32 when it quantises dynamically
# (`min_elements` of its quantisation pass), which does not make the model a mixed one.
_SMALL_WEIGHT = 1024


def decide(
    operators: Sequence[MatrixOperator], tensors: Sequence[TensorSummary]
) -> tuple[str | None, str]:
    """Return the name of the precision and how it was decided.

    The operators decide; without any, the inputs and outputs do. The name is None where the
    arithmetic is uniform but has no name here (bfloat16, say).
    """
    if not operators:
        return _from_tensors(tensors)
    votes = Counter(_arithmetic(operator) for operator in _decisive(operators))
    detail = ", ".join(f"{n} x {_words(name)}" for name, n in votes.most_common())
    how = f"what its {sum(votes.values())} convolution and matrix operators multiply: {detail}"
    if len(votes) > 1:
        return "mixed", how
    (only,) = votes
    return (only if only in NAMES else None), how


def _arithmetic(operator: MatrixOperator) -> str:
    pair = (operator.activation.dtype, operator.weight.dtype)
    return _name(*pair) or " by ".join(pair)


def _name(activation: str, weight: str) -> str | None:
    if activation in _EIGHT_BITS and weight in _EIGHT_BITS:
        return "int8"
    if activation in ("int16", "uint16") and weight in _EIGHT_BITS:
        return "int16x8"
    if activation in _FLOATS and weight in _NARROW:
        return "dynamic"
    if activation == weight == "float32":
        return "fp32"
    if {activation, weight} <= {"float32", "float16"}:
        return "fp16"
    return None


def _words(name: str) -> str:
    return {
        "fp32": "float32 by float32",
        "fp16": "weights in float16",
        "int8": "8 bits by 8 bits",
        "int16x8": "16 bits by 8 bits",
        "dynamic": "float activations by weights of 8 bits or fewer",
    }.get(name, name)


def _decisive(operators: Sequence[MatrixOperator]) -> list[MatrixOperator]:
    weighted = [operator for operator in operators if operator.weight.constant]
    names = {_arithmetic(operator) for operator in weighted}
    if not names & {"dynamic", "fp16"}:
        return list(operators)
    # Weights were made smaller; products of two activations have none and stay in float32.
    return [
        operator
        for operator in weighted
        if not ("dynamic" in names and _arithmetic(operator) == "fp32" and _small(operator))
    ]


def _small(operator: MatrixOperator) -> bool:
    return operator.weight.elements is not None and operator.weight.elements < _SMALL_WEIGHT


def _from_tensors(tensors: Sequence[TensorSummary]) -> tuple[str | None, str]:
    how = "the types of its inputs and outputs, as no convolution or matrix operator is visible"
    kinds = {tensor.dtype for tensor in tensors}
    quantized = all(tensor.quantization is not None for tensor in tensors)
    if kinds == {"float32"}:
        return "fp32", how
    if kinds == {"float16"}:
        return "fp16", how
    if kinds and kinds <= _EIGHT_BITS and quantized:
        return "int8", how
    return None, f"{how}, do not determine it: {', '.join(sorted(kinds)) or 'it has none'}"
