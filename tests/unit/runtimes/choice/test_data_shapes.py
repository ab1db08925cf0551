"""The samples of a data set state the dimensions that a model leaves open."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import numpy as np
import pytest

from edgeloop.runtimes.choice.data_shapes import shapes_of_data
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.inputs import InputSource
from edgeloop.spec.load import LoadOptions
from edgeloop.spec.run import RunSpec

OPEN = (None, 3, None, None)


@pytest.mark.parametrize(
    ("dimensions", "sample", "more", "wanted"),
    [
        (OPEN, (3, 8, 6), {}, [1, 3, 8, 6]),
        (OPEN, (3, 8, 6), {"batch_size": 4}, [4, 3, 8, 6]),
        ((2, 3, None, None), (3, 8, 6), {}, [2, 3, 8, 6]),
        (OPEN, (8, 6, 3), {"layout": "nhwc"}, [1, 3, 8, 6]),
        (OPEN, (8, 6, 3), {}, None),  # contradicts the 3
        (OPEN, (8, 6), {}, None),
        ((None, 10), (10,), {}, None),  # only the batch is open: 1 as before
        ((None,), (15600,), {}, [15600]),  # no dimension counts samples
        ((1, 3, 8, 6), (3, 9, 9), {}, None),
        (OPEN, (3, 8, 6), {"shapes": {"x": [1, 3, 5, 5]}}, [1, 3, 5, 5]),
    ],
)
def test_a_sample_fills_open_dimensions(
    tmp_path: Path,
    dimensions: tuple[Optional[int], ...],
    sample: tuple[int, ...],
    more: dict[str, Any],
    wanted: Optional[list[int]],
) -> None:
    np.savez(tmp_path / "d.npz", x_data=np.zeros((2, *sample), np.float32))
    np.save(tmp_path / "d.npy", np.zeros((2, *sample), np.float32))
    layout = more.pop("layout", None)
    for name in ("d.npz", "d.npy"):
        said: list[str] = []
        inputs = InputSource(0, str(tmp_path / name), layout=layout)
        found = shapes_of_data({"x": dimensions}, inputs, LoadOptions("m", **more), said)
        assert found == ({} if wanted is None else {"x": wanted})
        assert len(said) == (wanted is not None and "shapes" not in more)


def test_several_inputs_have_an_array_each(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", a=np.zeros((2, 5)), b=np.zeros((2, 7)), x_data=np.zeros((2, 9)))
    inputs = InputSource(0, str(tmp_path / "d.npz"))
    declared = {"a": (1, None), "b": (1, None)}
    assert shapes_of_data(declared, inputs, LoadOptions("m"), []) == {"a": [1, 5], "b": [1, 7]}


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00\x04\x00{(((", b"PK\x03\x04", b"PK"])
def test_damaged_data_settles_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "d.npz").write_bytes(content)
    inputs = InputSource(0, str(tmp_path / "d.npz"))
    assert shapes_of_data({"x": OPEN}, inputs, LoadOptions("m"), []) == {}


def test_onnx_takes_the_shape_of_its_data(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="pip install onnx")
    pytest.importorskip("onnxruntime", reason="pip install onnxruntime")
    helper, value = onnx.helper, onnx.helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("GlobalAveragePool", ["x"], ["y"])],
        "g",
        [value("x", 1, ["n", 3, "h", "w"])],
        [value("y", 1, ["n", 3, 1, 1])],
    )
    path = tmp_path / "m.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path
    )
    np.savez(tmp_path / "d.npz", x_data=np.zeros((2, 3, 8, 6), np.float32))
    spec = RunSpec(model=str(path), runtimes=("onnxruntime",), data=str(tmp_path / "d.npz"))
    (resolved,) = resolve(spec, "bench")
    assert resolved.options.shapes == {"x": [1, 3, 8, 6]}
    assert "shape x=1x3x8x6: that of the data's samples" in resolved.choices
