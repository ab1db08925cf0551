"""`eval` of models whose outputs are not one row of scores: several, in any order, empty, ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pytest

import edgeloop
from edgeloop.errors import ModelError, NotAvailableError, UsageError
from edgeloop.runtimes import runtime

onnx = pytest.importorskip("onnx", reason="pip install onnx: models made on the fly")
pytest.importorskip("sklearn", reason="pip install scikit-learn: the metrics of eval")

FLOAT, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64

X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)


@pytest.fixture(autouse=True)
def _onnxruntime() -> None:
    try:
        runtime("onnxruntime").find(None)
    except NotAvailableError as error:
        pytest.skip(str(error))


def tensor(name: str, kind: int, *shape: Any) -> Any:
    return onnx.helper.make_tensor_value_info(name, kind, shape)


def save(path: Path, nodes: list[Any], x: Any, outputs: list[Any], constants: Any = ()) -> str:
    graph = onnx.helper.make_graph(nodes, "g", [x], outputs, list(constants))
    opsets = [onnx.helper.make_opsetid("", 13)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return str(path)


def two_heads(path: Path, *order: str) -> str:
    nodes = [
        onnx.helper.make_node("Identity", ["x"], ["first"]),
        onnx.helper.make_node("Neg", ["x"], ["second"]),
    ]
    outputs = [tensor(name, FLOAT, "N", 4) for name in order]
    return save(path, nodes, tensor("x", FLOAT, "N", 4), outputs)


def data(path: Path, x: np.ndarray, y: Optional[np.ndarray] = None, **more: Any) -> str:
    arrays = {"x_data": x, **({} if y is None else {"y_data": y}), **more}
    np.savez(path, **arrays)
    return str(path)


def test_outputs_of_two_files_are_paired_by_name(tmp_path: Path) -> None:
    ours = two_heads(tmp_path / "ab.onnx", "first", "second")
    theirs = two_heads(tmp_path / "ba.onnx", "second", "first")
    samples = data(tmp_path / "d.npz", X, X.argmax(axis=1))
    result = edgeloop.evaluate(ours, samples, reference=theirs, output="first")
    assert [one["cosine_min"] for one in result.summary["agreement"]["outputs"]] == [1.0, 1.0]
    assert result.summary["accuracy"]["accuracy"] == 1.0
    for path in (ours, theirs):
        accuracy = edgeloop.evaluate(path, samples, output="second").summary["accuracy"]
        assert accuracy["output"] == "second"
        assert accuracy["accuracy"] == 0.0
    with pytest.raises(
        ModelError, match="'first', 'second' all fit the labels: choose one with --output"
    ):
        edgeloop.evaluate(ours, samples)
    with pytest.raises(UsageError, match="did you mean 'first'"):
        edgeloop.evaluate(ours, samples, output="frist")


def test_the_output_that_fits_the_labels_is_judged(tmp_path: Path) -> None:
    nodes = [
        onnx.helper.make_node("ArgMax", ["x"], ["label"], axis=1, keepdims=0),
        onnx.helper.make_node("Identity", ["x"], ["scores"]),
    ]
    outputs = [tensor("label", INT64, "N"), tensor("scores", FLOAT, "N", 4)]
    model = save(tmp_path / "m.onnx", nodes, tensor("x", FLOAT, "N", 4), outputs)
    samples = data(tmp_path / "d.npz", X, X.argmax(axis=1))
    accuracy = edgeloop.evaluate(model, samples).summary["accuracy"]
    assert (accuracy["task"], accuracy["output"]) == ("classification", "scores")
    assert accuracy["accuracy"] == 1.0


def suppression(path: Path) -> str:
    """Boxes and scores in, the chosen ones out: their number follows the data and may be 0."""

    def whole(name: str, value: int) -> Any:
        return onnx.helper.make_tensor(name, INT64, [1], [value])

    nodes = [
        onnx.helper.make_node("Slice", ["x", "zero", "four", "axis"], ["boxes"]),
        onnx.helper.make_node("Slice", ["x", "four", "five", "axis"], ["columns"]),
        onnx.helper.make_node("Transpose", ["columns"], ["scores"], perm=[0, 2, 1]),
        onnx.helper.make_node(
            "NonMaxSuppression", ["boxes", "scores", "most", "iou", "least"], ["selected"]
        ),
    ]
    constants = [
        *(whole("zero", 0), whole("four", 4), whole("five", 5), whole("axis", 2)),
        whole("most", 10),
        onnx.helper.make_tensor("iou", FLOAT, [1], [0.5]),
        onnx.helper.make_tensor("least", FLOAT, [1], [0.9]),
    ]
    x = tensor("x", FLOAT, 1, 20, 5)
    return save(path, nodes, x, [tensor("selected", INT64, None, 3)], constants)


def test_an_output_whose_number_of_rows_follows_the_data(tmp_path: Path) -> None:
    model = suppression(tmp_path / "nms.onnx")
    x = np.random.default_rng(0).uniform(0, 1, (12, 20, 5)).astype(np.float32)
    x[3:, :, 4] *= 0.5  # nothing is found in nine of the samples
    samples = data(tmp_path / "d.npz", x)
    (output,) = edgeloop.evaluate(model, samples, reference=model).summary["agreement"]["outputs"]
    assert (output["n"], output["empty"]) == (3, 9)
    assert output["max_error"] == 0.0
    nothing = data(tmp_path / "none.npz", x[3:])
    (output,) = edgeloop.evaluate(model, nothing, reference=model).summary["agreement"]["outputs"]
    assert output["max_error_reason"] == "the output is empty in every sample"
    # Without labels a bench needs the first sample only.
    result = edgeloop.bench(model, data=samples, runs=5)
    assert result.summary["accuracy_reason"] == "the data has no labels"


def strongest_colour(path: Path) -> str:
    nodes = [onnx.helper.make_node("ReduceMean", ["x"], ["y"], axes=[2, 3], keepdims=0)]
    return save(path, nodes, tensor("x", FLOAT, 1, 3, 8, 8), [tensor("y", FLOAT, 1, 3)])


def photos(folder: Path, *names: str) -> str:
    image = pytest.importorskip("PIL.Image", reason="pip install pillow: pictures")
    for name in names:
        (folder / name).mkdir(parents=True)
        colour = tuple(255 * (name == one) for one in ("red", "green", "blue"))
        for number in range(3):
            image.new("RGB", (8, 8), colour).save(folder / name / f"{number}.png")
    return str(folder)


def test_folders_that_are_not_as_many_as_classes_are_refused(tmp_path: Path) -> None:
    model = strongest_colour(tmp_path / "m.onnx")
    pictures = photos(tmp_path / "photos", "green", "red")
    with pytest.raises(ModelError, match="2 class folders, but the model has 3 classes"):
        edgeloop.evaluate(model, pictures)
    labels = tmp_path / "labels.txt"
    labels.write_text("red\ngreen\nblue\n", encoding="utf-8")
    accuracy = edgeloop.evaluate(model, pictures, labels=str(labels)).summary["accuracy"]
    assert (accuracy["n"], accuracy["accuracy"]) == (6, 1.0)


def test_predict_takes_a_folder_among_pictures(tmp_path: Path, command_line: Any) -> None:
    model = strongest_colour(tmp_path / "m.onnx")
    folder = photos(tmp_path / "photos", "blue", "green", "red")
    one = str(tmp_path / "photos" / "red" / "0.png")
    done = command_line("predict", model, one, folder, one, "--json", "-")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["pictures"]
    best = [picture["answers"][0]["number"] for picture in found]
    assert best == [0, 2, 2, 2, 1, 1, 1, 0, 0, 0, 0]
    assert found[1]["path"].endswith("blue/0.png")


def test_a_folder_without_pictures_costs_only_itself(tmp_path: Path, command_line: Any) -> None:
    model = strongest_colour(tmp_path / "m.onnx")
    folder = photos(tmp_path / "photos", "green")
    (tmp_path / "none").mkdir()
    done = command_line("predict", model, "none", folder, "none", "--json", "-")
    assert done.returncode == 4
    assert "none cannot be used: the folder holds no pictures (.jpg, " in done.stderr
    assert len(json.loads(done.stdout)["pictures"]) == 3
    alone = command_line("predict", model, "none")
    assert alone.returncode == 4
    assert "none cannot be used: the folder holds no pictures" in alone.stderr


def test_one_score_and_class_numbers_are_classification(tmp_path: Path) -> None:
    weights = onnx.helper.make_tensor("w", FLOAT, [4, 1], [1.0, -1.0, 0.0, 0.0])
    x = tensor("x", FLOAT, "N", 4)
    nodes = [
        onnx.helper.make_node("MatMul", ["x", "w"], ["z"]),
        onnx.helper.make_node("Sigmoid", ["z"], ["p"]),
    ]
    one = save(tmp_path / "p.onnx", nodes, x, [tensor("p", FLOAT, "N", 1)], [weights])
    nodes = [onnx.helper.make_node("ArgMax", ["x"], ["c"], axis=1, keepdims=0)]
    numbers = save(tmp_path / "c.onnx", nodes, x, [tensor("c", INT64, "N")])
    binary = (X[:, 0] > X[:, 1]).astype(np.int64)
    binary[:6] ^= 1
    samples = data(tmp_path / "b.npz", X, binary)
    assert edgeloop.evaluate(one, samples).summary["accuracy"]["accuracy"] == 0.9
    samples = data(tmp_path / "c.npz", X, X.argmax(axis=1))
    accuracy = edgeloop.evaluate(numbers, samples).summary["accuracy"]
    assert (accuracy["task"], accuracy["accuracy"]) == ("classification", 1.0)


def scaled(path: Path, *factors: float) -> str:
    """A linear classifier whose scores are the inputs times these."""
    weights = onnx.helper.make_tensor("w", FLOAT, [4, 4], np.diag(factors).ravel().tolist())
    nodes = [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])]
    x, y = tensor("x", FLOAT, "N", 4), tensor("y", FLOAT, "N", 4)
    return save(path, nodes, x, [y], [weights])


def test_two_models_are_compared_on_the_same_samples(tmp_path: Path) -> None:
    good = scaled(tmp_path / "good.onnx", 1, 1, 1, 1)
    bad = scaled(tmp_path / "bad.onnx", 1, 1, 1, -1)
    x = np.random.default_rng(1).normal(size=(200, 4)).astype(np.float32)
    labels = x.argmax(axis=1)
    labels[:40] = (labels[:40] + 1) % 4
    samples = data(tmp_path / "d.npz", x, labels)
    result = edgeloop.evaluate(bad, samples, reference=good)
    paired = result.summary["paired"]
    assert result.summary["reference_accuracy"]["accuracy"] == 0.8
    assert paired["difference"] == pytest.approx(result.summary["accuracy"]["accuracy"] - 0.8)
    assert paired["verdict"] == "worse"
    low, high = paired["difference_ci95"]
    assert low < paired["difference"] < high < 0
    # The same of two stored results, and of two that are measured now.
    places = [str(tmp_path / f"{name}.edgeloop.jsonl") for name in ("good", "bad")]
    for model, place in zip((good, bad), places):
        edgeloop.evaluate(model, samples, save=True, out=place)
    stored = edgeloop.compare(*places, allow=["model"])
    live = edgeloop.compare(
        f"{good}@onnxruntime", f"{bad}@onnxruntime", data=samples, effort="quick", budget_s=1.0
    )
    for found in (stored.accuracy, live.accuracy):
        assert found is not None
        assert found.difference == pytest.approx(paired["difference"])
        assert (found.only_first, found.only_second) == (
            paired["only_first"], paired["only_second"],
        )  # fmt: skip


def test_a_model_without_a_batch_dimension_is_judged(tmp_path: Path) -> None:
    nodes = [onnx.helper.make_node("Mul", ["x", "x"], ["y"])]
    model = save(tmp_path / "m.onnx", nodes, tensor("x", FLOAT, 4), [tensor("y", FLOAT, 4)])
    samples = data(tmp_path / "d.npz", X, (X**2).argmax(axis=1))
    assert edgeloop.evaluate(model, samples).summary["accuracy"]["accuracy"] == 1.0
