"""Code and file operators of a TensorFlow or Keras model are found before it is loaded."""

from __future__ import annotations

import json
import zipfile

import pytest

from edgeloop.models import tensorflow_trust
from edgeloop.spec.load import LoadOptions


def code_in(path):
    return tensorflow_trust.code_in(LoadOptions(model=path))


def node(name, operator):
    """Return a NodeDef of a graph: its name, its operator, and one input."""
    fields = ((1, name), (2, operator), (3, "x"))
    return b"".join(bytes([n << 3 | 2, len(text)]) + text.encode() for n, text in fields)


def saved_model(folder, *operators):
    nodes = [node(f"WriteFile_{number}", operator) for number, operator in enumerate(operators)]
    graph = b"".join(b"\x0a" + bytes([len(one)]) + one for one in nodes)
    (folder / "saved_model.pb").write_bytes(graph)
    return str(folder)


@pytest.mark.parametrize("operator", ["WriteFile", "EagerPyFunc", "SaveDatasetV2"])
def test_an_operator_that_reaches_out_of_a_saved_model(tmp_path, operator):
    assert operator in code_in(saved_model(tmp_path, "MatMul", operator))


def test_what_every_saved_model_has_is_harmless(tmp_path):
    assert code_in(saved_model(tmp_path, "MatMul", "SaveV2", "RestoreV2", "Print")) is None


def test_a_print_to_a_file(tmp_path):
    path = saved_model(tmp_path, "PrintV2")
    (tmp_path / "saved_model.pb").write_bytes(b"file:///tmp/x" + node("a", "PrintV2"))
    assert "file" in code_in(path)


def keras_model(path, *layers):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.weights.h5", "")
        archive.writestr("config.json", json.dumps({"config": {"layers": layers}}))
    return str(path)


DENSE = {"class_name": "Dense", "module": "keras.layers", "config": {"module": None}}


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ({"class_name": "Lambda", "module": "keras.layers"}, "Lambda"),
        ({"config": {"function": {"class_name": "__lambda__"}}}, "__lambda__"),
        ({"class_name": "function", "config": "system", "module": "os"}, "function"),
        ({"class_name": "Popen", "module": "subprocess"}, "subprocess"),
        ({"class_name": "X", "module": "keras_evil"}, "keras_evil"),
    ],
)
def test_code_of_a_keras_model(tmp_path, layer, words):
    assert words in code_in(keras_model(tmp_path / "m.keras", DENSE, {"inner": [layer]}))


def test_layers_of_keras_are_harmless(tmp_path):
    assert code_in(keras_model(tmp_path / "m.keras", DENSE)) is None
