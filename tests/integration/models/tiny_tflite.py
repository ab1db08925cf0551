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
ADD, DEQUANTIZE, MUL, SVDF, CUSTOM, TRANSPOSE_CONV, WHERE = 0, 6, 18, 27, 32, 67, 109
_SVDF_OPTIONS, _TRANSPOSE_CONV_OPTIONS = 6, 49


@dataclass(frozen=True)
class TinyTensor:
    """A tensor of the model; `signature` has -1 for an open dimension."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    signature: Optional[tuple[int, ...]] = None
    scale: Optional[float] = None
    zero_point: int = 0
    data: Optional[bytes] = None
    """Of a constant."""
    variable: bool = False
    """It keeps its values from one run to the next."""


@dataclass(frozen=True)
class TinyOperator:
    """An operator over tensor numbers; its options are their type and their numbers by slot."""

    code: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    custom_name: Optional[str] = None
    options: Optional[tuple[int, dict[int, tuple[str, int]]]] = None


def model_bytes(
    tensors: list[TinyTensor],
    operators: list[TinyOperator],
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
    signatures: tuple[str, ...] = (),
) -> bytes:
    """Return a model of one subgraph, which every signature names."""
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    constants = [tensor.data for tensor in tensors if tensor.data is not None]
    buffers = [_table(builder, 1, {})]  # the first one is empty, for everything that is computed
    buffers += [_table(builder, 1, {0: builder.CreateByteVector(data)}) for data in constants]
    numbers = iter(range(1, len(buffers)))
    subgraph = _table(
        builder,
        5,
        {
            0: _offsets(
                builder,
                [
                    _tensor(builder, tensor, 0 if tensor.data is None else next(numbers))
                    for tensor in tensors
                ],
            ),
            1: _ints(builder, inputs),
            2: _ints(builder, outputs),
            3: _offsets(
                builder,
                [_operator(builder, number, op) for number, op in enumerate(operators)],
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
    functions = [
        _table(
            builder,
            5,
            {
                0: _offsets(builder, [_named(builder, tensors, number) for number in inputs]),
                1: _offsets(builder, [_named(builder, tensors, number) for number in outputs]),
                2: builder.CreateString(name),
            },
        )
        for name in signatures
    ]
    model = _table(
        builder,
        8,
        {
            1: _offsets(builder, codes),
            2: _offsets(builder, [subgraph]),
            4: _offsets(builder, buffers),
            **({7: _offsets(builder, functions)} if functions else {}),
        },
        numbers={0: ("Uint32", 3)},
    )
    builder.Finish(model, b"TFL3")
    return bytes(builder.Output())


def _named(builder: Any, tensors: list[TinyTensor], number: int) -> int:
    name = builder.CreateString(tensors[number].name)
    return _table(builder, 2, {0: name}, numbers={1: ("Uint32", number)})


def several_functions(*names: str) -> bytes:
    """Return a model of x + x that offers it under several names."""
    return model_bytes(
        [TinyTensor(name, "float32", (1, 3)) for name in ("x", "y")],
        [TinyOperator(ADD, (0, 0), (1,))],
        (0,),
        (1,),
        names,
    )


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


def remembering() -> bytes:
    """Return a model of x plus the x of the run before, which a variable tensor keeps."""
    import numpy as np

    ones = np.ones(2, np.float32)
    return model_bytes(
        [
            TinyTensor("x", "float32", (1, 1)),
            TinyTensor("by_feature", "float32", (1, 1), data=ones[:1].tobytes()),
            TinyTensor("by_time", "float32", (1, 2), data=ones.tobytes()),
            TinyTensor("state", "float32", (1, 2), variable=True),
            TinyTensor("y", "float32", (1, 1)),
        ],
        [TinyOperator(SVDF, (0, 1, 2, -1, 3), (4,), options=(_SVDF_OPTIONS, {0: ("Int32", 1)}))],
        (0,),
        (4,),
    )


def open_picture(signature: tuple[int, ...] = (1, -1, -1, 3)) -> bytes:
    """Return a model of x + x for pictures of any size, stored as 1 x 1 pixel."""
    return model_bytes(
        [TinyTensor(name, "float32", (1, 1, 1, 3), signature) for name in ("x", "y")],
        [TinyOperator(ADD, (0, 0), (1,))],
        (0,),
        (1,),
    )


def open_output() -> bytes:
    """Return a model of x + x that fixes its input's shape, and declares its output's open."""
    return model_bytes(
        [
            TinyTensor("x", "float32", (1, 4, 4, 3)),
            TinyTensor("y", "float32", (1, 4, 4, 3), (1, -1, -1, 3)),
        ],
        [TinyOperator(ADD, (0, 0), (1,))],
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


def half_weights() -> bytes:
    """Return a transposed convolution whose weights are constants of float16, as converters write.

    They go through DEQUANTIZE, so that to a delegate they are no constants.
    """
    import numpy as np

    weights = np.linspace(-1.0, 1.0, 36, dtype=np.float16)
    strides_of_one = {1: ("Int32", 1), 2: ("Int32", 1)}
    return model_bytes(
        [
            TinyTensor("x", "float32", (1, 4, 4, 2)),
            TinyTensor("half_weights", "float16", (2, 3, 3, 2), data=weights.tobytes()),
            TinyTensor("weights", "float32", (2, 3, 3, 2)),
            TinyTensor("shape", "int32", (4,), data=np.array([1, 4, 4, 2], np.int32).tobytes()),
            TinyTensor("y", "float32", (1, 4, 4, 2)),
        ],
        [
            TinyOperator(DEQUANTIZE, (1,), (2,)),
            TinyOperator(
                TRANSPOSE_CONV, (3, 2, 0), (4,), options=(_TRANSPOSE_CONV_OPTIONS, strides_of_one)
            ),
        ],
        (0,),
        (4,),
    )


def _operator(builder: Any, code: int, operator: TinyOperator) -> int:
    offsets = {1: _ints(builder, operator.inputs), 2: _ints(builder, operator.outputs)}
    numbers = {0: ("Uint32", code)}
    if operator.options is not None:
        kind, values = operator.options
        offsets[4] = _table(builder, 3, {}, numbers=values)
        numbers[3] = ("Uint8", kind)
    return _table(builder, 5, offsets, numbers=numbers)


def _tensor(builder: Any, tensor: TinyTensor, buffer: int) -> int:
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
    numbers = {1: ("Int8", TYPES[tensor.dtype]), 2: ("Uint32", buffer)}
    if tensor.variable:
        numbers[5] = ("Bool", True)
    return _table(builder, 8, offsets, numbers=numbers)


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
