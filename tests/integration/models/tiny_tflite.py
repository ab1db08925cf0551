"""Tiny TFLite models, written field by field: no converter is needed to test a runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

# Element types and operators, as the schema numbers them.
TYPES = {
    "float32": 0, "float16": 1, "int32": 2, "uint8": 3, "int64": 4, "string": 5, "bool": 6,
    "int16": 7, "complex64": 8, "int8": 9, "float64": 10, "uint64": 12, "uint32": 15, "uint16": 16,
    "int4": 17,
}  # fmt: skip
ADD, MUL, CUSTOM, WHERE = 0, 18, 32, 109


@dataclass(frozen=True)
class TinyTensor:
    """A tensor of the model; `signature` has -1 for an open dimension."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    signature: Optional[tuple[int, ...]] = None
    scale: Optional[float] = None
    zero_point: int = 0


@dataclass(frozen=True)
class TinyOperator:
    """An operator over tensor numbers, with its default options."""

    code: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    custom_name: Optional[str] = None


def model_bytes(
    tensors: list[TinyTensor],
    operators: list[TinyOperator],
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
) -> bytes:
    """Return a model of one subgraph."""
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    subgraph = _table(
        builder,
        5,
        {
            0: _offsets(builder, [_tensor(builder, tensor) for tensor in tensors]),
            1: _ints(builder, inputs),
            2: _ints(builder, outputs),
            3: _offsets(
                builder,
                [
                    _table(
                        builder,
                        3,
                        {1: _ints(builder, op.inputs), 2: _ints(builder, op.outputs)},
                        numbers={0: ("Uint32", number)},
                    )
                    for number, op in enumerate(operators)
                ],
            ),
        },
    )
    codes = [
        _table(
            builder,
            4,
            {1: builder.CreateString(op.custom_name)} if op.custom_name else {},
            numbers={0: ("Int8", op.code), 2: ("Int32", 1), 3: ("Int32", op.code)},
        )
        for op in operators
    ]
    model = _table(
        builder,
        5,
        {
            1: _offsets(builder, codes),
            2: _offsets(builder, [subgraph]),
            4: _offsets(builder, [_table(builder, 1, {})]),
        },
        numbers={0: ("Uint32", 3)},
    )
    builder.Finish(model, b"TFL3")
    return bytes(builder.Output())


def two_inputs() -> bytes:
    """Return a model of a + b and a * b."""
    shape = (2, 3)
    return model_bytes(
        [TinyTensor(name, "float32", shape) for name in ("a", "b", "sum", "product")],
        [TinyOperator(ADD, (0, 1), (2,)), TinyOperator(MUL, (0, 1), (3,))],
        (0, 1),
        (2, 3),
    )


def open_batch() -> bytes:
    """Return a model of x + x whose first dimension is open."""
    return model_bytes(
        [TinyTensor(name, "float32", (1, 4), (-1, 4)) for name in ("x", "y")],
        [TinyOperator(ADD, (0, 0), (1,))],
        (0,),
        (1,),
    )


def found_shape() -> bytes:
    """Return a model that tells where its input is true: the output's shape depends on it."""
    return model_bytes(
        [TinyTensor("mask", "bool", (8,)), TinyTensor("places", "int64", (1, 1), (-1, 1))],
        [TinyOperator(WHERE, (0,), (1,))],
        (0,),
        (1,),
    )


def passed_through(dtype: str) -> bytes:
    """Return a model whose output is its input."""
    return model_bytes([TinyTensor("x", dtype, (3,))], [], (0,), (0,))


def unknown_operator() -> bytes:
    """Return a model with an operator that no runtime has."""
    return model_bytes(
        [TinyTensor(name, "float32", (2,)) for name in ("x", "y")],
        [TinyOperator(CUSTOM, (0,), (1,), "NoSuchOperator")],
        (0,),
        (1,),
    )


def _tensor(builder: Any, tensor: TinyTensor) -> int:
    offsets = {0: _ints(builder, tensor.shape), 3: builder.CreateString(tensor.name)}
    if tensor.signature is not None:
        offsets[7] = _ints(builder, tensor.signature)
    if tensor.scale is not None:
        builder.StartVector(4, 1, 4)
        builder.PrependFloat32(tensor.scale)
        scales = builder.EndVector()
        builder.StartVector(8, 1, 8)
        builder.PrependInt64(tensor.zero_point)
        offsets[4] = _table(builder, 7, {2: scales, 3: builder.EndVector()})
    return _table(builder, 8, offsets, numbers={1: ("Int8", TYPES[tensor.dtype])})


def _ints(builder: Any, values: tuple[int, ...]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependInt32(value)
    return builder.EndVector()


def _offsets(builder: Any, values: list[int]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependUOffsetTRelative(value)
    return builder.EndVector()


def _table(
    builder: Any,
    slots: int,
    offsets: dict[int, int],
    numbers: Optional[dict[int, tuple[str, int]]] = None,
) -> int:
    builder.StartObject(slots)
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, (kind, value) in (numbers or {}).items():
        getattr(builder, f"Prepend{kind}Slot")(slot, value, 0)
    return builder.EndObject()
