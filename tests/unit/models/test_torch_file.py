"""What can be known of a PyTorch file without PyTorch."""

from __future__ import annotations

import json
import struct
import zipfile

import pytest

from edgeloop.errors import ModelError
from edgeloop.models import torch_file
from edgeloop.models.torch_file import summarise

LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}."


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def pickled(*storages, imports=()):
    data = b"\x80\x02("
    for name in imports:
        module, _, attribute = name.rpartition(".")
        data += f"c{module}\n{attribute}\n".encode()
    for key, kind, elements in storages:
        data += b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu")
        data += b"J" + struct.pack("<i", elements) + b"tQ"
    return data + b"t."


def write(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


STORAGES = [("0", "FloatStorage", 10), ("1", "LongStorage", 1)]


def test_checkpoint(tmp_path):
    path = write(
        tmp_path / "c",
        {
            "c/data.pkl": pickled(*STORAGES, imports=["collections.OrderedDict"]),
            "c/data/0": bytes(40),
            "c/data/1": bytes(8),
            "c/version": "3\n",
        },
    )
    found = summarise(path)
    assert (found.format, found.kind, found.precision) == ("pytorch", "checkpoint", "fp32")
    assert (found.parameters, found.parameter_bytes) == (10, 40)
    assert found.inputs is found.outputs is found.operators is found.macs is None
    assert found.metadata["version"] == "3"
    assert found.metadata["stored_types"] == {"float32": 10}
    assert not any("Python code" in note for note in found.notes)
    assert any("to measure it, name the class" in note for note in found.notes)
    json.dumps(found.as_dict(), allow_nan=False)


def test_a_pickled_module_says_whose_code_it_needs(tmp_path):
    members = {"c/data.pkl": pickled(imports=["torch.nn.modules.conv.Conv2d", "evil.\x1bcode"])}
    found = summarise(write(tmp_path / "c", members))
    (note,) = [note for note in found.notes if "runs, the Python code" in note]
    assert "torch.nn.modules.conv.Conv2d, evil.?code: to measure it, say --trust-pickle" in note


def test_torchscript_keeps_weights_in_two_archives(tmp_path):
    path = write(
        tmp_path / "t",
        {
            "t/data.pkl": pickled(("0", "HalfStorage", 10)),
            "t/data/0": bytes(20),
            "t/constants.pkl": pickled(("0", "HalfStorage", 6)),
            "t/constants/0": bytes(12),
            "t/code/__torch__.py": "def forward(): ...",
            "t/bytecode.pkl": b"",
        },
    )
    found = summarise(path)
    assert (found.kind, found.precision, found.parameters) == ("torchscript", "fp16", 16)
    assert found.metadata["mobile"] is True
    assert "known only after loading" in found.macs_reason


@pytest.mark.parametrize(
    ("kinds", "precision"),
    [
        (["FloatStorage", "HalfStorage"], "mixed"),
        (["FloatStorage", "QInt8Storage"], None),
        (["BFloat16Storage"], None),
        (["UntypedStorage"], None),
    ],
)
def test_precision_from_the_stored_types(tmp_path, kinds, precision):
    storages = [(str(key), kind, 1) for key, kind in enumerate(kinds)]
    data = {f"c/data/{key}": bytes(8) for key, _ in enumerate(kinds)}
    found = summarise(write(tmp_path / "c", {"c/data.pkl": pickled(*storages), **data}))
    assert found.precision == precision
    assert "stored numbers" in found.precision_reason


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"c/data.pkl": pickled(*STORAGES), "c/data/0": bytes(40)}, "8 bytes of weights are ann"),
        ({"c/data.pkl": pickled(("0", "FloatStorage", -1)), "c/data/0": b"1234"}, "announced"),
        ({"c/data.pkl": b"\x80\x02("}, "the pickle has no end"),
        ({"c/models/model.json": "{"}, "unknown structure"),
        ({"c/models/model.json": "[" * 100_000}, "nested too deeply"),
        ({"c/models/model.json": '{"graph_module": ' + "1" * 5000 + "}"}, "unknown structure"),
        ({"c/models/model.json": '{"graph_module": []}'}, "unknown structure"),
        (
            {"c/data/aotinductor/m/a.so": b"", "c/data/aotinductor/m/a_metadata.json": "x"},
            "is not JSON",
        ),
    ],
)
def test_damage(tmp_path, members, sentence):
    with pytest.raises(ModelError, match=sentence) as caught:
        summarise(write(tmp_path / "c", members))
    assert "\n" not in str(caught.value)


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(torch_file, "_MAX_PICKLE", 1000)
    path = write(tmp_path / "c", {"c/data.pkl": bytes(10**6)}, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 3000
    found = summarise(path)
    assert found.parameters is None
    assert "was not followed" in found.parameters_reason
    data = bytearray(path.read_bytes())
    while (place := data.find(struct.pack("<I", 10**6))) >= 0:
        data[place : place + 4] = struct.pack("<I", 999)  # a header that lies
    path.write_bytes(data)
    with pytest.raises(ModelError, match="damaged or cut short"):
        summarise(path)


def test_a_member_larger_than_any_version_number(tmp_path):
    members = {"c/data.pkl": pickled(), "c/version": bytes(10**5)}
    with pytest.raises(ModelError, match="more than 65,536 bytes, which no model needs"):
        summarise(write(tmp_path / "c", members, zipfile.ZIP_DEFLATED))


def test_a_long_legacy_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(torch_file, "_MAX_PICKLE", 100)
    path = tmp_path / "old.th"
    path.write_bytes(LEGACY + pickled(*STORAGES) + bytes(900))
    assert summarise(path).parameters is None


def test_unusual_compression_is_refused(tmp_path):
    path = write(tmp_path / "c", {"c/data.pkl": b"x"}, zipfile.ZIP_LZMA)
    with pytest.raises(ModelError, match="unknown method"):
        summarise(path)


def test_legacy_checkpoint(tmp_path):
    path = tmp_path / "old.th"
    path.write_bytes(LEGACY + pickled(*STORAGES) + pickled() + bytes(56))
    found = summarise(path)
    assert (found.kind, found.parameters, found.precision) == ("legacy-checkpoint", 10, "fp32")
    path.write_bytes(LEGACY + pickled(("0", "FloatStorage", 10**6)) + bytes(99))
    with pytest.raises(ModelError, match="4,000,000 bytes of weights are announced"):
        summarise(path)
    path.write_bytes(LEGACY[:-1])
    with pytest.raises(ModelError, match="the pickle has no end"):
        summarise(path)


def test_aotinductor(tmp_path):
    path = write(
        tmp_path / "a",
        {
            "a/data/aotinductor/model/x.so": b"12345",
            "a/data/aotinductor/model/x_metadata.json": '{"AOTI_MACHINE": "aarch64"}',
        },
    )
    found = summarise(path)
    assert (found.format, found.kind, found.parameters) == ("aotinductor", None, None)
    assert found.metadata["library_bytes"] == 5
    assert found.metadata["built_for"] == {"AOTI_MACHINE": "aarch64"}
    assert any("built for: aarch64" in note for note in found.notes)


def test_another_format_is_named(tmp_path):
    path = tmp_path / "m"
    path.write_bytes(b"ftrt" + bytes(40))
    with pytest.raises(ModelError, match="not a PyTorch file but tensorrt"):
        summarise(path)
