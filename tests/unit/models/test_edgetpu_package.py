"""The compiled part of an Edge TPU model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeloop.errors import ModelError
from edgeloop.models.inspect import inspect_model
from edgeloop.models.tflite_file import read_package

flatbuffers = pytest.importorskip("flatbuffers", reason="pip install flatbuffers")

STAND_ALONE, PARAMETER_CACHING, EXECUTION_ONLY = range(3)


def executable(kind: int, parameters: int, chip: str = "beagle") -> bytes:
    builder = flatbuffers.Builder(64)
    name = builder.CreateString(chip)
    stream = builder.CreateByteVector(b"\1" * parameters)
    builder.StartObject(17)
    builder.PrependUOffsetTRelativeSlot(6, stream, 0)
    builder.PrependUOffsetTRelativeSlot(10, name, 0)
    builder.PrependInt16Slot(13, kind, 0)
    builder.Finish(builder.EndObject(), file_identifier=b"DWN1")
    return bytes(builder.Output())


def package(*executables: bytes, runtime: int = 13) -> bytes:
    bundle = flatbuffers.Builder(64)
    contents = [bundle.CreateByteVector(content) for content in executables]
    bundle.StartVector(4, len(contents), 4)
    for content in reversed(contents):
        bundle.PrependUOffsetTRelative(content)
    vector = bundle.EndVector()
    bundle.StartObject(1)
    bundle.PrependUOffsetTRelativeSlot(0, vector, 0)
    bundle.Finish(bundle.EndObject())
    builder = flatbuffers.Builder(64)
    nested = builder.CreateByteVector(bytes(bundle.Output()))
    compiler = builder.CreateString("cl/1234")
    builder.StartObject(8)
    builder.PrependInt32Slot(0, runtime, 0)
    builder.PrependUOffsetTRelativeSlot(1, nested, 0)
    builder.PrependUOffsetTRelativeSlot(4, compiler, 0)
    builder.Finish(builder.EndObject(), file_identifier=b"DWN1")
    return b"map of options" + bytes(builder.Output()) + b"\4\1"


def test_parameters_that_are_cached_and_that_are_streamed() -> None:
    found = read_package(
        package(executable(PARAMETER_CACHING, 100), executable(EXECUTION_ONLY, 30)), "m.tflite"
    )
    assert found is not None
    assert (found.cached_bytes, found.streamed_bytes, found.executables) == (100, 30, 2)
    assert (found.compiler, found.chip, found.runtime) == ("cl/1234", "beagle", 13)
    alone = read_package(package(executable(STAND_ALONE, 7)), "m.tflite")
    assert alone is not None
    assert (alone.cached_bytes, alone.streamed_bytes) == (0, 7)


def test_options_without_a_package_and_damaged_ones() -> None:
    assert read_package(b"nothing of the kind", "m.tflite") is None
    whole = package(executable(STAND_ALONE, 7))
    start = whole.index(b"DWN1")
    for end in range(start + 4, len(whole) - 2, 3):
        try:
            read_package(whole[:end], "m.tflite")
        except ModelError as error:
            assert "damaged" in str(error)  # noqa: PT017  some cuts leave what is read whole


def test_inspect_says_what_the_real_file_tells(shared_data: Path) -> None:
    path = shared_data / "imagenet_mobilenet" / "mobilenet_v2_1.0_224_quant_edgetpu.tflite"
    summary: Any = inspect_model(path)
    told = summary.metadata
    assert told["edgetpu_chip"] == "beagle"
    assert told["edgetpu_runtime_at_least"] == 12
    assert told["edgetpu_cached_parameter_bytes"] == 3900864
    assert told["edgetpu_streamed_parameter_bytes"] == 0
    assert 3900864 <= told["edgetpu_compiled_bytes"] < summary.bytes
    assert any("needs" in note or "runs with that device" in note for note in summary.notes)
