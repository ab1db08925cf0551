"""A shell completes commands, options, runtimes, choices, topics and results."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from edgeloop.cli.app import run

GOLDEN = Path(__file__).parents[2] / "golden" / "v1-null-bench.edgeloop.jsonl"


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def complete(line: str) -> list[str]:
        words = line.split(" ")
        monkeypatch.setenv("_EDGELOOP_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        monkeypatch.setattr("sys.argv", ["edgeloop"])
        # As a script is run: the name of 'python -m pytest' is not the program's.
        monkeypatch.setattr(sys.modules["__main__"], "__package__", None, raising=False)
        with pytest.raises(SystemExit) as stopped:
            run([])
        assert stopped.value.code == 0
        return capsys.readouterr().out.split()

    return complete


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("edgeloop be", ["bench"]),
        ("edgeloop bench --eff", ["--effort"]),
        ("edgeloop bench m.tflite --effort st", ["standard"]),
        ("edgeloop bench m.tflite --runtime tflite-r", ["tflite-runtime"]),
        ("edgeloop bench m.tflite --delegate xn", ["xnnpack"]),
        ("edgeloop help exit", ["exit-codes"]),
    ],
)
def test_what_is_completed(line: str, expected: list[str], complete) -> None:
    assert complete(line) == expected


def test_model_files_are_left_to_the_shell(complete) -> None:
    assert complete("edgeloop bench mod") == []


def test_stored_results_are_completed(
    tmp_path: Path, complete, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "edgeloop" / "results"
    kept.mkdir(parents=True)
    shutil.copy(GOLDEN, kept / "20261121-a.edgeloop.jsonl")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert complete("edgeloop results show 2026") == ["20261121-a.edgeloop.jsonl"]
    assert complete("edgeloop report 2026") == ["20261121-a.edgeloop.jsonl"]
