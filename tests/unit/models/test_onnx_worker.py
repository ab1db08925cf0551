"""A crash of the onnx package costs shapes, not the process."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from edgeloop.errors import ModelError, NotAvailableError
from edgeloop.models import onnx_worker

CRASHING = """
import os, sys
from edgeloop.models import onnx_file, onnx_worker
whole = onnx_file.summarise
def summarise(path, *, infer):
    print("library chatter")
    {when}
    return whole(path, infer=infer)
onnx_file.summarise = summarise
onnx_worker.main(sys.argv[1:])
"""


@pytest.fixture
def onnx_installed():
    pytest.importorskip("onnx")


def answers(when, *paths):
    command = [sys.executable, "-c", CRASHING.format(when=when), *map(str, paths)]
    done = subprocess.run(command, check=True, capture_output=True, timeout=120)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.usefixtures("onnx_installed")
def test_a_crash_in_the_inference_is_a_note(asset):
    path = asset("digits_float32.onnx")
    (answer,) = answers("infer and os.abort()", path)
    assert answer["parameters"] == 7882
    assert answer["macs"] is None
    assert any("crashes on this model" in note for note in answer["notes"])


@pytest.mark.usefixtures("onnx_installed")
def test_a_crash_everywhere_is_one_answer_less(asset):
    path = asset("digits_float32.onnx")
    assert answers("os.abort()", path, path) == [None, None]
    first, second = answers(
        "str(path).endswith('int8.onnx') and os.abort()", path, asset("digits_int8.onnx")
    )
    assert first["macs"] == 125_248
    assert second is None


def test_a_model_cannot_fill_the_memory(tmp_path):
    """Shape inference would hold the million millions of zeros that this model asks for."""
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    huge = helper.make_tensor("huge", onnx.TensorProto.INT64, [1], [2**40])
    nodes = [
        helper.make_node("ConstantOfShape", ["huge"], ["zeros"]),
        helper.make_node("Add", ["zeros", "x"], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [huge])
    path = tmp_path / "bomb.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    found = onnx_worker.summarise(path)
    assert found.macs == 0
    assert found.inputs[0].name == "x"


@pytest.mark.usefixtures("onnx_installed")
def test_each_model_has_its_own_answer(asset, tmp_path):
    (tmp_path / "bad").write_bytes(b"\x08\x0a\x3a\x7f")
    good, bad, missing = onnx_worker.summarise_each(
        [asset("digits_int8.onnx"), tmp_path / "bad", tmp_path / "none"]
    )
    assert (good.precision, good.macs) == ("int8", 125_248)
    assert isinstance(bad, ModelError)
    assert "damaged or cut short" in str(bad)
    assert isinstance(missing, ModelError)
    with pytest.raises(ModelError, match="damaged or cut short"):
        onnx_worker.summarise(tmp_path / "bad")


@pytest.mark.usefixtures("onnx_installed")
def test_a_file_beside_the_model_is_not_imported(tmp_path, monkeypatch, asset):
    (tmp_path / "onnx.py").write_text("import os; os._exit(9)")
    monkeypatch.chdir(tmp_path)
    assert onnx_worker.summarise(asset("digits_float32.onnx")).parameters == 7882


def test_a_child_that_cannot_answer(monkeypatch, tmp_path):
    monkeypatch.setattr(onnx_worker, "_CHILD", "import sys; sys.exit('no memory')")
    with pytest.raises(ModelError, match=r"the onnx package failed on it \(no memory\)"):
        onnx_worker.summarise(tmp_path / "m")
    monkeypatch.setattr(onnx_worker, "_CHILD", "import time; time.sleep(60)")
    monkeypatch.setattr(onnx_worker, "_TIMEOUT_S", 0.1)
    with pytest.raises(ModelError, match="inspecting it took over"):
        onnx_worker.summarise(tmp_path / "m")
    monkeypatch.setattr(sys, "executable", "/no/python")
    with pytest.raises(NotAvailableError, match="cannot be started"):
        onnx_worker.summarise(tmp_path / "m")


def test_without_onnx_the_error_comes_back_as_it_was(monkeypatch, asset):
    child = f"import sys; sys.modules['onnx'] = None; {onnx_worker._CHILD}"
    monkeypatch.setattr(onnx_worker, "_CHILD", child)
    with pytest.raises(NotAvailableError, match="pip install"):
        onnx_worker.summarise(asset("digits_float32.onnx"))
