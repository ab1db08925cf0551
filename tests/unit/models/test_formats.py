"""A format is told from the content, and what is not a model is named."""

from __future__ import annotations

import hashlib
import io
import pickle
import subprocess
import sys
import zipfile

import pytest

from edgeloop.errors import ModelError
from edgeloop.models.formats import ModelFormat, detect_format
from edgeloop.models.identity import model_bytes, sha256_of

LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."


def archive(*names):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as out:
        for name in names:
            out.writestr(name, b"x")
    return stream.getvalue()


def field(number, payload):
    """Return a length-delimited protobuf field shorter than 128 bytes."""
    return bytes([number << 3 | 2, len(payload)]) + payload


ONNX = b"\x08\x0a" + field(2, b"pytorch") + field(7, b"\x0a\x00") + field(8, b"\x10\x11")
CONTENTS = [
    (ONNX, ModelFormat("onnx")),
    (field(7, b"\x0a\x00") + b"\x08\x0a", ModelFormat("onnx")),
    (LEGACY + b"rest", ModelFormat("pytorch", "legacy-checkpoint")),
    (b"\x89HDF\r\n\x1a\n" + bytes(9), ModelFormat("keras", "hdf5")),
    (b"ftrt" + bytes(40), ModelFormat("tensorrt")),
    (archive("m/data.pkl", "m/data/0", "m/version"), ModelFormat("pytorch", "checkpoint")),
    (
        archive("m/data.pkl", "m/constants.pkl", "m/code/__torch__.py"),
        ModelFormat("pytorch", "torchscript"),
    ),
    (archive("m/models/model.json", "m/archive_format"), ModelFormat("pytorch", "export")),
    (archive("serialized_exported_program.json", "version"), ModelFormat("pytorch", "export")),
    (archive("m/data/aotinductor/model/a.so", "m/version"), ModelFormat("aotinductor")),
    (archive("data/aotinductor/model/a.so", "archive_format"), ModelFormat("aotinductor")),
    (archive("config.json", "metadata.json", "model.weights.h5"), ModelFormat("keras", "keras")),
]


@pytest.mark.parametrize(("content", "expected"), CONTENTS)
def test_content_decides_whatever_the_name(tmp_path, content, expected):
    for name in ("model.tflite", "model.onnx", "noext"):
        (tmp_path / name).write_bytes(content)
        assert detect_format(tmp_path / name) == expected


def test_tflite_and_edgetpu(tmp_path, builder):
    x = builder.tensor("x", (1, 4), "uint8", scale=(0.5,))
    builder.io([x], [x])
    (tmp_path / "a.pt").write_bytes(builder.build())
    assert detect_format(str(tmp_path / "a.pt")) == ModelFormat("tflite")
    builder.operator("edgetpu-custom-op", [x], [x])
    (tmp_path / "a.pt").write_bytes(builder.build())
    assert detect_format(tmp_path / "a.pt") == ModelFormat("edgetpu")


def test_savedmodel_folder(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01\x12\x00")
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "variables.index").write_bytes(b"12345")
    assert detect_format(tmp_path) == ModelFormat("savedmodel")
    assert model_bytes(tmp_path) == 9
    with pytest.raises(ModelError, match="one file of a SavedModel; give its folder"):
        detect_format(tmp_path / "saved_model.pb")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "run 'git lfs pull'"),
        (b"hello, this is not a model\n", "it holds plain text"),
        ("größer\n".encode() * 1000, "it holds plain text"),
        (b"\n<!DOCTYPE html><html></html>", "a web page was saved"),
        (b"PK\x03\x04" + bytes(99), "zip archive that is damaged or cut short"),
        (archive("m/data.pkl")[:-30], "zip archive that is damaged or cut short"),
        (archive("x.npy", "y.npy"), "NumPy .npz archive: data, not a model"),
        (archive("readme.txt"), "zip archive without a model"),
        (b"PK\x05\x06" + bytes(18), "zip archive without a model"),
        (pickle.dumps({"a": 1}, 4), "bare Python pickle"),
        (bytes(4) + b"ORTM" + bytes(9), "give the .onnx"),
        (b"\x1f\x8b\x08" + bytes(9), "gzip archive; unpack it first"),
        (ONNX[:-1], "ONNX model that is cut short"),
        (b"\x08\x01" + field(2, b"graphs"), "a protobuf but neither an ONNX model"),
        (field(1, b"node") + field(4, b"\x08\x01"), "a protobuf but neither an ONNX model"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "not a model of a known format; formats: pytorch"),
        (bytes(range(128, 256)), "not a model of a known format"),
        (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "not a model of a known format"),
    ],
    ids=lambda value: value if isinstance(value, str) else "content",  # an archive holds the time
)
def test_what_is_no_model_gets_its_sentence(tmp_path, content, sentence):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        detect_format(path)
    assert sentence in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_and_folder(tmp_path):
    with pytest.raises(ModelError, match="does not exist; check the path"):
        detect_format(tmp_path / "none.onnx")
    with pytest.raises(ModelError, match=r"folder without saved_model\.pb"):
        detect_format(tmp_path)
    with pytest.raises(ModelError, match="is not a file"):
        detect_format("/dev/null")
    with pytest.raises(ModelError, match="cannot be read"):
        detect_format("a\0b")


def test_truncated_tflite_is_named_before_anything_loads_it(tmp_path, asset):
    data = asset("digits_int8.tflite").read_bytes()
    (tmp_path / "cut").write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match="damaged or cut short"):
        detect_format(tmp_path / "cut")


def test_sha256_streams_the_file(tmp_path):
    data = b"abc" * 1_000_000
    (tmp_path / "m").write_bytes(data)
    assert sha256_of(tmp_path / "m") == hashlib.sha256(data).hexdigest()
    assert model_bytes(str(tmp_path / "m")) == len(data)


def test_only_the_standard_library_is_imported():
    code = (
        "import sys, edgeloop.models.formats, edgeloop.models.inspect;"
        "print([m for m in ('numpy', 'onnx', 'torch', 'tflite') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, check=True, capture_output=True).stdout.strip() == b"[]"
