"""ncnn: conversion by pnnx, its Python package's loops, its precisions, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pytest

from edgeloop.demo import ASSETS
from edgeloop.envs.managed import python_of

DIGITS = str(ASSETS / "digits_float32.onnx")
PYTHON: Optional[str] = sys.executable if find_spec("ncnn") else python_of("ncnn")

pytestmark = pytest.mark.skipif(PYTHON is None, reason="run 'edgeloop setup ncnn'")


@pytest.fixture
def ncnn(command_line: Any) -> Any:
    """The command line, with the environment ncnn of this machine."""
    if "EDGELOOP_ENVS" in os.environ:
        command_line.environment["EDGELOOP_ENVS"] = os.environ["EDGELOOP_ENVS"]
    return command_line


@pytest.fixture
def digits(ncnn: Any) -> str:
    """The demo's model in ncnn's format."""
    done = ncnn("convert", DIGITS, "--to", "ncnn", "--strict")
    assert done.returncode == 0, done.stderr
    assert "VERIFIED" in done.stdout
    return str(ncnn.folder / "digits_float32_ncnn_model")


def _accuracy(done: Any) -> int:
    assert done.returncode == 0, done.stderr
    return int(json.loads(done.stdout)["accuracy"]["correct"])


@pytest.mark.parametrize("loop", ["framework", "framework-io", "callable"])
def test_the_accuracy_is_that_of_the_onnx_model(loop: str, digits: str, ncnn: Any) -> None:
    data = [str(ASSETS / "digits_test.npz"), "--data-layout", "nhwc", "--json", "-"]
    expected = _accuracy(ncnn("eval", DIGITS, *data))
    found = ncnn("eval", digits, *data, "--loops", loop, "--set", "precision=fp32")
    assert _accuracy(found) == expected
    # fp16 has 11 bits: of 540 images it turns one at most.
    assert abs(_accuracy(ncnn("eval", digits, *data, "--loops", loop)) - expected) <= 1


def test_bench_says_what_it_ran(digits: str, ncnn: Any) -> None:
    done = ncnn("bench", digits, "--runs", "5", "--threads", "1", "--json", "-")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["runtime"]["name"] == "ncnn"
    assert result["model"]["format"] == "ncnn"
    assert [one["shape"] for one in result["model"]["inputs"]] == [[1, 1, 8, 8]]
    assert list(result["loops"]) == ["framework"]
    assert "exports no C functions" in done.stderr


def test_half_the_weights_for_fp16(digits: str, ncnn: Any) -> None:
    done = ncnn("convert", DIGITS, "--to", "ncnn", "--builder", "precision=fp16", "--out", "half")
    assert done.returncode == 0, done.stderr
    sizes = [
        json.loads(ncnn("inspect", model, "--json", "-").stdout)["bytes"]
        for model in ("half", digits)
    ]
    assert sizes[0] < 0.6 * sizes[1]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [(["--loops", "native"], 2, "exports no C functions"),
     (["--batch-size", "4"], 2, "one sample at a time"),
     (["--shape", "2x1x8x8"], 2, "one sample at a time"),
     (["--set", "precision=fp64"], 2, "precision=fp64 is not one of fp16, fp32, bf16"),
     (["--set", "depth=3"], 2, "has no setting 'depth'")],
)  # fmt: skip
def test_what_it_cannot_do_is_one_sentence(
    arguments: list[str], code: int, words: str, digits: str, ncnn: Any
) -> None:
    done = ncnn("bench", digits, "--runs", "2", "--no-save", *arguments)
    assert done.returncode == code, done.stderr
    sentences = [line for line in done.stderr.splitlines() if line.startswith("edgeloop: ")]
    assert len(sentences) == 1
    assert words in sentences[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [("open", "does not state the shape of its input 'input'"), ("layer", "ncnn has no layer Warp"),
     ("weights", "cannot load the model"), ("missing", "needs its weights beside it")],
)  # fmt: skip
def test_a_broken_model_is_one_sentence(change: str, words: str, digits: str, ncnn: Any) -> None:
    param = Path(digits) / "model.ncnn.param"
    text, weights = param.read_text(), param.with_suffix(".bin")
    if change == "open":
        param.write_text(text.replace(" 0=8 1=8 2=1", "", 1))
    if change == "layer":
        param.write_text(text.replace("\nPooling ", "\nWarp "))
    if change == "weights":
        weights.write_bytes(weights.read_bytes()[:100])
    if change == "missing":
        weights.unlink()
    done = ncnn("bench", str(param), "--runs", "2", "--no-save")
    assert done.returncode in (2, 4), done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_an_operator_that_ncnn_lacks_is_named(ncnn: Any) -> None:
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    graph = helper.make_graph(
        [helper.make_node("Slice", ["x", "starts", "ends", "axes", "steps"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("x", 1, [1, 8, 4])],
        [helper.make_tensor_value_info("y", 1, [1, 4, 4])],
        [
            onnx.numpy_helper.from_array(np.array([value]), name)
            for name, value in (("starts", 1), ("ends", 8), ("axes", 1), ("steps", 2))
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, str(ncnn.folder / "strided.onnx"))
    done = ncnn("convert", "strided.onnx", "--to", "ncnn")
    assert done.returncode == 4, done.stderr
    assert "Tensor.slice" in done.stderr
    assert not list(ncnn.folder.glob("*_ncnn_model*"))


def test_resnet20_from_its_weights_keeps_its_accuracy(
    shared_data: Path, ncnn: Any, tmp_path: Path
) -> None:
    """Its shortcuts take every second pixel, which ncnn's slices cannot."""
    folder = shared_data / "cifar10_resnet"
    done = ncnn("convert", str(folder / "resnet20.onnx"), "--to", "ncnn", "--strict")
    assert done.returncode == 0, done.stderr
    assert "4 slices with steps became poolings over one pixel" in done.stdout
    found = ncnn(
        "eval", "resnet20_ncnn_model", str(folder / "cifar10_test500_float32_nchw_norm.npz"),
        "--set", "precision=fp32", "--json", "-",
    )  # fmt: skip
    assert abs(_accuracy(found) - 399) <= 1


def test_importing_it_asks_for_no_network() -> None:
    code = (
        "import sys; sys.addaudithook(lambda e, a: e.startswith('socket.') and sys.exit(9))\n"
        "import ncnn; ncnn.Net()"
    )
    assert PYTHON is not None
    assert subprocess.run([PYTHON, "-c", code], check=False).returncode == 0
