"""`predict` of a detector that is made here: its boxes are known, and drawn where they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeloop.errors import NotAvailableError
from edgeloop.runtimes import runtime

onnx = pytest.importorskip("onnx", reason="pip install onnx: models made on the fly")
image = pytest.importorskip("PIL.Image", reason="pip install pillow: pictures to predict")

SIDE, CELLS = 64, 84  # of the grids of 8, 4 and 2
# Two classes; in pixels of the model's input: the box 16, 24 to 48, 40.
BOX, SCORE = (32.0, 32.0, 32.0, 16.0), 0.875


@pytest.fixture(scope="module", autouse=True)
def _onnxruntime() -> None:
    try:
        runtime("onnxruntime").find(None)
    except NotAvailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def detector(tmp_path: Path) -> str:
    """A YOLO v8 whose answer is the same for every picture: one box of class 1."""
    proto, helper = onnx.TensorProto, onnx.helper
    answer = np.zeros((1, 6, CELLS), np.float32)
    answer[0, :4] = 8.0
    answer[0, :4, 5], answer[0, 5, 5] = BOX, SCORE
    x = helper.make_tensor_value_info("images", proto.FLOAT, [1, 3, SIDE, SIDE])
    y = helper.make_tensor_value_info("output0", proto.FLOAT, answer.shape)
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["none"]),
        helper.make_node("Add", ["answer", "none"], ["output0"]),
    ]
    constants = [
        onnx.numpy_helper.from_array(np.float32(0).reshape(()), "zero"),
        onnx.numpy_helper.from_array(answer, "answer"),
    ]
    graph = helper.make_graph(nodes, "g", [x], [y], constants)
    opsets = [helper.make_opsetid("", 13)]
    path = tmp_path / "yolo.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return str(path)


def photo(path: Path, width: int, height: int) -> str:
    path.parent.mkdir(exist_ok=True)
    image.new("RGB", (width, height), (40, 40, 40)).save(path)
    return str(path)


def test_boxes_are_in_pixels_of_the_picture(
    detector: str, tmp_path: Path, command_line: Any
) -> None:
    wide = photo(tmp_path / "a" / "wide.png", 256, 128)
    labels = tmp_path / "labels.txt"
    labels.write_text("ball\nhat\n", encoding="utf-8")
    for fit, box in (
        ((), [64, 32, 192, 96]),  # letterboxed: a scale of 1/4, 16 rows above
        (("--fit", "stretch"), [64, 48, 192, 80]),
    ):
        done = command_line(
            "predict", detector, wide, "--labels", str(labels), *fit, "--json", "-"
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        assert document["task"] == "detection"
        (answer,) = document["pictures"][0]["answers"]
        assert (answer["number"], answer["name"], answer["score"]) == (1, "hat", SCORE)
        assert answer["box"] == pytest.approx(box, abs=0.01)
    np.savez(tmp_path / "x.npz", x_data=np.zeros((2, 3, SIDE, SIDE), np.float32))
    done = command_line("predict", detector, str(tmp_path / "x.npz"))
    assert done.returncode == 4
    assert "x.npz cannot be used: it is not a picture (.jpg" in done.stderr
    done = command_line("predict", detector, wide, "--score", "0.9")
    assert "no box with a score that counts" in done.stdout


def test_pictures_are_drawn_beside_those_of_the_same_name(
    detector: str, tmp_path: Path, command_line: Any
) -> None:
    first = photo(tmp_path / "a" / "one.png", 128, 128)
    second = photo(tmp_path / "b" / "one.png", 128, 128)
    broken = tmp_path / "a" / "broken.png"
    broken.write_bytes(b"no picture")
    drawn = tmp_path / "out" / "drawn"
    done = command_line("predict", detector, first, str(broken), second, "--save", str(drawn))
    assert done.returncode == 4
    assert "broken.png cannot be used" in done.stderr
    names = ["one-2.predicted.jpg", "one.predicted.jpg"]
    assert sorted(path.name for path in drawn.iterdir()) == names
    for name in names:
        pixels = np.asarray(image.open(drawn / name), np.int64)
        assert pixels.shape == (128, 128, 3)
        coloured = np.ptp(pixels, axis=2) > 100
        rows, columns = np.flatnonzero(coloured[:, 94]), np.flatnonzero(coloured[70])
        assert abs(rows.max() - 79) <= 1  # the box 32, 48 to 96, 80
        assert (abs(columns.min() - 32) <= 1, abs(columns.max() - 95) <= 1) == (True, True)
        assert not coloured[56:76, 40:90].any()
    done = command_line("predict", detector, first, "--save", str(broken))
    assert done.returncode == 6
    assert "--save" in done.stderr
