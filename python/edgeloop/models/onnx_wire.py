"""Recognise an ONNX file by its protobuf fields, without the onnx package.

ModelProto has no magic number. Its top level is walked instead: numbers and types of the fields
(onnx.proto, IR version 13), skipping their contents, so that the cost does not grow with the
weights. Wire format: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import BinaryIO

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_IR_VERSION, _GRAPH = 1, 7
_FIELDS = {
    _IR_VERSION: _VARINT,
    2: _LENGTH,  # producer_name
    3: _LENGTH,  # producer_version
    4: _LENGTH,  # domain
    5: _VARINT,  # model_version
    6: _LENGTH,  # doc_string
    _GRAPH: _LENGTH,
    8: _LENGTH,  # opset_import
    14: _LENGTH,  # metadata_props
    20: _LENGTH,  # training_info
    25: _LENGTH,  # functions
    26: _LENGTH,  # configuration
}
_MAX_FIELDS = 100_000  # local functions and metadata entries are fields of their own
_MAX_IR_VERSION = 1000  # 13 in 2026


class Verdict(Enum):
    """What the top level of a file looks like."""

    ONNX = "onnx"
    TRUNCATED = "an ONNX model that is cut short"
    OTHER_PROTOBUF = "another protobuf"
    NO_PROTOBUF = "no protobuf"


class _EndOfFileError(Exception):
    """A field runs past the end."""


class _MalformedError(Exception):
    """The bytes cannot be a protobuf."""


def examine(stream: BinaryIO, size: int) -> Verdict:
    """Say whether the open file of `size` bytes is an ONNX model."""
    seen: dict[int, int] = {}
    known = True
    try:
        for field, wire_type, value in _fields(stream, size):
            seen.setdefault(field, value)
            known = known and _FIELDS.get(field, wire_type) == wire_type
    except _MalformedError:
        return Verdict.NO_PROTOBUF
    except _EndOfFileError:
        plausible = known and seen and set(seen) <= set(_FIELDS) and _version_fits(seen)
        return Verdict.TRUNCATED if plausible else Verdict.NO_PROTOBUF
    if known and _GRAPH in seen and _version_fits(seen):
        return Verdict.ONNX
    return Verdict.OTHER_PROTOBUF


def _version_fits(seen: dict[int, int]) -> bool:
    return 1 <= seen.get(_IR_VERSION, 0) <= _MAX_IR_VERSION


def _fields(stream: BinaryIO, size: int) -> Iterator[tuple[int, int, int]]:
    position = 0
    for _ in range(_MAX_FIELDS):
        if position >= size:
            return
        stream.seek(position)
        head = stream.read(20)  # a tag and a number, ten bytes each at most
        tag, used = _varint(head, 0)
        field, wire_type = tag >> 3, tag & 7
        value = 0
        if wire_type == _VARINT:
            value, used = _varint(head, used)
        elif wire_type == _LENGTH:
            length, used = _varint(head, used)
            used += length
        elif wire_type == _FIXED64:
            used += 8
        elif wire_type == _FIXED32:
            used += 4
        else:
            raise _MalformedError
        if not 1 <= field < 1 << 29:
            raise _MalformedError
        position += used
        if position > size:
            raise _EndOfFileError
        yield field, wire_type, value
    raise _MalformedError


def _varint(data: bytes, start: int) -> tuple[int, int]:
    value = 0
    for index in range(start, min(start + 10, len(data))):
        value |= (data[index] & 0x7F) << (7 * (index - start))
        if data[index] < 0x80:
            return value, index + 1
    if len(data) < start + 10:
        raise _EndOfFileError
    raise _MalformedError
