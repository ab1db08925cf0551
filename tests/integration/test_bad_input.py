"""What a user gets wrong, with real runtimes: one sentence and the exit code that fits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeloop.demo import ASSETS
from edgeloop.errors import NotAvailableError
from edgeloop.runtimes import runtime

TFLITE = ASSETS / "digits_int8.tflite"
ONNX = ASSETS / "digits_float32.onnx"
TORCH = ASSETS / "digits_float32.pt"


@pytest.fixture(params=["litert", "tflite"])
def tflite_host(request: pytest.FixtureRequest) -> str:
    return require(request.param)


def require(name: str) -> str:
    try:
        runtime(name).find(None)
    except NotAvailableError as error:
        pytest.skip(f"{name} is not here: {error}")
    return name


def refused(done: Any, code: int, *words: str) -> None:
    """Check for one clear sentence with that exit code."""
    assert done.returncode == code, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    last = [line for line in done.stderr.splitlines() if line.startswith("edgeloop:")]
    assert last, done.stderr
    for word in words:
        assert word in done.stderr


def test_a_text_file_is_no_model(command_line: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_text("not found\n")
    refused(command_line("bench", str(path)), 4, str(path))


def test_an_empty_file_is_no_model(command_line: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.touch()
    refused(command_line("bench", str(path)), 4, "empty")


@pytest.mark.parametrize("keep", [0.1, 0.6, 0.98])
def test_a_truncated_tflite_is_refused(
    keep: float, tflite_host: str, command_line: Any, tmp_path: Path
) -> None:
    path = tmp_path / "model.tflite"
    whole = TFLITE.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))])
    refused(command_line("bench", str(path), "--runtime", tflite_host, "--effort", "quick"), 4)


@pytest.mark.parametrize("keep", [0.1, 0.6, 0.98])
def test_a_truncated_onnx_is_refused(keep: float, command_line: Any, tmp_path: Path) -> None:
    require("onnxruntime")
    path = tmp_path / "model.onnx"
    whole = ONNX.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))])
    refused(command_line("bench", str(path), "--effort", "quick"), 4)


def test_a_runtime_that_does_not_read_the_format(command_line: Any) -> None:
    done = command_line("bench", str(ONNX), "--runtime", "litert")
    refused(done, 2, "litert reads tflite", "onnxruntime")


def test_a_loop_that_the_runtime_lacks(command_line: Any) -> None:
    done = command_line("bench", str(TORCH), "--loops", "native", "--shape", "1x1x8x8")
    refused(done, 2, "torch has no native loop")


def test_an_input_that_is_not_there(command_line: Any) -> None:
    require("onnxruntime")
    refused(command_line("bench", str(ONNX), "--shape", "nope=1x1x8x8"), 2, "nope")


def test_a_shape_of_another_rank(command_line: Any) -> None:
    require("onnxruntime")
    refused(command_line("bench", str(ONNX), "--shape", "1x8"), 2, "1x8")


def test_data_of_another_shape_names_both(command_line: Any, tmp_path: Path) -> None:
    require("onnxruntime")
    path = tmp_path / "data.npz"
    np.savez(path, x_data=np.zeros((4, 9, 9, 1), np.float32))
    done = command_line("bench", str(ONNX), "--data", str(path), "--runs", "5")
    refused(done, 4, "9x9x1", "1x8x8")


def test_data_of_one_channel_fits_either_layout(command_line: Any) -> None:
    require("onnxruntime")
    data = ASSETS / "digits_test.npz"  # 8x8x1, where the model takes 1x8x8
    done = command_line("bench", str(ONNX), "--data", str(data), "--runs", "5", "--json", "-")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accuracy"]["accuracy"] > 0.95


def test_data_of_strings_is_refused(command_line: Any, tmp_path: Path) -> None:
    require("onnxruntime")
    path = tmp_path / "data.npz"
    np.savez(path, x_data=np.array([["a"] * 64]).reshape(1, 1, 8, 8))
    refused(command_line("bench", str(ONNX), "--data", str(path), "--runs", "5"), 4, "dtype")


def test_a_library_that_is_not_there(tflite_host: str, command_line: Any) -> None:
    done = command_line(
        "bench", str(TFLITE), "--runtime", tflite_host, "--library", "/nowhere/libtflite.so"
    )
    refused(done, 3, "/nowhere/libtflite.so")


def test_a_library_of_another_kind(command_line: Any) -> None:
    import math

    # Any shared object that is no runtime will do; the interpreter's own modules are at hand.
    other = next((Path(math.__file__) if hasattr(math, "__file__") else p)
                 for p in Path(np.__file__).parent.rglob("*.so"))  # fmt: skip
    done = command_line("bench", str(TFLITE), "--runtime", "tflite", "--library", str(other))
    refused(done, 3, str(other))


def test_a_library_for_another_machine(command_line: Any, tmp_path: Path) -> None:
    # An ELF header of another architecture (e_machine at byte 18) is all the loader looks at.
    path = tmp_path / "libtensorflowlite_c.so"
    source = bytearray(next(Path(np.__file__).parent.rglob("*.so")).read_bytes())
    source[18] = 0xB7 if source[18] != 0xB7 else 0x3E
    path.write_bytes(source)
    done = command_line("bench", str(TFLITE), "--runtime", "tflite", "--library", str(path))
    refused(done, 3, str(path))


def test_an_operator_that_the_runtime_lacks(command_line: Any, tmp_path: Path) -> None:
    require("onnxruntime")
    onnx = pytest.importorskip("onnx", reason="the onnx package makes the model")
    helper = onnx.helper
    graph = helper.make_graph(
        [helper.make_node("Nonesuch", ["x"], ["y"], domain="nowhere")],
        "graph",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("nowhere", 1)]
    path = tmp_path / "model.onnx"
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    path.write_bytes(model.SerializeToString())
    refused(command_line("bench", str(path)), 4, "Nonesuch")


def test_a_compiled_edge_tpu_model_is_told_apart(command_line: Any, shared_data: Path) -> None:
    path = shared_data / "imagenet_mobilenet" / "mobilenet_v2_1.0_224_quant_edgetpu.tflite"
    refused(command_line("bench", str(path)), 2, "edgetpu")
    inspected = command_line("inspect", str(path))
    assert inspected.returncode == 0
    assert "edgetpu-custom-op" in inspected.stdout


def test_a_pickled_module_is_not_executed(command_line: Any, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch makes the file")
    path = tmp_path / "model.pt"
    torch.save(torch.nn.Linear(2, 2), path)
    done = command_line("bench", str(path), "--shape", "1x2", "--effort", "quick")
    refused(done, 4, "--trust-pickle")


def test_one_failed_row_does_not_hide_the_others(command_line: Any, tmp_path: Path) -> None:
    for name in ("litert", "tflite"):
        require(name)
    done = command_line(
        "bench", str(TFLITE), "--runtime", "litert", "--runtime", "tflite", "--effort", "quick",
        "--library", "/nowhere/library.so",
    )  # fmt: skip
    refused(done, 3, "/nowhere/library.so")
