"""The inputs and outputs of a .tflite file: what LiteRT's Python API does not report of them.

Only the tables on the way are read, not the whole file: this is part of loading a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from edgeloop.errors import ModelError
from edgeloop.models.flatbuffer import FlatbufferReader, Table
from edgeloop.models.tflite_schema import (
    IDENTIFIER,
    TENSOR_TYPES,
    VAR_HANDLE,
    Model,
    OperatorCode,
    QuantizationSlot,
    Signature,
    Subgraph,
    Tensor,
)


@dataclass(frozen=True)
class DeclaredTensor:
    """One input or output as the file declares it."""

    name: str
    dtype: str
    """NumPy's name, or the schema's where NumPy has no such type."""
    shape: tuple[Optional[int], ...]
    """None for a dimension that the model leaves open."""
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int


def declared_tensors(model: str) -> tuple[list[DeclaredTensor], list[DeclaredTensor]]:
    """Return inputs and outputs of the first signature, in the order of the runtimes' buffers.

    Raises ModelError where the file cannot be read or is damaged.
    """
    try:
        with Path(model).open("rb") as stream:
            reader = FlatbufferReader(stream, Path(model).stat().st_size, model)
            if reader.read(4, 4) != IDENTIFIER:
                raise ModelError(f"{model} is not a TensorFlow Lite model: no TFL3 at byte 4")
            root = reader.root()
            signatures = _items(reader, root, Model.SIGNATURES)
            number = signatures[0].number(Signature.SUBGRAPH, "I") if signatures else 0
            graph = _items(reader, root, Model.SUBGRAPHS, [number])[0]
            inputs, outputs = (
                _items(reader, graph, Subgraph.TENSORS, graph.integers(slot, "i"))
                for slot in (Subgraph.INPUTS, Subgraph.OUTPUTS)
            )
            return [_declared(tensor) for tensor in inputs], [_declared(t) for t in outputs]
    except OSError as error:
        raise ModelError(f"{model} cannot be read: {error.strerror or error}") from error


@dataclass(frozen=True)
class TfliteTraits:
    """What of a model decides how it can be run."""

    variables: bool
    """Tensors that keep their values from run to run, as recurrent cells have them."""
    resources: bool
    """Variables that operators read and assign."""
    open_inputs: tuple[str, ...]
    open_outputs: tuple[str, ...]
    """Names of those whose shape is not stated as a whole."""
    signatures: tuple[tuple[str, int], ...]
    """Name and number of the graph of each function that the file offers."""

    @property
    def state(self) -> Optional[str]:
        """What outlives a run, in words."""
        if self.resources:
            return "variables that its operators assign"
        return "variable tensors" if self.variables else None


def traits_of(model: str) -> TfliteTraits:
    """Read what decides how a model can be run. Raises ModelError, as `declared_tensors` does."""
    inputs, outputs = declared_tensors(model)
    with Path(model).open("rb") as stream:
        reader = FlatbufferReader(stream, Path(model).stat().st_size, model)
        root = reader.root()
        codes = {
            max(code.number(OperatorCode.OLD_NUMBER, "b"), code.number(OperatorCode.NUMBER, "i"))
            for code in _items(reader, root, Model.OPERATOR_CODES)
        }
        variables = any(
            tensor.number(Tensor.IS_VARIABLE, "B")
            for graph in _items(reader, root, Model.SUBGRAPHS)
            for tensor in _items(reader, graph, Subgraph.TENSORS)
        )
        signatures = tuple(
            (signature.text(Signature.KEY), signature.number(Signature.SUBGRAPH, "I"))
            for signature in _items(reader, root, Model.SIGNATURES)
        )
    return TfliteTraits(
        variables=variables,
        resources=VAR_HANDLE in codes,
        open_inputs=tuple(one.name for one in inputs if None in one.shape),
        open_outputs=tuple(one.name for one in outputs if None in one.shape),
        signatures=signatures,
    )


def _items(
    reader: FlatbufferReader, table: Table, slot: int, numbers: Optional[Sequence[int]] = None
) -> list[Table]:
    """Return the tables of a vector by their numbers; all of them without."""
    start, length = table.vector(slot, 4)
    wanted = range(length) if numbers is None else numbers
    if any(not 0 <= number < length for number in wanted):
        raise reader.broken(f"it refers to item {max(wanted)} of {length}")
    places = [start + 4 * number for number in wanted]
    return [Table(reader, place + reader.number(place, "I")) for place in places]


def _declared(tensor: Table) -> DeclaredTensor:
    shape = tensor.integers(Tensor.SHAPE, "i")
    signature = tensor.integers(Tensor.SIGNATURE, "i")
    dimensions = signature if len(signature) == len(shape) else shape
    quantization = tensor.child(Tensor.QUANTIZATION)
    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()
    axis = 0
    if quantization is not None:
        scales = quantization.floats(QuantizationSlot.SCALE)
        zero_points = quantization.integers(QuantizationSlot.ZERO_POINT, "q")
        axis = quantization.number(QuantizationSlot.AXIS, "i")
    number = tensor.number(Tensor.TYPE, "b")
    known = 0 <= number < len(TENSOR_TYPES)
    return DeclaredTensor(
        name=tensor.text(Tensor.NAME),
        dtype=TENSOR_TYPES[number] if known else f"type {number}",
        shape=tuple(None if size < 0 else size for size in dimensions),
        scales=scales,
        zero_points=zero_points or (0,) * len(scales),
        axis=axis,
    )
