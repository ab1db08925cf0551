"""The named open dimensions of an ONNX model, read from its file without the onnx package.

ONNX Runtime fixes a named dimension only while it makes a session, so the names must be known
before. Field numbers are those of onnx.proto; weights are skipped, not read.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Optional, Union

from edgeloop.errors import UsageError
from edgeloop.runtimes.shape import asked_shapes
from edgeloop.spec.load import LoadOptions

Dimension = Union[int, str, None]
"""A size, the name of an open dimension, or None where an open one has no name."""

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_MODEL_IR_VERSION, _MODEL_GRAPH = 1, 7
_GRAPH_INITIALIZER, _GRAPH_INPUT = 5, 11
_TENSOR_NAME = 8
_VALUE_NAME, _VALUE_TYPE = 1, 2
_TYPE_TENSOR = 1
_TENSOR_TYPE_SHAPE = 2
_SHAPE_DIM = 1
_DIM_VALUE, _DIM_PARAM = 1, 2

_FIRST_IR_WITHOUT_LISTED_INITIALIZERS = 4  # before it each one is listed as an input too
_MAX_VARINT_BITS = 64

_Span = tuple[int, int]


def declared_inputs(model: str) -> dict[str, tuple[Dimension, ...]]:
    """Return the dimensions of each input; nothing where the file is not an ONNX protobuf.

    The runtime reads the same file next and says what is wrong with it.
    """
    try:
        with Path(model).open("rb") as file:
            whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with whole as data:
            return _inputs(data)
    except (OSError, ValueError, IndexError):
        return {}


def free_dimensions(
    inputs: Mapping[str, Sequence[Dimension]], options: LoadOptions
) -> dict[str, int]:
    """Return the size of every named dimension that the options settle.

    What the user asked for by input goes before the batch size, and that before 1, the default of
    a first dimension. Raises UsageError where two inputs give one name two sizes.
    """
    asked = asked_shapes(list(inputs), options) if inputs else {}
    sizes: dict[str, int] = {}
    for name, shape in asked.items():
        for dimension, size in zip(inputs[name], shape):
            if isinstance(dimension, str) and sizes.setdefault(dimension, size) != size:
                raise UsageError(
                    f"the model calls two dimensions '{dimension}', which must be equal, but "
                    f"--shape makes one {sizes[dimension]} and the other {size}"
                )
    for name, dimensions in inputs.items():
        if name not in asked and dimensions and isinstance(dimensions[0], str):
            sizes.setdefault(dimensions[0], options.batch_size or 1)
    return sizes


def _inputs(data: mmap.mmap) -> dict[str, tuple[Dimension, ...]]:
    model = dict(_fields(data, (0, len(data))))
    graph, ir_version = model.get(_MODEL_GRAPH), model.get(_MODEL_IR_VERSION)
    if not isinstance(graph, tuple) or not isinstance(ir_version, int):
        return {}
    inputs = {
        _text(data, span, _VALUE_NAME): _dimensions(data, span)
        for span in _spans(data, graph, _GRAPH_INPUT)
    }
    if ir_version < _FIRST_IR_WITHOUT_LISTED_INITIALIZERS:
        for span in _spans(data, graph, _GRAPH_INITIALIZER):
            inputs.pop(_text(data, span, _TENSOR_NAME), None)
    return inputs


def _dimensions(data: mmap.mmap, value_info: _Span) -> tuple[Dimension, ...]:
    spans = [value_info]
    for field in (_VALUE_TYPE, _TYPE_TENSOR, _TENSOR_TYPE_SHAPE, _SHAPE_DIM):
        spans = [inner for span in spans for inner in _spans(data, span, field)]
    return tuple(_dimension(data, span) for span in spans)


def _dimension(data: mmap.mmap, span: _Span) -> Dimension:
    for field, value in _fields(data, span):
        if field == _DIM_VALUE and isinstance(value, int):
            return value
        if field == _DIM_PARAM and isinstance(value, tuple):
            name = data[value[0] : value[1]].decode()
            return None if "\0" in name else name or None  # the C API ends a name there
    return None


def _text(data: mmap.mmap, span: _Span, field: int) -> str:
    return next((data[start:end].decode() for start, end in _spans(data, span, field)), "")


def _spans(data: mmap.mmap, span: _Span, wanted: int) -> Iterator[_Span]:
    for field, value in _fields(data, span):
        if field == wanted and isinstance(value, tuple):
            yield value


def _fields(data: mmap.mmap, span: _Span) -> Iterator[tuple[int, Union[int, _Span, None]]]:
    """Yield number and value of each field of a message; a length-delimited one as its span."""
    position, end = span
    while position < end:
        tag, position = _varint(data, position)
        value: Optional[Union[int, _Span]] = None
        wire_type = tag & 7
        if wire_type == _VARINT:
            value, position = _varint(data, position)
        elif wire_type == _LENGTH:
            length, position = _varint(data, position)
            value = (position, position + length)
            position += length
        elif wire_type in (_FIXED32, _FIXED64):
            position += 4 if wire_type == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire_type}")
        if position > end:
            raise ValueError("a field runs past the end of its message")
        yield tag >> 3, value


def _varint(data: mmap.mmap, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > _MAX_VARINT_BITS:
            raise ValueError("a number of more than 64 bits")
