"""`edgeloop convert --to edgetpu` with a program that stands for Google's compiler."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

import pytest

QUANTISED = "imagenet_mobilenet/mobilenet_v2_1.0_224_quant.tflite"
COMPILED = "imagenet_mobilenet/mobilenet_v2_1.0_224_quant_edgetpu.tflite"
WORDS = """\
Edge TPU Compiler version 16.0.384591198
Number of Edge TPU subgraphs: 1

Operator                       Count      Status

CONV_2D                        36         Mapped to Edge TPU
DEPTHWISE_CONV_2D              17         Mapped to Edge TPU
SOFTMAX                        1          More than one subgraph is not supported
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the compiler is for x86-64 only")
def test_the_compilers_words_are_in_the_report(
    command_line: Any, shared_data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / "words.txt").write_text(WORDS)
    program = folder / "edgetpu_compiler"
    program.write_text(
        f"#!/bin/sh\ncat {tmp_path}/words.txt\n"
        f'cp {shared_data / COMPILED} "$3/$(basename "$4" .tflite)_edgetpu.tflite"\n'
    )
    program.chmod(0o755)
    command_line.environment["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
    target, document = tmp_path / "compiled.tflite", tmp_path / "report.json"
    arguments = ["convert", str(shared_data / QUANTISED), "--to", "edgetpu", "--out", str(target)]

    done = command_line(*arguments, "--json", str(document))
    assert done.returncode == 0, done.stderr
    assert "mapped 53 of 54 operators to the Edge TPU in 1 subgraph(s)" in done.stdout
    assert "on the CPU stay: SOFTMAX 1 (More than one subgraph is not supported)" in done.stdout
    assert "NOT VERIFIED: no installed runtime runs edgetpu" in done.stdout
    assert target.read_bytes() == (shared_data / COMPILED).read_bytes()
    (step,) = json.loads(document.read_text())["steps"]
    assert "CONV_2D                        36         Mapped to Edge TPU" in step["log"]

    command_line.environment["PATH"] = str(tmp_path)
    elsewhere = command_line(*arguments, "--force")
    assert elsewhere.returncode == 3
    assert "edgetpu_compiler is not in the PATH" in elsewhere.stderr
    assert "x86-64" in elsewhere.stderr
