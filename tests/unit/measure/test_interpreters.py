"""Interpreters that no worker runs under: each is one sentence with what to do."""

from __future__ import annotations

import json
import struct
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

import edgeloop
from edgeloop.errors import NotAvailableError, RuntimeFailedError
from edgeloop.worker.client import WorkerClient

DESCRIPTOR = "int(sys.argv[sys.argv.index('--fd') + 1])"


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], str]:
    """Write a program that stands where a Python should."""

    def write(body: str, interpreter: str = sys.executable) -> str:
        path = tmp_path / "python"
        path.write_text(f"#!{interpreter}\n{body}\n", encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    return write


def why_not(python: str, timeout_s: float = 30.0) -> str:
    with pytest.raises(NotAvailableError) as caught:
        WorkerClient(python, timeout_s)
    return str(caught.value)


def install(python: str) -> str:
    return f"{python} -m pip install edgeloop=={edgeloop.__version__}"


@pytest.mark.parametrize("python", ["/nowhere/python", "no-such-python", "", "a\0b"])
def test_one_that_does_not_exist(python: str) -> None:
    words = why_not(python)
    assert f"the interpreter {python!r} cannot be started" in words
    assert "--python" in words


def test_a_folder_and_a_file_that_is_no_program(tmp_path: Path) -> None:
    assert "Permission denied" in why_not(str(tmp_path))
    text = tmp_path / "text"
    text.write_text("hello")
    assert "Permission denied" in why_not(str(text))
    text.chmod(0o755)
    assert "Exec format error" in why_not(str(text))


def test_a_failed_start_leaves_no_descriptor() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(10):
        why_not("/nowhere/python")
        why_not("/bin/true")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_one_without_edgeloop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    venv.create(tmp_path / "bare", symlinks=True)
    python = str(tmp_path / "bare" / "bin" / "python")
    words = why_not(python)
    assert f"no worker starts under {python}: it ended by itself with exit code 1" in words
    assert "No module named 'edgeloop'" in words
    assert words.endswith(f"install edgeloop there: {install(python)}")


def test_a_program_that_says_nothing_or_refuses() -> None:
    assert "ended by itself with exit code 0; install" in why_not("/bin/true")
    assert "its last output: " in why_not("/bin/cat")


def test_one_that_crashes_at_the_start(program: Callable[[str], str]) -> None:
    words = why_not(program("import os; os.kill(os.getpid(), 11)"))
    assert "it crashed with SIGSEGV" in words


def test_one_that_talks_gibberish(program: Callable[[str], str]) -> None:
    path = program(f"import os, sys\nos.write({DESCRIPTOR}, b'\\xff' * 100)")
    words = why_not(path)
    assert f"{path} is not a Python with edgeloop: a message of 4294967295 bytes" in words


def test_one_that_never_answers(program: Callable[[str], str]) -> None:
    path = program("import time\ntime.sleep(600)")
    with pytest.raises(RuntimeFailedError, match=r"no answer within 0\.3 s while starting"):
        WorkerClient(path, 0.3)


def test_one_with_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = edgeloop.__version__
    monkeypatch.setattr(edgeloop, "__version__", "9.9.9")
    words = why_not(sys.executable)
    assert words == (
        f"{sys.executable} has edgeloop {theirs}, this is 9.9.9; "
        f"install the same: {install(sys.executable)}"
    )


def test_one_with_a_version_of_another_hello(program: Callable[[str], str]) -> None:
    text = json.dumps({"type": "hello", "edgeloop": "0.0.1"}).encode()
    message = struct.pack(">I", len(text)) + text
    path = program(f"import os, sys\nos.write({DESCRIPTOR}, {message!r})")
    assert f"{path} has edgeloop 0.0.1, this is {edgeloop.__version__}" in why_not(path)
