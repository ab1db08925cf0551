"""Read OpenVINO's IR without OpenVINO: a graph in XML, and its constants (.bin) beside it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional
from xml.etree import ElementTree

from edgeloop.errors import ModelError
from edgeloop.models.identity import identity_of, model_bytes
from edgeloop.models.macs import MatrixOperator, Operand, add_up
from edgeloop.models.precision import decide
from edgeloop.models.summary import ModelSummary, OperatorCount, Shape, TensorSummary, stated

_CONVOLUTIONS = ("Convolution", "GroupConvolution")
_PRODUCTS = (*_CONVOLUTIONS, "MatMul")
# Operators that multiply in a way that is not counted here.
_OPAQUE = frozenset((
    *("ConvolutionBackpropData", "GroupConvolutionBackpropData", "DeformableConvolution", "Einsum"),
    *("LSTMCell", "LSTMSequence", "GRUCell", "GRUSequence", "RNNCell", "RNNSequence", "If", "Loop"),
    *("TensorIterator", "ScaledDotProductAttention", "BinaryConvolution"),
))  # fmt: skip
# What leaves the stored numbers of a weight as they are, or widens them.
_TRANSPARENT = frozenset(
    ("Convert", "Reshape", "Transpose", "Multiply", "Subtract", "FakeQuantize")
)
_DTYPES = {
    **{"f16": "float16", "fp16": "float16", "f32": "float32", "fp32": "float32", "f64": "float64"},
    **{"bf16": "bfloat16", "fp64": "float64", "boolean": "bool", "bool": "bool"},
    **{f"i{bits}": f"int{bits}" for bits in (4, 8, 16, 32, 64)},
    **{f"u{bits}": f"uint{bits}" for bits in (4, 8, 16, 32, 64)},
}  # fmt: skip
_WHOLE = frozenset(("int16", "int32", "int64", "uint16", "uint32", "uint64", "bool"))


@dataclass(frozen=True)
class _Layer:
    type: str
    name: str
    opset: str
    data: Mapping[str, str]
    inputs: Sequence[tuple[str, Shape]]
    """dtype and shape of each input port; a dimension is None where it is open."""
    outputs: Sequence[tuple[str, Shape]]
    names: str


def summarise(path: Path) -> ModelSummary:
    """Summarise an IR. Raises ModelError where it is damaged or has no weights beside it."""
    root = _root(path)
    try:
        return _summary(path, root)
    except (KeyError, ValueError, IndexError) as error:
        raise ModelError(f"{path} is not a valid OpenVINO IR: {error}") from error


def _summary(path: Path, root: ElementTree.Element) -> ModelSummary:
    layers = {int(one.attrib["id"]): _layer(one) for one in root.iterfind("layers/layer")}
    sources = {
        (int(edge.attrib["to-layer"]), int(edge.attrib["to-port"])): int(edge.attrib["from-layer"])
        for edge in root.iterfind("edges/edge")
    }
    if not layers:
        raise ModelError(f"{path} is an OpenVINO IR without layers")
    weights = path.with_suffix(".bin")
    constants = [layer for layer in layers.values() if layer.type == "Const"]
    stored = sum(int(layer.data.get("size", "0")) for layer in constants)
    if stored and not weights.is_file():
        raise ModelError(f"{path} needs its weights beside it, in {weights.name}")
    inputs = [
        _tensor(layer.name, *layer.outputs[0], layer.names)
        for layer in layers.values()
        if layer.type == "Parameter" and layer.outputs
    ]
    outputs = [
        _result(number, layers, sources) for number in layers if layers[number].type == "Result"
    ]
    products = [
        _product(number, layers, sources) for number in layers if layers[number].type in _PRODUCTS
    ]
    opaque = sorted({one.type for one in layers.values() if one.type in _OPAQUE})
    total = add_up(products, [f"{name} is not counted" for name in opaque])
    precision, reason = decide(products, [*inputs, *outputs])
    counts = Counter(
        (layer.type, not layer.opset.startswith("opset"))
        for layer in layers.values()
        if layer.type not in ("Const", "Parameter", "Result")
    )
    learned = [one for one in constants if _is_learned(one)]
    return ModelSummary(
        path=str(path),
        format="openvino",
        kind=None,
        bytes=model_bytes(path),
        sha256=identity_of(path),
        precision=precision,
        precision_reason=reason,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        operators=tuple(
            OperatorCount(name, n, custom, total.by_operator.get(name, None if custom else 0))
            for (name, custom), n in counts.most_common()
        ),
        parameters=sum(_elements(one.outputs[0][1]) or 0 for one in learned),
        parameters_reason="constants of float and 8-bit types, single numbers left out",
        parameter_bytes=sum(int(one.data.get("size", "0")) for one in learned),
        macs=total.macs,
        macs_reason=total.reason,
        fewest_multiplications=total.fewest_multiplications,
        custom_operators=tuple(sorted(name for name, custom in counts if custom)),
        metadata=stated(
            ir_version=root.attrib.get("version", ""), name=root.attrib.get("name", "")
        ),
    )


def _is_learned(constant: _Layer) -> bool:
    """Leave out what describes shapes, and single numbers."""
    whole = _dtype(constant.data.get("element_type", "")) in _WHOLE
    return not whole and bool(constant.outputs) and _elements(constant.outputs[0][1]) != 1


def _root(path: Path) -> ElementTree.Element:
    try:
        text = path.read_bytes()
        if b"<!DOCTYPE" in text or b"<!ENTITY" in text:  # an IR has none; they can grow endlessly
            raise ModelError(f"{path} is not an OpenVINO IR: it declares XML entities")
        root = ElementTree.fromstring(text)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ElementTree.ParseError, ValueError) as error:
        raise ModelError(f"{path} is not well-formed XML: {error}; convert it again") from error
    if root.tag != "net":
        raise ModelError(f"{path} is XML but not an OpenVINO IR: it begins with <{root.tag}>")
    return root


def _layer(element: ElementTree.Element) -> _Layer:
    data = element.find("data")
    ports = element.findall("output/port")
    return _Layer(
        type=element.attrib["type"],
        name=element.attrib.get("name", ""),
        opset=element.attrib.get("version", ""),
        data={} if data is None else data.attrib,
        inputs=[_port(port) for port in element.iterfind("input/port")],
        outputs=[_port(port) for port in ports],
        names=ports[0].attrib.get("names", "") if ports else element.attrib.get("output_names", ""),
    )


def _port(port: ElementTree.Element) -> tuple[str, Shape]:
    sizes = [int(one.text or "-1") for one in port.iterfind("dim")]
    return _dtype(port.attrib.get("precision", "")), tuple(n if n >= 0 else None for n in sizes)


def _dtype(word: str) -> str:
    return _DTYPES.get(word.lower(), word.lower())


def _tensor(name: str, dtype: str, shape: Shape, names: str) -> TensorSummary:
    first = names.split(",", maxsplit=1)[0] or name
    return TensorSummary(first, dtype, shape, (None,) * len(shape), None)


def _result(
    number: int, layers: Mapping[int, _Layer], sources: Mapping[tuple[int, int], int]
) -> TensorSummary:
    layer = layers[number]
    made = layers.get(sources.get((number, 0), -1))
    dtype, shape = layer.inputs[0] if layer.inputs else ("", ())
    names = layer.names or (made.names if made is not None else "")
    return _tensor(layer.name, dtype, shape, names)


def _product(
    number: int, layers: Mapping[int, _Layer], sources: Mapping[tuple[int, int], int]
) -> MatrixOperator:
    layer = layers[number]
    activation, weight = (_operand(number, port, layers, sources) for port in (0, 1))
    macs = _macs(layer)
    reason = "" if macs is not None else f"{layer.type} has open dimensions"
    return MatrixOperator(layer.type, macs, reason, activation, weight)


def _operand(
    number: int,
    port: int,
    layers: Mapping[int, _Layer],
    sources: Mapping[tuple[int, int], int],
) -> Operand:
    """Return what goes into a port: the constant behind conversions, else the activation."""
    dtype, shape = layers[number].inputs[port]
    at = sources.get((number, port), -1)
    for _ in range(len(layers)):
        layer = layers.get(at)
        if layer is None or layer.type not in _TRANSPARENT:
            break
        at = sources.get((at, 0), -1)
    source = layers.get(at)
    if source is None or source.type != "Const":
        return Operand(dtype, False, _elements(shape))
    return Operand(_dtype(source.data.get("element_type", dtype)), True, _elements(shape))


def _macs(layer: _Layer) -> Optional[int]:
    """Count the products: of each output element, the weights that it sums over."""
    made = _elements(_batch_of_one(layer.outputs[0][1]))
    (_, first), (_, second) = layer.inputs[:2]
    if layer.type == "MatMul":
        at = -2 if layer.data.get("transpose_a", "").lower() == "true" else -1
        inner = first[at] if len(first) >= -at else None
        return None if made is None or inner is None else made * inner
    per_output = _elements(second[2 if layer.type == "GroupConvolution" else 1 :])
    return None if made is None or per_output is None else made * per_output


def _batch_of_one(shape: Shape) -> Shape:
    return (1, *shape[1:]) if shape and shape[0] is None else shape


def _elements(shape: Shape) -> Optional[int]:
    sizes = [size for size in shape if size is not None]
    return math.prod(sizes) if len(sizes) == len(shape) else None
