"""Read a .tflite file into plain records, without any runtime or schema package."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgeloop.errors import ModelError, plain
from edgeloop.models import tflite_schema as schema
from edgeloop.models.flatbuffer import FlatbufferReader, Table
from edgeloop.models.summary import Quantization

_MAX_RANK = 32  # kernels stop at 8 or fewer
_MOST_METADATA = 1 << 20  # bytes of one description; real ones have some kilobytes
_LARGE_TEXT = 64  # bytes of the runtime version that is kept in a metadata buffer


@dataclass(frozen=True)
class TfliteTensor:
    """One tensor; `stored_bytes` is 0 where the file holds no data for it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    rank_known: bool
    buffer: int
    stored_bytes: int
    sparse: bool
    external: bool
    quantized: bool

    @property
    def constant(self) -> bool:
        """Say whether its data are part of the model."""
        return self.stored_bytes > 0 or self.external

    @property
    def elements(self) -> int:
        """Return the number of elements at the stored shape."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class TfliteOperator:
    """One node; a missing optional input has the index -1."""

    name: str
    custom: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    adjoint_x: bool


@dataclass(frozen=True)
class TfliteSubgraph:
    """One graph; `quantization` holds the parameters of its inputs and outputs by tensor index."""

    name: str
    tensors: tuple[TfliteTensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[TfliteOperator, ...]
    quantization: dict[int, Quantization]


@dataclass(frozen=True)
class TfliteSignature:
    """A named entry point: its tensors by the names that an application uses."""

    key: str
    subgraph: int
    inputs: dict[str, int]
    outputs: dict[str, int]


@dataclass(frozen=True)
class TfliteModel:
    """One file."""

    version: int
    description: str
    subgraphs: tuple[TfliteSubgraph, ...]
    signatures: tuple[TfliteSignature, ...]
    metadata: tuple[str, ...]
    min_runtime_version: str | None


@dataclass(frozen=True)
class _File:
    """What the subgraphs refer to."""

    reader: FlatbufferReader
    codes: tuple[tuple[str, bool], ...]
    buffers: tuple[tuple[int, int], ...]


def custom_operators(path: Path) -> tuple[str, ...]:
    """Return the names of the custom operators that the file declares."""
    with _opened(path) as (file, _):
        return tuple(name for name, custom in file.codes if custom)


def custom_options(path: Path, name: str) -> Iterator[bytes]:
    """Yield the options of every custom operator of that name, as the file has them."""
    with _opened(path) as (file, root):
        for graph in root.children(schema.Model.SUBGRAPHS):
            for operator in graph.children(schema.Subgraph.OPERATORS):
                code = operator.number(schema.Operator.CODE, "I")
                if code < len(file.codes) and file.codes[code] == (name, True):
                    yield operator.blob(schema.Operator.CUSTOM_OPTIONS)


def read_model(path: Path) -> TfliteModel:
    """Read the whole structure; weights stay in the file."""
    with _opened(path) as (file, root):
        subgraphs = tuple(_subgraph(file, table) for table in root.children(schema.Model.SUBGRAPHS))
        if not subgraphs:
            raise file.reader.broken("it holds no graph")
        metadata = {
            table.text(schema.Metadata.NAME): table.number(schema.Metadata.BUFFER, "I")
            for table in root.children(schema.Model.METADATA)
        }
        return TfliteModel(
            version=root.number(schema.Model.VERSION, "I"),
            description=root.text(schema.Model.DESCRIPTION),
            subgraphs=subgraphs,
            signatures=tuple(
                _signature(file, table, subgraphs)
                for table in root.children(schema.Model.SIGNATURES)
            ),
            metadata=tuple(metadata),
            min_runtime_version=_buffer_text(file, metadata.get("min_runtime_version")),
        )


def metadata_buffer(path: Path, name: str) -> bytes:
    """Return the buffer that the file keeps under a name; empty where it has none of that name.

    Raises ModelError where the file is damaged, or the buffer larger than any description.
    """
    with _opened(path) as (file, root):
        for table in root.children(schema.Model.METADATA):
            buffer = table.number(schema.Metadata.BUFFER, "I")
            if table.text(schema.Metadata.NAME) == name and buffer < len(file.buffers):
                start, length = file.buffers[buffer]
                if length > _MOST_METADATA:
                    raise file.reader.broken(f"its '{name}' has {length} bytes")
                return file.reader.read(start, length)
    return b""


@contextmanager
def _opened(path: Path) -> Iterator[tuple[_File, Table]]:
    try:
        with path.open("rb") as stream:
            reader = FlatbufferReader(stream, path.stat().st_size, str(path))
            if reader.read(4, 4) != schema.IDENTIFIER:
                raise ModelError(f"{path} is not a TensorFlow Lite model: no TFL3 at byte 4")
            root = reader.root()
            codes = tuple(_code(table) for table in root.children(schema.Model.OPERATOR_CODES))
            buffers = tuple(_extent(reader, t) for t in root.children(schema.Model.BUFFERS))
            yield _File(reader, codes, buffers), root
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error


def _code(table: Table) -> tuple[str, bool]:
    number = max(
        table.number(schema.OperatorCode.OLD_NUMBER, "b"),
        table.number(schema.OperatorCode.NUMBER, "i"),
    )
    if number == schema.CUSTOM:
        return table.text(schema.OperatorCode.CUSTOM_NAME) or "CUSTOM (unnamed)", True
    known = 0 <= number < len(schema.BUILTIN_OPERATORS)
    return schema.BUILTIN_OPERATORS[number] if known else f"BUILTIN_{number}", False


def _extent(reader: FlatbufferReader, table: Table) -> tuple[int, int]:
    start, length = table.vector(schema.Buffer.DATA, 1)
    offset = table.number(schema.Buffer.OFFSET, "Q")
    size = table.number(schema.Buffer.SIZE, "Q")
    if length or offset <= 1 or not size:  # offset 1 marks "inside the flatbuffer"
        return start, length
    if offset + size > reader.size:
        raise reader.broken(f"weights at {offset} run past its {reader.size} bytes")
    return offset, size


def _subgraph(file: _File, table: Table) -> TfliteSubgraph:
    tables = list(table.children(schema.Subgraph.TENSORS))
    tensors = tuple(_tensor(file, item) for item in tables)
    inputs = _indices(file, table.integers(schema.Subgraph.INPUTS, "i"), len(tensors))
    outputs = _indices(file, table.integers(schema.Subgraph.OUTPUTS, "i"), len(tensors))
    quantization = {}
    for index in {*inputs, *outputs} - {-1}:
        parameters = _quantization(file, tables[index])
        if parameters is not None:
            quantization[index] = parameters
    return TfliteSubgraph(
        name=table.text(schema.Subgraph.NAME),
        tensors=tensors,
        inputs=tuple(i for i in inputs if i >= 0),
        outputs=tuple(i for i in outputs if i >= 0),
        operators=tuple(
            _operator(file, item, len(tensors))
            for item in table.children(schema.Subgraph.OPERATORS)
        ),
        quantization=quantization,
    )


def _indices(file: _File, indices: tuple[int, ...], count: int) -> tuple[int, ...]:
    for index in indices:
        if not -1 <= index < count:
            raise file.reader.broken(f"it refers to tensor {index} of {count}")
    return indices


def _operator(file: _File, table: Table, tensors: int) -> TfliteOperator:
    code = table.number(schema.Operator.CODE, "I")
    if code >= len(file.codes):
        raise file.reader.broken(f"it refers to operator code {code} of {len(file.codes)}")
    name, custom = file.codes[code]
    adjoint = False
    if table.number(schema.Operator.OPTIONS_TYPE, "B") == schema.BATCH_MATMUL_OPTIONS:
        options = table.child(schema.Operator.OPTIONS)
        adjoint = options is not None and bool(options.number(0, "B"))
    return TfliteOperator(
        name=name,
        custom=custom,
        inputs=_indices(file, table.integers(schema.Operator.INPUTS, "i"), tensors),
        outputs=_indices(file, table.integers(schema.Operator.OUTPUTS, "i"), tensors),
        adjoint_x=adjoint,
    )


def _tensor(file: _File, table: Table) -> TfliteTensor:
    shape = table.integers(schema.Tensor.SHAPE, "i")
    number = table.number(schema.Tensor.TYPE, "b")
    buffer = table.number(schema.Tensor.BUFFER, "I")
    name = table.text(schema.Tensor.NAME)
    if len(shape) > _MAX_RANK or any(size < 0 for size in shape):
        raise file.reader.broken(f"tensor '{plain(name)}' has an impossible shape")
    if buffer >= len(file.buffers) and buffer:
        raise file.reader.broken(f"tensor '{plain(name)}' refers to weights that do not exist")
    known = 0 <= number < len(schema.TENSOR_TYPES)
    quantization = table.child(schema.Tensor.QUANTIZATION)
    tensor = TfliteTensor(
        name=name,
        dtype=schema.TENSOR_TYPES[number] if known else f"type {number}",
        shape=shape,
        signature=table.integers(schema.Tensor.SIGNATURE, "i"),
        rank_known=bool(shape) or bool(table.number(schema.Tensor.HAS_RANK, "B")),
        buffer=buffer,
        stored_bytes=file.buffers[buffer][1] if buffer else 0,
        sparse=table.child(schema.Tensor.SPARSITY) is not None,
        external=table.number(schema.Tensor.EXTERNAL_BUFFER, "I") > 0,
        quantized=quantization is not None and _is_quantized(quantization),
    )
    _check_data(file, tensor)
    return tensor


def _is_quantized(table: Table) -> bool:
    return (
        table.vector(schema.QuantizationSlot.SCALE, 4)[1] > 0
        or table.number(schema.QuantizationSlot.DETAILS_TYPE, "B") > 0
    )


def _check_data(file: _File, tensor: TfliteTensor) -> None:
    needed = -(-tensor.elements * bits_of(tensor.dtype) // 8)
    if tensor.stored_bytes and not tensor.sparse and tensor.stored_bytes < needed:
        raise file.reader.broken(
            f"tensor '{plain(tensor.name)}' needs {needed} bytes and has {tensor.stored_bytes}"
        )


def bits_of(dtype: str) -> int:
    """Return the bits of one element; 0 for what has no fixed size."""
    digits = dtype.split("_", 1)[0].lstrip("abcdefghijklmnopqrstuvwxyz")
    return 8 if dtype == "bool" else int(digits) if digits.isdigit() else 0


def _quantization(file: _File, tensor: Table) -> Quantization | None:
    table = tensor.child(schema.Tensor.QUANTIZATION)
    if table is None:
        return None
    scales = table.floats(schema.QuantizationSlot.SCALE)
    if not scales:
        return None
    if not all(math.isfinite(scale) for scale in scales):
        name = plain(tensor.text(schema.Tensor.NAME))
        raise file.reader.broken(f"tensor '{name}' has a scale that is not a finite number")
    zero_points = table.integers(schema.QuantizationSlot.ZERO_POINT, "q")
    axis = table.number(schema.QuantizationSlot.AXIS, "i") if len(scales) > 1 else None
    return Quantization(scales, zero_points or (0,) * len(scales), axis)


def _signature(file: _File, table: Table, subgraphs: tuple[TfliteSubgraph, ...]) -> TfliteSignature:
    subgraph = table.number(schema.Signature.SUBGRAPH, "I")
    if subgraph >= len(subgraphs):
        raise file.reader.broken(f"a signature refers to graph {subgraph} of {len(subgraphs)}")
    tensors = len(subgraphs[subgraph].tensors)
    return TfliteSignature(
        key=table.text(schema.Signature.KEY),
        subgraph=subgraph,
        inputs=_tensor_map(file, table, schema.Signature.INPUTS, tensors),
        outputs=_tensor_map(file, table, schema.Signature.OUTPUTS, tensors),
    )


def _tensor_map(file: _File, table: Table, slot: int, tensors: int) -> dict[str, int]:
    names = {
        item.text(schema.TensorMap.NAME): item.number(schema.TensorMap.TENSOR, "I")
        for item in table.children(slot)
    }
    _indices(file, tuple(names.values()), tensors)
    return names


def _buffer_text(file: _File, buffer: int | None) -> str | None:
    if buffer is None or buffer >= len(file.buffers):
        return None
    start, length = file.buffers[buffer]
    data = file.reader.read(start, min(length, _LARGE_TEXT))
    return plain(data.split(b"\0", 1)[0].decode("utf-8", "replace")) or None
