"""Which files a model consists of, and that a change of any of them makes it another model."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from edgeloop.errors import ModelError
from edgeloop.models.identity import identity_of, model_bytes, model_files, sha256_of


def varint(value: int) -> bytes:
    more = value > 0x7F
    head = bytes([value & 0x7F | (0x80 if more else 0)])
    return head + (varint(value >> 7) if more else b"")


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def external(name: str) -> bytes:
    """A TensorProto that keeps its weights in a file."""
    entry = field(1, b"location") + field(2, name.encode())
    offset = field(1, b"offset") + field(2, b"0")
    return field(8, b"w") + field(13, entry) + field(13, offset)


def onnx(*tensors: bytes, function: bytes = b"") -> bytes:
    """A ModelProto: IR version, a graph with initializers, a function."""
    graph = field(1, field(4, b"Relu")) + b"".join(field(5, one) for one in tensors)
    return b"\x08\x08" + field(7, graph) + (field(25, function) if function else b"")


def test_weights_beside_an_onnx_model_are_a_part_of_it(tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    in_a_function = field(7, field(4, b"Constant") + field(5, field(5, external("g.data"))))
    model.write_bytes(onnx(external("w.data"), external("w.data"), function=in_a_function))
    (tmp_path / "w.data").write_bytes(b"good")
    (tmp_path / "g.data").write_bytes(b"also")
    assert list(model_files(model)) == ["m.onnx", "w.data", "g.data"]
    assert model_bytes(model) == model.stat().st_size + 8
    good = identity_of(model)
    (tmp_path / "w.data").write_bytes(b"bad ")
    assert identity_of(model) != good
    (tmp_path / "w.data").write_bytes(b"good")
    assert identity_of(model) == good
    assert identity_of(model.rename(tmp_path / "other.onnx")) == good


def test_names_that_no_runtime_follows_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    folder = tmp_path / "model"
    folder.mkdir()
    names = ("../secret", "/etc/hostname", "missing.data", "a\0b", "", "n" * 5000)
    (folder / "m.onnx").write_bytes(onnx(*map(external, names)))
    assert list(model_files(folder / "m.onnx")) == ["m.onnx"]


def test_a_model_of_one_file_has_the_digest_of_the_file(tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(onnx(b""))
    assert identity_of(model) == sha256_of(model) == hashlib.sha256(model.read_bytes()).hexdigest()


def test_the_class_of_a_checkpoint_is_a_part_of_the_model(tmp_path: Path) -> None:
    model, source = tmp_path / "m.pt", tmp_path / "net.py"
    model.write_bytes(b"weights")
    source.write_text("class Net: ...\n")
    plain, first = identity_of(model), identity_of(model, source)
    source.write_text("class Net: ...  # scaled\n")
    assert len({plain, first, identity_of(model, source)}) == 3


def test_every_file_of_a_folder_counts_and_its_own_name_does_not(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"\x08\x01\x12\x00")
    (folder / "variables" / "variables.index").write_bytes(b"12345")
    assert list(model_files(folder)) == ["saved/saved_model.pb", "saved/variables/variables.index"]
    first = identity_of(folder)
    folder = folder.rename(tmp_path / "moved")
    assert identity_of(folder) == first
    (folder / "variables" / "variables.index").write_bytes(b"12346")
    assert identity_of(folder) != first


def test_the_weights_of_an_openvino_ir_are_a_part_of_it(tmp_path: Path) -> None:
    model = tmp_path / "m.xml"
    model.write_text('<?xml version="1.0"?>\n<net name="m" version="11"></net>\n')
    (tmp_path / "m.bin").write_bytes(b"1")
    first = identity_of(model)
    (tmp_path / "m.bin").write_bytes(b"2")
    assert list(model_files(model)) == ["m.xml", "m.bin"]
    assert identity_of(model) != first


def test_what_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    for function in (identity_of, sha256_of, model_bytes):
        with pytest.raises(ModelError, match="cannot be read"):
            function(tmp_path / "none")


def test_it_takes_no_package() -> None:
    code = (
        "import sys, edgeloop.models.identity;"
        "print([m for m in ('numpy', 'onnx', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
