"""What a .tflite says of its classes and its pixels, as tflite-support writes it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any, Optional

import pytest

from edgeloop.data.labels import ClassNames
from edgeloop.models.tflite_metadata import TfliteMetadata, read_metadata

flatbuffers = pytest.importorskip("flatbuffers", reason="pip install flatbuffers: models made here")


def table(builder: Any, slots: int, values: dict[int, tuple[str, Any]]) -> int:
    builder.StartObject(slots)
    for slot, (kind, value) in values.items():
        if kind == "offset":
            builder.PrependUOffsetTRelativeSlot(slot, value, 0)
        elif kind == "byte":
            builder.PrependUint8Slot(slot, value, 0)
        else:
            builder.PrependUint32Slot(slot, value, 0)
    return int(builder.EndObject())


def vector(builder: Any, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def floats(builder: Any, values: list[float]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    return int(builder.EndVector())


def metadata(mean: list[float], std: list[float], labels: str) -> bytes:
    builder = flatbuffers.Builder(256)
    options = table(
        builder, 2, {0: ("offset", floats(builder, mean)), 1: ("offset", floats(builder, std))}
    )
    unit = table(builder, 2, {0: ("byte", 1), 1: ("offset", options)})
    given = table(builder, 7, {4: ("offset", vector(builder, [unit]))})
    name = builder.CreateString(labels)
    file = table(builder, 5, {0: ("offset", name), 2: ("byte", 2)})
    made = table(builder, 7, {6: ("offset", vector(builder, [file]))})
    inputs, outputs = vector(builder, [given]), vector(builder, [made])
    graph = table(builder, 9, {2: ("offset", inputs), 3: ("offset", outputs)})
    builder.Finish(
        table(builder, 8, {3: ("offset", vector(builder, [graph]))}), file_identifier=b"M001"
    )
    return bytes(builder.Output())


def model(described: bytes) -> bytes:
    builder = flatbuffers.Builder(256)
    data = builder.CreateByteVector(described)
    buffers = vector(builder, [table(builder, 3, {}), table(builder, 3, {0: ("offset", data)})])
    name = builder.CreateString("TFLITE_METADATA")
    entry = table(builder, 2, {0: ("offset", name), 1: ("uint", 1)})
    entries = vector(builder, [entry])
    fields = {0: ("uint", 3), 4: ("offset", buffers), 6: ("offset", entries)}
    builder.Finish(table(builder, 8, fields), file_identifier=b"TFL3")
    return bytes(builder.Output())


def written(tmp_path: Path, described: bytes, labels: Optional[str]) -> Path:
    path = tmp_path / "model.tflite"
    content = io.BytesIO()
    content.write(model(described))
    if labels is not None:
        with zipfile.ZipFile(content, "a") as archive:
            archive.writestr("labels.txt", labels)
    path.write_bytes(content.getvalue())
    return path


def test_names_and_pixels_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, metadata([127.5], [127.5], "labels.txt"), "cat\ndog\n")
    assert read_metadata(path) == TfliteMetadata("labels.txt", (127.5,), (127.5,))
    names = ClassNames.read("labels.txt", str(path))
    assert (names.number("dog"), names.count) == (1, 2)
    assert names.path == f"labels.txt in {path}"


def test_what_says_nothing_gives_nothing(tmp_path: Path) -> None:
    plain = metadata([0.0], [1.0], "labels.txt")
    assert read_metadata(written(tmp_path, plain, None)) == TfliteMetadata()
    path = written(tmp_path, plain, "cat\n")
    for end in range(len(path.read_bytes()) - 1, 0, -37):
        path.write_bytes(path.read_bytes()[:end])
        read_metadata(path)  # cut short anywhere: nothing, or what is still whole
    path.write_bytes(b"no model")
    assert read_metadata(path) == TfliteMetadata()
