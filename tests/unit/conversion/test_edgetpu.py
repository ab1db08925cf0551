"""The Edge TPU's compiler: its log, and the edge that calls it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgeloop.conversion.edge import ConversionOptions
from edgeloop.conversion.graph import find_path
from edgeloop.conversion.plan import make_plan
from edgeloop.conversion.tflite_to_edgetpu import convert, failure, import_packages, notes, read_log
from edgeloop.envs.interpreter import Interpreter
from edgeloop.errors import ModelError, NotAvailableError, UsageError
from edgeloop.models.formats import ModelFormat

# In the form that Coral's documentation of the compiler shows.
LOG = """\
Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 1219 ms.

Input model: mobilenet.tflite
Input size: 3.41MiB
Output model: mobilenet_edgetpu.tflite
Output size: 3.88MiB
On-chip memory used for caching model parameters: 3.75MiB
On-chip memory remaining for caching model parameters: 3.16MiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 1
Total number of operations: 72
Operation log: mobilenet_edgetpu.log

Model successfully compiled but not all operations are supported by the Edge TPU.
Number of operations that will run on Edge TPU: 70
Number of operations that will run on CPU: 2

Operator                       Count      Status

ADD                            10         Mapped to Edge TPU
CONV_2D                        60         Mapped to Edge TPU
SOFTMAX                        1          More than one subgraph is not supported
RESIZE_NEAREST_NEIGHBOR        1          Operation version not supported
Compilation child process completed within timeout period.
Compilation succeeded!
"""

REFUSAL = """\
Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.
Invalid model: float.tflite
Model not quantized
"""


def test_the_log_tells_what_was_mapped_and_why_not() -> None:
    log = read_log(LOG)
    assert log.version == "16.0.384591198"
    assert log.subgraphs == 1
    assert log.on_device == 70
    assert [(one.operator, one.count) for one in log.left] == [
        ("SOFTMAX", 1),
        ("RESIZE_NEAREST_NEIGHBOR", 1),
    ]
    assert notes(log) == [
        (
            "edgetpu_compiler 16.0.384591198 mapped 70 of 72 operators to the Edge TPU in 1 "
            "subgraph(s)"
        ),
        (
            "on the CPU stay: SOFTMAX 1 (More than one subgraph is not supported); "
            "RESIZE_NEAREST_NEIGHBOR 1 (Operation version not supported)"
        ),
        "on-chip memory used for caching model parameters: 3.75MiB",
        "off-chip memory used for streaming uncached model parameters: 0.00B",
    ]


def test_a_log_of_another_form_is_said_to_be_one() -> None:
    assert notes(read_log("Compiled.\n")) == [
        "edgetpu_compiler printed no table of operators: see the step's log"
    ]
    assert failure(REFUSAL) == "Invalid model: float.tflite; Model not quantized"
    assert failure("first\n\nlast words\n") == "last words"
    assert failure("") == "it gave no reason"


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put a program that stands for the compiler first in the PATH."""

    def make(log: str, code: int = 0, writes: bool = True) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (tmp_path / "log.txt").write_text(log)
        copy = '[ "$2" = --out_dir ] && cp "$4" "$3/$(basename "$4" .tflite)_edgetpu.tflite"\n'
        program = folder / "edgetpu_compiler"
        program.write_text(
            f"#!/bin/sh\ncat {tmp_path}/log.txt\n{copy if writes else ''}exit {code}\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        (tmp_path / "work").mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / "work")

    return make


def test_the_compiler_writes_the_target_and_its_words_are_the_log(
    compiler, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compiler(LOG)
    source, target = tmp_path / "mobilenet.tflite", tmp_path / "out.tflite"
    source.write_bytes(b"model")
    import_packages()
    converted = convert(str(source), str(target), ConversionOptions())
    assert target.read_bytes() == b"model"
    assert converted.notes == tuple(notes(read_log(LOG)))
    assert "Compilation succeeded!" in capsys.readouterr().out
    assert list(Path.cwd().iterdir()) == []


def test_what_the_compiler_refuses_and_what_it_does_not_map(compiler, tmp_path: Path) -> None:
    source, target = tmp_path / "float.tflite", str(tmp_path / "out.tflite")
    source.write_bytes(b"model")
    compiler(REFUSAL, code=1, writes=False)
    with pytest.raises(ModelError, match=r"Model not quantized.*edgeloop quantize"):
        convert(str(source), target, ConversionOptions())
    compiler(REFUSAL, code=0, writes=False)
    with pytest.raises(ModelError, match="cannot compile"):
        convert(str(source), target, ConversionOptions())
    compiler(LOG.replace("Mapped to Edge TPU", "Filter, bias, or other param is not constant"))
    with pytest.raises(ModelError, match=r"none of the operators.*CONV_2D 60 \(Filter, bias"):
        convert(str(source), target, ConversionOptions())
    with pytest.raises(UsageError, match="as it is"):
        convert(str(source), target, ConversionOptions(batch_size=2))


def test_without_the_compiler_it_says_where_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotAvailableError, match=r"not in the PATH.*x86-64 Debian"):
        import_packages()


def test_it_is_the_last_step_of_a_way_and_for_a_pc_only() -> None:
    assert [edge.name for edge in find_path(ModelFormat("tflite"), "edgetpu")] == [
        "tflite-to-edgetpu"
    ]

    def here(*_: object) -> Interpreter:
        return Interpreter("python", "this interpreter", None)

    plan = make_plan(ModelFormat("tflite"), "edgetpu", machine="aarch64", look=here)
    with pytest.raises(NotAvailableError, match="do this step on x86_64"):
        plan.require_runnable()
