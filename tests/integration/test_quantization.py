"""Every method of quantisation with its real tool, on the bundled model.

The tools run in the managed environment `convert`; what they write runs in this one.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgeloop.conversion.quantization._base import QuantizeRequest
from edgeloop.conversion.quantization.causes import saturates, this_machine
from edgeloop.demo import ASSETS
from edgeloop.envs.managed import python_of
from edgeloop.errors import ModelError
from edgeloop.models.identity import model_files, sha256_of
from edgeloop.models.inspect import inspect_model
from edgeloop.worker.client import WorkerClient

PYTHON = python_of("convert")
pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="the managed environment is not here: edgeloop setup convert"
)

# The data: 540 images of digits, half of them for calibration, half to look at the results.
HALF = 270
# Of 270 images one is 0.4 %; the quantised models get at most two more wrong than the float one.
ACCURACY_LOSS = 2 / HALF
# Largest difference of the logits (which reach 12), measured: int8 0.28, 16x8 and dynamic 0.12,
# float16 0.008. A calibration by moving average gives 2 and more.
WITHIN = {"int8": 0.6, "int16x8": 0.3, "dynamic": 0.3, "fp16": 0.03}


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    with np.load(ASSETS / "digits_test.npz") as arrays:
        return arrays["x_data"].astype(np.float32), arrays["y_data"]


@pytest.fixture(scope="module")
def samples(digits, tmp_path_factory) -> dict[str, str]:
    """Calibration samples by format, as edgeloop writes them."""
    folder = tmp_path_factory.mktemp("samples")
    images = digits[0][:HALF, np.newaxis]
    layouts = {"tflite": images, "onnx": np.ascontiguousarray(images.transpose(0, 1, 4, 2, 3))}
    paths = {}
    for name, values in layouts.items():
        paths[name] = str(folder / f"{name}.npz")
        np.savez(paths[name], input_names=np.array(["input"]), input_0=values)
    return paths


def quantize(method: str, request: QuantizeRequest, folder: Path) -> list[str]:
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    arguments = {"method": method, "request": request.as_dict(), "scratch": str(scratch)}
    with WorkerClient(str(PYTHON), 300) as worker:
        return worker.job("quantize", arguments, "quantising")["notes"]


def run_tflite(path: Path, images: np.ndarray) -> np.ndarray:
    """Return real outputs (n, 10), through the interpreter, with the scales of the file."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(str(path))
    interpreter.allocate_tensors()
    (source,), (sink,) = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for image in images:
        stored = image[np.newaxis]
        if source["dtype"] != np.float32:
            scale, zero = source["quantization"]
            limits = np.iinfo(source["dtype"])
            stored = np.clip(np.rint(stored / scale) + zero, limits.min, limits.max)
        interpreter.set_tensor(source["index"], stored.astype(source["dtype"]))
        interpreter.invoke()
        output = interpreter.get_tensor(sink["index"])[0]
        if sink["dtype"] != np.float32:
            scale, zero = sink["quantization"]
            output = scale * (output.astype(np.float64) - zero)
        rows.append(output)
    return np.array(rows)


def run_onnx(path: Path, images: np.ndarray, precision: str) -> np.ndarray:
    """Return the outputs (n, 10), without ONNX Runtime's int8 sums where they overflow."""
    onnxruntime = pytest.importorskip("onnxruntime")
    overflows = saturates(*this_machine())
    if overflows and precision == "dynamic":
        session = pytest.importorskip("onnx.reference").ReferenceEvaluator(str(path))
    else:
        options = onnxruntime.SessionOptions()
        if overflows:  # each node by itself: between quantised tensors the sums are of floats
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(str(path), options)
    nchw = images.transpose(0, 3, 1, 2)
    return np.array([session.run(None, {"input": image[np.newaxis]})[0][0] for image in nchw])


def holds(output: np.ndarray, reference: np.ndarray, labels: np.ndarray, precision: str) -> None:
    assert np.abs(output - reference).max() < WITHIN[precision]
    right, wanted = (np.mean(np.argmax(one, axis=1) == labels) for one in (output, reference))
    assert right >= wanted - ACCURACY_LOSS


FLOAT_TFLITE = ASSETS / "digits_float32.tflite"
FLOAT_ONNX = ASSETS / "digits_float32.onnx"


@pytest.mark.parametrize(
    ("method", "precision", "io"),
    [("tflite-static", "int8", "int8"), ("tflite-static", "int8", "uint8"),
     ("tflite-static", "int8", "float32"), ("tflite-static", "int16x8", "float32"),
     ("tflite-dynamic", "dynamic", "float32"), ("tflite-float16", "fp16", "float32")],
)  # fmt: skip
def test_a_float_tflite_is_quantised(method, precision, io, digits, samples, tmp_path) -> None:
    target = tmp_path / "quantised.tflite"
    given = samples["tflite"] if method == "tflite-static" else ""
    request = QuantizeRequest(str(FLOAT_TFLITE), str(target), precision, io=io, samples=given)
    quantize(method, request, tmp_path)
    images, labels = digits[0][HALF:], digits[1][HALF:]
    holds(run_tflite(target, images), run_tflite(FLOAT_TFLITE, images), labels, precision)
    before, after = inspect_model(FLOAT_TFLITE), inspect_model(target)
    assert after.precision == precision
    assert {tensor.dtype for tensor in (*after.inputs, *after.outputs)} == {io}
    assert [t.name for t in (*after.inputs, *after.outputs)] == [
        t.name for t in (*before.inputs, *before.outputs)
    ]
    assert after.bytes < before.bytes


def test_uint8_stores_the_same_real_values_128_apart(samples, tmp_path) -> None:
    kept = {}
    for io in ("int8", "uint8"):
        target = tmp_path / f"{io}.tflite"
        request = QuantizeRequest(
            str(FLOAT_TFLITE), str(target), "int8", io=io, samples=samples["tflite"]
        )
        quantize("tflite-static", request, tmp_path)
        kept[io] = inspect_model(target)
    for int8, uint8 in zip(
        (*kept["int8"].inputs, *kept["int8"].outputs),
        (*kept["uint8"].inputs, *kept["uint8"].outputs),
    ):
        assert uint8.quantization.scales == int8.quantization.scales
        assert uint8.quantization.zero_points[0] == int8.quantization.zero_points[0] + 128


# The tool's own calibration, as its documentation shows it.
_MOVING_AVERAGE = """
import sys, numpy as np
from ai_edge_quantizer import quantizer, recipe
source, samples, target = sys.argv[1:]
images = np.load(samples)["input_0"]
tool = quantizer.Quantizer(source, recipe.static_wi8_ai8())
found = tool.calibrate({"serving_default": [{"args_0": image} for image in images]})
open(target, "wb").write(tool.quantize(found).quantized_model)
"""


def test_the_ranges_are_those_of_all_samples_and_no_moving_average(
    digits, samples, tmp_path
) -> None:
    """The tool's own default forgets extremes: outputs saturate, and top-1 does not show it."""
    averaged, ours = tmp_path / "averaged.tflite", tmp_path / "ours.tflite"
    subprocess.run(
        [PYTHON, "-c", _MOVING_AVERAGE, FLOAT_TFLITE, samples["tflite"], averaged],
        check=True, capture_output=True,
    )  # fmt: skip
    request = QuantizeRequest(str(FLOAT_TFLITE), str(ours), "int8", samples=samples["tflite"])
    quantize("tflite-static", request, tmp_path)
    images = digits[0][:HALF]
    reference = run_tflite(FLOAT_TFLITE, images)
    error = np.abs(run_tflite(ours, images) - reference).max()
    assert error < WITHIN["int8"]
    assert np.abs(run_tflite(averaged, images) - reference).max() > 4 * error


def test_the_shapes_that_torch_notes_of_weights_are_no_obstacle(tmp_path) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(FLOAT_ONNX))
    model.graph.value_info.extend(
        onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
        for tensor in model.graph.initializer
    )
    source, target = tmp_path / "noted.onnx", tmp_path / "quantised.onnx"
    onnx.save(model, str(source))
    quantize("onnx-dynamic", QuantizeRequest(str(source), str(target), "dynamic"), tmp_path)
    assert "MatMulInteger" in {node.op_type for node in onnx.load(str(target)).graph.node}


@pytest.mark.parametrize(
    ("method", "precision", "changes"),
    [("onnx-static", "int8", {}), ("onnx-static", "int8", {"reduce_range": True}),
     ("onnx-static", "int8", {"activations": "symmetric"}), ("onnx-dynamic", "dynamic", {}),
     ("onnx-float16", "fp16", {})],
)  # fmt: skip
def test_an_onnx_model_is_quantised(method, precision, changes, digits, samples, tmp_path) -> None:
    onnx = pytest.importorskip("onnx")
    target = tmp_path / "quantised.onnx"
    given = samples["onnx"] if method == "onnx-static" else ""
    request = QuantizeRequest(str(FLOAT_ONNX), str(target), precision, samples=given, **changes)
    quantize(method, request, tmp_path)
    images, labels = digits[0][HALF:], digits[1][HALF:]
    found, wanted = (run_onnx(path, images, precision) for path in (target, FLOAT_ONNX))
    holds(found, wanted, labels, precision)
    model = onnx.load(str(target))
    onnx.checker.check_model(model)
    before, after = inspect_model(FLOAT_ONNX), inspect_model(target)
    assert {tensor.dtype for tensor in (*after.inputs, *after.outputs)} == {"float32"}
    assert [t.name for t in (*after.inputs, *after.outputs)] == [
        t.name for t in (*before.inputs, *before.outputs)
    ]
    used = {node.domain or "ai.onnx" for node in model.graph.node}
    assert {entry.domain or "ai.onnx" for entry in model.opset_import} <= used | {"ai.onnx"}


def weights_and_zero_points(path: Path):
    """Return the int8 weights, and the zero points of all QuantizeLinear nodes."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(path))
    stored = {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}
    quantizing = [n for n in model.graph.node if n.op_type == "QuantizeLinear"]
    weights = [a for name, a in stored.items() if name.endswith("_quantized") and a.ndim > 1]
    return weights, [stored[node.input[2]] for node in quantizing if len(node.input) > 2], stored


def test_the_tensorrt_flavour_is_symmetric_and_leaves_the_biases_alone(samples, tmp_path) -> None:
    target = tmp_path / "tensorrt.onnx"
    request = QuantizeRequest(
        str(FLOAT_ONNX), str(target), "int8", activations="symmetric", samples=samples["onnx"]
    )
    quantize("onnx-static", request, tmp_path)
    weights, zero_points, stored = weights_and_zero_points(target)
    assert weights
    assert zero_points
    assert all(array.dtype == np.int8 and not array.any() for array in zero_points)
    assert not [name for name, array in stored.items() if array.dtype == np.int32 and array.ndim]


def test_a_reduced_range_leaves_weights_of_7_bits(samples, tmp_path) -> None:
    largest = {}
    for reduced in (False, True):
        target = tmp_path / "quantised.onnx"
        request = QuantizeRequest(
            str(FLOAT_ONNX), str(target), "int8", reduce_range=reduced, samples=samples["onnx"]
        )
        quantize("onnx-static", request, tmp_path)
        weights, _, _ = weights_and_zero_points(target)
        largest[reduced] = max(int(np.abs(array.astype(np.int32)).max()) for array in weights)
    assert largest == {False: 127, True: 64}


def test_dynamic_onnx_leaves_convolutions_alone(tmp_path) -> None:
    target = tmp_path / "dynamic.onnx"
    request = QuantizeRequest(str(FLOAT_ONNX), str(target), "dynamic")
    notes = quantize("onnx-dynamic", request, tmp_path)
    names = {operator.name for operator in inspect_model(target).operators}
    assert "MatMulInteger" in names
    assert "ConvInteger" not in names
    assert any("convolution(s) were left in float" in note for note in notes)


def test_a_model_without_matrix_products_is_not_quantised_dynamically(tmp_path) -> None:
    onnx = pytest.importorskip("onnx")
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Relu", ["x"], ["y"])], "relu",
        [value("x", 1, [1, 4])], [value("y", 1, [1, 4])],
    )  # fmt: skip
    source = tmp_path / "relu.onnx"
    opsets = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), str(source))
    request = QuantizeRequest(str(source), str(tmp_path / "out.onnx"), "dynamic")
    with pytest.raises(ModelError, match="no MatMul or Gemm"):
        quantize("onnx-dynamic", request, tmp_path)


def test_a_tool_that_fails_is_quoted(tmp_path) -> None:
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(FLOAT_TFLITE.read_bytes()[:2000])
    request = QuantizeRequest(str(damaged), str(tmp_path / "out.tflite"), "fp16")
    with pytest.raises(ModelError, match="ai-edge-quantizer cannot quantise"):
        quantize("tflite-float16", request, tmp_path)
    assert not (tmp_path / "out.tflite").exists()


def test_samples_for_another_number_of_inputs_are_refused(digits, tmp_path) -> None:
    given = tmp_path / "two.npz"
    image = digits[0][:4, np.newaxis]
    np.savez(given, input_names=np.array(["a", "b"]), input_0=image, input_1=image)
    request = QuantizeRequest(
        str(FLOAT_TFLITE), str(tmp_path / "out.tflite"), "int8", samples=str(given)
    )
    with pytest.raises(ModelError, match=r"has 1 inputs.* are for 2"):
        quantize("tflite-static", request, tmp_path)


@pytest.fixture(scope="module")
def halves(digits, tmp_path_factory) -> tuple[str, str]:
    """The data as a user has it: one file to calibrate, another to look at the accuracy."""
    folder = tmp_path_factory.mktemp("data")
    images, labels = digits
    paths = []
    for name, part in (("train", slice(HALF)), ("test", slice(HALF, None))):
        paths.append(str(folder / f"{name}.npz"))
        np.savez(paths[-1], x_data=images[part], y_data=labels[part])
    return paths[0], paths[1]


@pytest.fixture
def quantise(command_line, monkeypatch):
    """`edgeloop quantize`, with the managed environments of this machine."""
    command_line.environment["EDGELOOP_ENVS"] = str(Path(PYTHON).parents[2])

    def run(*arguments: object):
        return command_line("quantize", *map(str, arguments), timeout_s=200)

    run.folder = command_line.folder
    return run


def test_the_command_reports_what_was_gained_and_what_it_cost(quantise, halves) -> None:
    train, test = halves
    done = quantise(
        FLOAT_TFLITE, "--method", "int8", "--representative-data", train, "--samples", "150",
        "--seed", "7", "--data", test, "--debug-layers", "--verbose", "--json", "report.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for words in ("size", "latency, median", "accuracy", "SNR", "drawn with seed 7"):
        assert words in done.stdout
    report = json.loads((quantise.folder / "report.json").read_text())
    target = quantise.folder / "digits_float32_int8.tflite"
    assert report["path"] == str(target)
    assert report["sha256"] == sha256_of(target)
    assert report["bytes"] == target.stat().st_size
    assert report["verification"]["passed"] is True
    assert 25 < report["verification"]["outputs"][0]["snr_db"] < 60  # 35.6 here
    found = report["quantization"]
    assert found["calibration"]["samples"] == 150
    assert found["calibration"]["of"] == HALF
    assert found["calibration"]["seed"] == 7
    low, high = found["latency"]["ratio_ci95"]
    assert 0 < low <= found["latency"]["ratio"] <= high
    before, after = (found["accuracy"][side]["accuracy"] for side in ("before", "after"))
    assert after >= before - ACCURACY_LOSS
    errors = [layer["snr_db"] for layer in found["layers"]]
    assert errors == sorted(errors)
    assert {layer["operator"] for layer in found["layers"]} >= {"CONV_2D", "FULLY_CONNECTED"}
    assert json.loads(Path(f"{target}.conversion.json").read_text()) == report
    assert sorted(path.name for path in quantise.folder.iterdir() if path.name != "data") == [
        target.name, f"{target.name}.conversion.json", "report.json",
    ]  # fmt: skip


def test_onnx_layers_are_compared_too(quantise, halves) -> None:
    done = quantise(
        FLOAT_ONNX, "--method", "int8", "--representative-data", halves[0], "--data-layout", "nhwc",
        "--debug-layers", "--no-measure", "--json", "-",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["quantization"]
    assert found["latency"] is None
    assert "--no-measure" in found["latency_reason"]
    assert {layer["operator"] for layer in found["layers"]} >= {"Relu", "Gemm"}


@pytest.mark.parametrize("method", ["int8", "dynamic", "fp16"])
def test_weights_beside_an_onnx_model_are_quantised_too(quantise, tmp_path, method) -> None:
    onnx = pytest.importorskip("onnx", reason="pip install onnx")
    helper, value = onnx.helper, onnx.helper.make_tensor_value_info
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(32, 32)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [value("x", 1, [1, 32])],
        [value("y", 1, [1, 32])],
        [helper.make_tensor("w", 1, weights.shape, weights.tobytes(), raw=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "in").mkdir()
    source = tmp_path / "in" / "m.onnx"
    onnx.save(model, source, save_as_external_data=True, location="m.data", size_threshold=0)
    np.savez(tmp_path / "few.npz", x_data=rng.normal(size=(20, 32)).astype(np.float32))
    data = ["--representative-data", tmp_path / "few.npz"] if method == "int8" else []
    done = quantise(source, "--method", method, *data, "--no-measure", "--out", tmp_path / "q.onnx")
    assert done.returncode == 0, done.stderr
    assert len(model_files(tmp_path / "q.onnx")) == 1


def test_calibrating_on_the_test_data_is_warned_of(quantise, halves) -> None:
    done = quantise(
        FLOAT_TFLITE, "--method", "int8", "--representative-data", halves[1], "--data", halves[1],
        "--no-measure",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "warning: the calibration data is the test data" in done.stdout


def test_the_seed_decides_the_samples(quantise, halves) -> None:
    files = []
    for seed in (1, 1, 2):
        files.append(quantise.folder / f"{len(files)}.tflite")
        done = quantise(
            FLOAT_TFLITE, "--method", "int8", "--representative-data", halves[0], "--samples", "5",
            "--seed", seed, "--out", files[-1], "--no-measure",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    first, again, other = map(sha256_of, files)
    assert first == again
    assert first != other


def test_a_result_that_does_not_agree_is_kept_under_another_name(quantise, digits) -> None:
    """Samples of a thousandth of the real range: everything beyond it is clipped."""
    train, test = quantise.folder / "dark.npz", quantise.folder / "test.npz"
    np.savez(train, x_data=digits[0][:HALF] / 1000)
    np.savez(test, x_data=digits[0][HALF:], y_data=digits[1][HALF:])
    asked = [
        FLOAT_TFLITE, "--method", "int8", "--representative-data", train, "--data", test,
        "--no-measure",
    ]  # fmt: skip
    done = quantise(*asked)
    assert done.returncode == 0, done.stderr
    assert "does NOT agree" in done.stderr
    assert "verification FAILED" in done.stdout
    assert "warning: output" in done.stdout
    assert "the accuracy falls" in done.stdout
    assert not (quantise.folder / "digits_float32_int8.tflite").exists()
    assert (quantise.folder / "digits_float32_int8.tflite.unverified").exists()
    assert quantise(*asked, "--strict", "--force").returncode == 1


def written(folder: Path, name: str, **arrays: np.ndarray) -> Path:
    np.savez(folder / name, **arrays)
    return folder / name


@pytest.mark.parametrize(
    ("x_data", "words"),
    [(np.zeros((4, 9, 9, 1), np.float32), "has shape 9x9x1"),
     (np.zeros((0, 8, 8, 1), np.float32), "no samples"),
     (np.full((4, 8, 8, 1), np.nan, np.float32), "4 of 4 calibration samples"),
     (np.full((4, 8, 8, 1), np.inf, np.float32), "NaN or infinity"),
     (np.full((4, 8, 8, 1), "a"), "which no model input takes")],
    ids=["shape", "empty", "nan", "infinity", "text"],
)  # fmt: skip
def test_calibration_data_that_does_not_fit_is_refused(quantise, x_data, words) -> None:
    data = written(quantise.folder, "bad.npz", x_data=x_data)
    done = quantise(FLOAT_TFLITE, "--method", "int8", "--representative-data", data)
    assert done.returncode == 4
    assert words in done.stderr
    assert [path.name for path in quantise.folder.glob("*.tflite*")] == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [((ASSETS / "digits_int8.tflite", "--method", "fp16"), 4, "quantised already"),
     ((ASSETS / "digits_int8.onnx", "--method", "fp16"), 4, "quantised already"),
     ((ASSETS / "digits_float32.pt", "--method", "fp16"), 2, "--to tflite or --to onnx"),
     ((FLOAT_ONNX, "--method", "int4"), 2, "did you mean 'int8'"),
     ((FLOAT_ONNX, "--method", "int8"), 2, "--representative-data"),
     ((FLOAT_TFLITE, "--method", "fp16", "--for", "tensorrt"), 2, "is for int8 in ONNX"),
     ((FLOAT_TFLITE, "--method", "dynamic", "--io", "int8"), 2, "keeps float32"),
     (("nowhere.tflite", "--method", "fp16"), 4, "does not exist"),
     ((FLOAT_TFLITE, "--method", "fp16", "--out", "no/such/folder.tflite"), 6, "no folder")],
    ids=lambda value: None if isinstance(value, (int, str)) else value[0].__str__()[-12:],
)  # fmt: skip
def test_what_cannot_be_done_is_one_sentence(quantise, arguments, code, words) -> None:
    done = quantise(*arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_file_that_is_there_is_not_replaced_unless_asked(quantise) -> None:
    target = quantise.folder / "digits_float32_fp16.tflite"
    target.write_bytes(b"mine")
    asked = (FLOAT_TFLITE, "--method", "fp16", "--no-measure")
    done = quantise(*asked)
    assert done.returncode == 6
    assert "--force" in done.stderr
    assert target.read_bytes() == b"mine"
    assert quantise(*asked, "--force").returncode == 0
    assert inspect_model(target).precision == "fp16"


def test_uint8_pixels_stay_real_values_to_a_model_of_uint8(quantise, halves, digits) -> None:
    """Data of a model's own dtype is taken as stored; here it is what the float model takes."""
    test = quantise.folder / "pixels.npz"
    np.savez(test, x_data=digits[0][HALF:].astype(np.uint8), y_data=digits[1][HALF:])
    done = quantise(
        FLOAT_TFLITE, "--method", "int8", "--io", "uint8", "--representative-data", halves[0],
        "--data", test, "--no-measure", "--json", "-",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    accuracy = json.loads(done.stdout)["quantization"]["accuracy"]
    assert accuracy["after"]["accuracy"] >= accuracy["before"]["accuracy"] - ACCURACY_LOSS


@pytest.mark.parametrize("method", ["tflite-static", "tflite-dynamic", "tflite-float16"])
def test_a_file_of_an_old_converter_is_quantised(method, shared_data, tmp_path) -> None:
    """No signature, and operator numbers in the old place, where the tool does not look."""
    folder = shared_data / "toycar_autoencoder"
    source = folder / "ad01_fp32.tflite"
    with np.load(folder / "toycar_normal_id01_00000000_196x640_float32.npz") as arrays:
        windows = arrays["x_data"]
    given = tmp_path / "samples.npz"
    np.savez(given, input_names=np.array(["input_1"]), input_0=windows[:, np.newaxis])
    precision = {"tflite-static": "int8", "tflite-dynamic": "dynamic", "tflite-float16": "fp16"}
    target = tmp_path / "quantised.tflite"
    samples = str(given) if method == "tflite-static" else ""
    request = QuantizeRequest(str(source), str(target), precision[method], samples=samples)
    quantize(method, request, tmp_path)
    assert inspect_model(target).precision == precision[method]
    error = np.mean((run_tflite(target, windows) - windows) ** 2)
    # The float model's is 9.7071; the int8 file of MLPerf Tiny itself has 10.265, 5.7 % more.
    assert error == pytest.approx(9.7071, rel=0.06)


def test_bench_converts_quantises_and_measures_in_one(command_line, halves) -> None:
    command_line.environment["EDGELOOP_ENVS"] = str(Path(PYTHON).parents[2])
    train, test = halves
    done = command_line(
        "bench", str(FLOAT_TFLITE), "--quantize", "int8", "--representative-data", train,
        "--data", test, "--runs", "50", "--model-out", "small.tflite", "--json", "-",
        timeout_s=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    target = command_line.folder / "small.tflite"
    assert result["model"]["path"] == str(target)
    assert result["model"]["sha256"] == sha256_of(target)
    assert result["accuracy"]["accuracy"] > 0.95
    assert result["conversion"]["verification"]["passed"] is True
    assert result["conversion"]["quantization"]["calibration"]["samples"] == 200


def test_a_folder_of_pictures_shows_the_ranges(quantise, digits) -> None:
    """Decoded and scaled as the model was trained; what cannot be read is counted and named."""
    image = pytest.importorskip("PIL.Image", reason="pip install 'edgeloop[eval]'")
    folder = quantise.folder / "pictures"
    folder.mkdir()
    for index, pixels in enumerate(digits[0][:120, :, :, 0]):
        image.fromarray((pixels * 15).astype(np.uint8)).save(folder / f"{index:03}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    done = quantise(
        FLOAT_TFLITE, "--method", "int8", "--representative-data", folder, "--scale", "1/15",
        "--samples", "200", "--no-measure", "--json", "report.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "1 sample could not be read" in done.stdout
    report = json.loads((quantise.folder / "report.json").read_text())
    calibration = report["quantization"]["calibration"]
    assert (calibration["samples"], calibration["of"]) == (120, 121)
    assert Path(calibration["skipped"][0][0]).name == "broken.png"
    target = quantise.folder / "digits_float32_int8.tflite"
    images, labels = digits[0][HALF:], digits[1][HALF:]
    holds(run_tflite(target, images), run_tflite(FLOAT_TFLITE, images), labels, "int8")


@pytest.mark.slow
def test_bench_brings_onnx_to_int8_tflite(command_line, halves) -> None:
    """By way of a SavedModel, with the channels moved to the end and the data with them."""
    command_line.environment["EDGELOOP_ENVS"] = str(Path(PYTHON).parents[2])
    train, test = halves
    done = command_line(
        "bench", str(FLOAT_ONNX), "--to", "tflite", "--quantize", "int8", "--representative-data",
        train, "--data", test, "--data-layout", "nhwc", "--runs", "50", "--json", "-",
        timeout_s=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["model"]["format"] == "tflite"
    assert result["accuracy"]["accuracy"] > 0.95
