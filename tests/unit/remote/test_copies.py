"""What is copied to a board, and what the board takes."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from edgeloop.errors import CannotWriteError, ModelError, UsageError
from edgeloop.remote import ssh
from edgeloop.remote.board import error_of
from edgeloop.remote.cache import Incoming, place_of
from edgeloop.remote.files import copies_of, on_board
from edgeloop.remote.stream import PipeSink, PipeSource
from edgeloop.spec.run import RunSpec

DIGEST = "0" * 64


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "edgeloop" / "models"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_copy_gets_its_name_when_it_is_whole(cache: Path) -> None:
    incoming = Incoming(DIGEST)
    incoming.begin("net/a.bin", _sha256(b"abc"))
    incoming.piece(b"ab")
    incoming.piece(b"c")
    assert not place_of(DIGEST).exists()
    incoming.begin("net/b.bin", _sha256(b""))
    incoming.end()
    assert (place_of(DIGEST) / "net" / "a.bin").read_bytes() == b"abc"
    assert [one.name for one in cache.iterdir()] == [DIGEST]


def test_another_hash_leaves_nothing(cache: Path) -> None:
    incoming = Incoming(DIGEST)
    incoming.begin("a.bin", _sha256(b"abc"))
    incoming.piece(b"abd")
    with pytest.raises(CannotWriteError, match="another hash"):
        incoming.end()
    assert not list(cache.iterdir())


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/../../x"])
def test_a_name_stays_in_its_folder(cache: Path, name: str) -> None:
    incoming = Incoming(DIGEST)
    incoming.begin(name, _sha256(b"abc"))
    incoming.piece(b"abc")
    with pytest.raises(CannotWriteError, match="leaves its folder"):
        incoming.end()
    assert not list(cache.iterdir())


@pytest.mark.parametrize("digest", ["../../x", "", "g" * 64])
def test_a_digest_is_nothing_else(digest: str) -> None:
    with pytest.raises(ModelError, match="is not a SHA-256"):
        place_of(digest)


def test_files_and_folders_of_a_run(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    (folder / "cat").mkdir(parents=True)
    (folder / "cat" / "1.png").write_bytes(b"1")
    (tmp_path / "names.txt").write_text("cat\n")
    spec = RunSpec(
        model="null",
        data=str(folder),
        labels=str(tmp_path / "names.txt"),
        host="pi",
        python="/opt/python",
    )
    found = copies_of(spec)
    assert sorted(found) == ["data", "labels"]
    assert list(found["data"].files) == ["pictures/cat/1.png"]
    (tmp_path / "names.txt").rename(tmp_path / "other.txt")
    (other,) = copies_of(replace(spec, data=None, labels=str(tmp_path / "other.txt"))).values()
    assert other.digest != found["labels"].digest  # the copy has the name in its folder
    there = on_board(spec, {"data": "/c/pictures", "labels": "/c/names.txt"})
    assert (there.data, there.host, there.python) == ("/c/pictures", None, None)
    with pytest.raises(ModelError, match="does not exist"):
        copies_of(RunSpec(model="null", data=str(tmp_path / "gone")))


def test_the_pictures_of_a_csv_go_with_it(tmp_path: Path) -> None:
    for folder in ("lists", "cat"):
        (tmp_path / "set" / folder).mkdir(parents=True)
    table = tmp_path / "set" / "lists" / "test.csv"
    for name in ("lists/a.png", "cat/b.png", "cat/not_listed.png"):
        (tmp_path / "set" / name).write_bytes(name.encode())
    table.write_text("label,file\n0,a.png\n1,../cat/b.png\n1,../cat/gone.png\n")
    (copy,) = copies_of(RunSpec(model="null", data=str(table))).values()
    assert copy.name == "lists/test.csv"
    assert sorted(copy.files) == ["cat/b.png", "lists/a.png", "lists/test.csv"]
    (tmp_path / "set" / "cat" / "b.png").write_bytes(b"another")
    (changed,) = copies_of(RunSpec(model="null", data=str(table))).values()
    assert changed.digest != copy.digest
    table.write_text("a.png\n")
    (copy,) = copies_of(RunSpec(model="null", data=str(table))).values()
    assert (copy.name, sorted(copy.files)) == ("test.csv", ["a.png", "test.csv"])
    table.write_text(f"{tmp_path}/set/cat/b.png\n")
    with pytest.raises(ModelError, match="absolute path, which the board does not have"):
        copies_of(RunSpec(model="null", data=str(table)))


def test_weights_beside_an_onnx_model_go_with_it(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="pip install onnx")
    numpy_helper, helper = onnx.numpy_helper, onnx.helper
    import numpy as np

    weights = numpy_helper.from_array(np.zeros((64, 64), np.float32), "w")
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [value("x", 1, [1, 64])],
        [value("y", 1, [1, 64])],
        [weights],
    )
    path = tmp_path / "m.onnx"
    onnx.save_model(
        helper.make_model(graph), str(path), save_as_external_data=True, location="m.data",
        size_threshold=0,
    )  # fmt: skip
    (copy,) = copies_of(RunSpec(model=str(path))).values()
    assert sorted(copy.files) == ["m.data", "m.onnx"]
    before = copy.digest
    (tmp_path / "m.data").write_bytes(b"\1" * 64 * 64 * 4)
    (changed,) = copies_of(RunSpec(model=str(path))).values()
    assert changed.digest != before


def test_the_command_is_no_shell_string_here_and_quoted_there() -> None:
    command = ssh.command("pi@board", "/opt/my python/bin/python")
    assert command[-2] == "pi@board"
    assert command[-3] == "--"
    assert command[-1].startswith("exec '/opt/my python/bin/python' -c '")
    with pytest.raises(UsageError, match="is not a host"):
        ssh.command("-oProxyCommand=x", "python3")


def test_an_unknown_class_of_error_is_a_failure_of_the_runtime() -> None:
    assert error_of({"class": "ModelError", "text": "x"}).exit_code == 4
    assert error_of({"class": "KeyboardInterrupt", "text": "x"}).exit_code == 5
    assert error_of({}).exit_code == 5


def test_pipes_carry_bytes() -> None:
    read_fd, write_fd = os.pipe()
    PipeSink(write_fd).sendall(b"abc")
    os.close(write_fd)
    buffer = bytearray(8)
    source = PipeSource(read_fd)
    assert source.recv_into(buffer) == 3
    assert source.recv_into(buffer) == 0
    os.close(read_fd)
