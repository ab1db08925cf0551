"""What a .tflite says of its own data: the names of its classes, and what pixels become.

TensorFlow Lite's metadata is a FlatBuffer in one of the model's buffers; the files it names are
members of a zip archive behind the model. Slots are those of metadata_schema.fbs 1.5, of
tflite-support 0.4.4.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from edgeloop.errors import ModelError
from edgeloop.models.flatbuffer import FlatbufferReader, Table
from edgeloop.models.tflite_reader import metadata_buffer

BUFFER = "TFLITE_METADATA"

_IDENTIFIER = b"M001"

_MODEL_SUBGRAPHS = 3
_SUBGRAPH_INPUTS, _SUBGRAPH_OUTPUTS = 2, 3
_TENSOR_PROCESS_UNITS, _TENSOR_FILES = 4, 6
_FILE_NAME, _FILE_TYPE = 0, 2
_UNIT_TYPE, _UNIT_OPTIONS = 0, 1
_MEAN, _STD = 0, 1

_LABELS = (2, 3)  # AssociatedFileType: TENSOR_AXIS_LABELS, TENSOR_VALUE_LABELS
_NORMALIZATION = 1  # ProcessUnitOptions.NormalizationOptions


@dataclass(frozen=True)
class TfliteMetadata:
    """What is used of it; empty where the file says nothing."""

    labels: Optional[str] = None
    """Member of the model's archive with the names of the classes of an output."""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    """Of the first input that states them, in pixel values."""


def read_metadata(path: Path) -> TfliteMetadata:
    """Read the metadata of a model; nothing is found where it has none or it is damaged."""
    try:
        data = metadata_buffer(path, BUFFER)
        if data[4:8] != _IDENTIFIER:
            return TfliteMetadata()
        root = FlatbufferReader(io.BytesIO(data), len(data), str(path)).root()
        graphs = list(root.children(_MODEL_SUBGRAPHS))[:1]
        labels = next(_label_files(graphs), None)
        mean, std = next(_normalizations(graphs), ((), ()))
    except ModelError:
        return TfliteMetadata()
    return TfliteMetadata(labels if _holds(path, labels) else None, mean, std)


def _label_files(graphs: list[Table]) -> Iterator[str]:
    for graph in graphs:
        for tensor in graph.children(_SUBGRAPH_OUTPUTS):
            for file in tensor.children(_TENSOR_FILES):
                if file.number(_FILE_TYPE, "b") in _LABELS:
                    yield file.text(_FILE_NAME)


def _normalizations(
    graphs: list[Table],
) -> Iterator[tuple[tuple[float, ...], tuple[float, ...]]]:
    for graph in graphs:
        for tensor in graph.children(_SUBGRAPH_INPUTS):
            for unit in tensor.children(_TENSOR_PROCESS_UNITS):
                options = unit.child(_UNIT_OPTIONS)
                if unit.number(_UNIT_TYPE, "B") == _NORMALIZATION and options is not None:
                    mean, std = options.floats(_MEAN), options.floats(_STD)
                    # (0, 1) is what tools write for "nothing".
                    if std and 0 not in std and (set(mean), set(std)) != ({0.0}, {1.0}):
                        yield mean, std


def _holds(path: Path, member: Optional[str]) -> bool:
    if member is None or not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return member in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return False
