"""Where results go: names that are safe, fresh and nobody else's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from edgeloop.errors import CannotWriteError, UsageError
from edgeloop.results import store
from edgeloop.results.store import (
    SUFFIX,
    ResultWriter,
    default_folder,
    file_name,
    new_path,
    open_result,
)

HEADER = {"schema_version": 1, "spec": {"loops": ["native"]}}


@pytest.mark.parametrize(
    ("model", "stem"),
    [
        ("/models/mobilenet_v2.tflite", "mobilenet_v2"),
        ("null", "null"),
        ("a b/c d.onnx", "c-d"),
        ("../../etc/passwd", "passwd"),
        ("-rf.onnx", "rf"),
        ("--help", "help"),
        (".hidden", "hidden"),
        ("模型.tflite", "model"),
        ("größe.tflite", "gr-e"),
        ("a\nb;rm *.onnx", "a-b-rm"),
        ("x" * 400 + ".onnx", "x" * 120),
        ("saved_model/", "saved_model"),
        ("...", "model"),
        ("/", "model"),
    ],
)
def test_a_name_is_safe_and_short(model: str, stem: str) -> None:
    name = file_name(model, "litert")
    match = re.fullmatch(r"\d{8}-\d{6}-(.+)-litert" + re.escape(SUFFIX), name)
    assert match is not None
    assert match[1] == stem
    assert len(name.encode()) < 255


@pytest.fixture
def one_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock that names are taken from."""
    monkeypatch.setattr(store.time, "strftime", lambda form: "20260131-120000")


@pytest.mark.usefixtures("one_second")
def test_results_of_one_second_do_not_collide(tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        with ResultWriter(new_path(str(tmp_path), "m.onnx", "torch")) as writer:
            writer.append(HEADER)
        names.append(writer.path.name)
    assert names == [
        f"20260131-120000-m-torch{SUFFIX}",
        f"20260131-120000-m-torch-2{SUFFIX}",
        f"20260131-120000-m-torch-3{SUFFIX}",
    ]


@pytest.mark.usefixtures("one_second")
def test_a_name_that_another_process_takes_first_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = store.new_path
    races = iter(range(2))

    def too_late(out: str, model: str, runtime: str) -> Path:
        path = free(out, model, runtime)
        if next(races, None) is not None:
            path.write_text("theirs")
        return path

    monkeypatch.setattr(store, "new_path", too_late)
    with open_result(str(tmp_path), "m.onnx", "torch") as writer:
        writer.append(HEADER)
    assert writer.path.name == f"20260131-120000-m-torch-3{SUFFIX}"
    assert sorted(p.read_text() == "theirs" for p in tmp_path.iterdir()) == [False, True, True]


RACE = """
import sys
from edgeloop.results import store
store.time.strftime = lambda form: "20260131-120000"
for _ in range(20):
    with store.open_result(sys.argv[1], "m.onnx", "torch") as writer:
        writer.append({"schema_version": 1})
"""


def test_processes_at_once_lose_no_result(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RACE, str(tmp_path)]
    racers = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    assert [racer.communicate(timeout=60)[1] for racer in racers] == [b""] * 3
    assert len(list(tmp_path.iterdir())) == 60


def test_a_file_that_was_named_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / f"mine{SUFFIX}"
    assert new_path(str(path), "m.onnx", "torch") == path
    path.write_text("precious")
    with pytest.raises(CannotWriteError, match="exists already"):
        open_result(str(path), "m.onnx", "torch")


@pytest.mark.parametrize("name", ["result.json", "result.jsonl"])
def test_a_file_of_another_name_does_not_become_a_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape(f"ends in {SUFFIX}")):
        new_path(str(tmp_path / name), "m.onnx", "torch")


def test_the_default_folder_is_that_of_xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "edgeloop" / "results"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for value in ("", "relative/path"):
        monkeypatch.setenv("XDG_DATA_HOME", value)
        assert default_folder() == tmp_path / "home/.local/share/edgeloop/results"


def test_a_user_without_a_home_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(store.Path, "home", no_home)
    with pytest.raises(CannotWriteError, match=r"no home folder; .* with --out, or keep none"):
        default_folder()
