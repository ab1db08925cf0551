"""Every method of quantisation with its real tool, on the bundled model.

The tools run in the managed environment `convert`; what they write runs in this one.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgeloop.demo import ASSETS
from edgeloop.envs.managed import python_of
from edgeloop.errors import ModelError
from edgeloop.measure.client import WorkerClient
from edgeloop.models.inspect import inspect_model
from edgeloop.quantization._base import QuantizeRequest

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


def run_onnx(path: Path, images: np.ndarray) -> np.ndarray:
    session = pytest.importorskip("onnxruntime").InferenceSession(str(path))
    (entry,) = session.get_inputs()
    nchw = images.transpose(0, 3, 1, 2)
    return np.array([session.run(None, {entry.name: image[np.newaxis]})[0][0] for image in nchw])


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
    holds(run_onnx(target, images), run_onnx(FLOAT_ONNX, images), labels, precision)
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
