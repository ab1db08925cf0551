"""`bench` and `overhead` on the real models, and equal outputs over every loop and runtime."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pytest

from edgeloop.data.opening import open_data
from edgeloop.errors import NotAvailableError
from edgeloop.runtimes import runtime
from edgeloop.spec.inputs import InputSource
from edgeloop.spec.load import LoadOptions, TensorSpec
from edgeloop.worker.client import WorkerClient
from edgeloop.worker.requests import Load, Outputs, Start

MOBILENET = "imagenet_mobilenet/mobilenet_v2_1.0_224_quant.tflite"
RESNET8 = "cifar10_resnet/pretrainedResnet.tflite"
RESNET8_INT8 = "cifar10_resnet/pretrainedResnet_quant.tflite"
SSD = "coco_ssd/coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite"
AUTOENCODER_INT8 = "toycar_autoencoder/ad01_int8.tflite"
MOBILENET_ONNX = "imagenet_mobilenet/mobilenet_v2_quant.onnx"
RESNET20_ONNX = "cifar10_resnet/resnet20.onnx"
RESNET20_TORCH = "cifar10_resnet/resnet20_torchscript.pt"

TFLITE_MODELS = (MOBILENET, RESNET8, RESNET8_INT8, SSD, AUTOENCODER_INT8)
TFLITE_RUNTIMES = ("litert", "tflite", "tflite-runtime")

CASES = [
    *((model, name) for model in TFLITE_MODELS for name in TFLITE_RUNTIMES),
    (MOBILENET_ONNX, "onnxruntime"),
    (RESNET20_ONNX, "onnxruntime"),
    (RESNET20_TORCH, "torch"),
]

SHAPES = {RESNET20_TORCH: {"": [1, 3, 32, 32]}}

DATA = {
    MOBILENET: ("imagenet_mobilenet/photos8_uint8_nhwc_224.npz", None),
    RESNET8: ("cifar10_resnet/cifar10_test1000_uint8_nhwc.npz", None),
    RESNET8_INT8: ("cifar10_resnet/cifar10_test1000_uint8_nhwc.npz", None),
    SSD: ("coco_ssd/ssd_photos_uint8_nhwc_300.npz", None),
    AUTOENCODER_INT8: ("toycar_autoencoder/toycar_normal_id01_00000000_196x640_float32.npz", None),
    MOBILENET_ONNX: ("imagenet_mobilenet/imagenet40_float32_nchw_224_norm_y1000.npz", None),
    RESNET20_ONNX: ("cifar10_resnet/cifar10_test500_float32_nchw_norm.npz", None),
    RESNET20_TORCH: ("cifar10_resnet/cifar10_test500_float32_nchw_norm.npz", None),
}


def interpreter(name: str) -> Optional[str]:
    """Return the interpreter that has the runtime; skip where there is none."""
    if name == "tflite-runtime":
        path = os.environ.get("EDGELOOP_TEST_TFLITE_RUNTIME_PYTHON")
        if not path:
            pytest.skip("EDGELOOP_TEST_TFLITE_RUNTIME_PYTHON names no interpreter (tests/run.sh)")
        return path
    try:
        runtime(name).find(None)
    except NotAvailableError as error:
        pytest.skip(f"{name} is not here: {error}")
    return None


def outputs_of_every_loop(
    name: str, model: Path, shared: Path, key: str
) -> dict[str, list[np.ndarray]]:
    """Run one real sample through every loop of a runtime; return their outputs."""
    python = interpreter(name) or sys.executable
    loops = list(runtime(name).loops)
    data, layout = DATA[key]
    source = InputSource(0, str(shared / data), layout=layout)
    options = asdict(LoadOptions(model=str(model), shapes=SHAPES.get(key, {})))
    outputs = {}
    with WorkerClient(python, 120) as worker:
        loaded = worker.request(Load(name, options, loops, seed=None), "loading").body
        specs = [TensorSpec.from_dict(spec) for spec in loaded["inputs"]]
        frames = open_data(source, specs).first_inputs()
        worker.request(Start(loops, frames), "starting")
        for loop in loops:
            answer = worker.request(Outputs(loop), f"running {loop}")
            outputs[loop] = [
                np.frombuffer(frame, described["dtype"]).reshape(described["shape"])
                for frame, described in zip(answer.frames, answer.body["outputs"])
            ]
    return outputs


@pytest.mark.parametrize(("key", "name"), CASES)
def test_every_loop_of_a_runtime_gives_the_same_outputs(
    key: str, name: str, shared_data: Path
) -> None:
    outputs = outputs_of_every_loop(name, shared_data / key, shared_data, key)
    reference = outputs.pop(next(iter(outputs)))
    assert any(np.ptp(array.astype(np.float64)) > 0 for array in reference)
    for loop, arrays in outputs.items():
        assert len(arrays) == len(reference)
        for array, expected in zip(arrays, reference):
            # One library, one set of threads: only the order of a float sum could differ.
            np.testing.assert_allclose(array, expected, rtol=1e-5, atol=1e-6, err_msg=loop)


def _sure(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Keep the detections above a score of one half: below, near-equal ones swap their places."""
    if len(arrays) == 1:
        return arrays
    boxes, classes, scores, _ = arrays
    sure = scores[0] > 0.5
    return [boxes[0][sure], classes[0][sure], scores[0][sure]]


@pytest.mark.parametrize("key", TFLITE_MODELS)
def test_tflite_runtimes_agree(key: str, shared_data: Path) -> None:
    results = {}
    for name in TFLITE_RUNTIMES:
        try:
            results[name] = outputs_of_every_loop(name, shared_data / key, shared_data, key)
        except pytest.skip.Exception:
            continue
    if len(results) < 2:
        pytest.skip(f"only {list(results)} of the TFLite runtimes is here: nothing to compare")
    native = {name: outputs["native"] for name, outputs in results.items()}
    reference_name = next(iter(native))
    for name, arrays in native.items():
        for array, expected in zip(_sure(arrays), _sure(native[reference_name])):
            _assert_agree(array, expected, f"{name} against {reference_name}")


def _assert_agree(array: np.ndarray, expected: np.ndarray, words: str) -> None:
    if array.dtype.kind in "iu":
        # tflite-runtime runs quantised nodes on built-in kernels, the others on XNNPACK: they round
        # requantisation differently in each of up to 50 layers. Seen: 3 steps of 255.
        distance = np.abs(array.astype(int) - expected.astype(int))
        assert distance.max() <= 5, words
        assert array.argmax() == expected.argmax(), words
    else:
        # Float kernels of different versions; the SSD's boxes come from an int8 body: a few steps
        # of its scores, 1/256 each (seen: 3).
        np.testing.assert_allclose(array, expected, rtol=1e-3, atol=2e-2, err_msg=words)


def test_resnet20_is_the_same_in_onnxruntime_and_torch(shared_data: Path) -> None:
    onnx = outputs_of_every_loop(
        "onnxruntime", shared_data / RESNET20_ONNX, shared_data, RESNET20_ONNX
    )
    torch = outputs_of_every_loop(
        "torch", shared_data / RESNET20_TORCH, shared_data, RESNET20_TORCH
    )
    # The same weights through two sets of float32 kernels.
    np.testing.assert_allclose(onnx["native"][0], torch["framework"][0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("command", ["bench", "overhead"])
@pytest.mark.parametrize(("key", "name"), CASES)
def test_command_on_a_real_model(
    command: str, key: str, name: str, shared_data: Path, command_line: Any
) -> None:
    python = interpreter(name)
    options = [] if python is None else ["--python", python]
    if key in SHAPES:
        options += ["--shape", "1x3x32x32"]
    done = command_line(
        command, str(shared_data / key), "--runtime", name, "--effort", "quick", "--json", "-",
        *options,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    loops = list(runtime(name).loops)
    assert list(result["loops"]) == (
        loops if command == "overhead" else loops[:1] if "native" in loops else ["framework"]
    )
    for loop, summary in result["loops"].items():
        assert summary["median_ns"] > 0, loop
        # Five seconds for five loops of up to 100 ms, on a machine that others use too.
        assert summary["n"] >= 1, loop
    assert result["runtime"]["name"] == name
    assert result["model"]["sha256"]
    if command == "overhead":
        # Over another instance a difference needs five processes, or says that it has too few.
        for loop, same in result["overhead"]["same_instance"].items():
            found = result["overhead"]["loops"][loop]
            enough = same or len(result["invocations"]) >= 5
            assert (found["difference_ns"] is not None) == enough, found


ACCURACIES = [
    # The figures of the data's manifest; the tolerance is one sample per hundred for quantised
    # models, whose kernels differ by CPU, and one in all for float ones.
    (RESNET8, "litert", DATA[RESNET8][0], 751, 1000, 1),
    (RESNET8_INT8, "litert", DATA[RESNET8][0], 752, 1000, 5),
    (MOBILENET, "litert", "imagenet_mobilenet/imagenet100_uint8_nhwc_224_y1001.npz", 86, 100, 1),
    (MOBILENET, "litert", "imagenet_mobilenet/imagenet20_float32_nhwc_224_pm1_y1001.npz",
     18, 20, 1),
    (MOBILENET_ONNX, "onnxruntime", DATA[MOBILENET_ONNX][0], 26, 40, 1),
    (RESNET20_ONNX, "onnxruntime", DATA[RESNET20_ONNX][0], 399, 500, 1),
    (RESNET20_TORCH, "torch", DATA[RESNET20_TORCH][0], 399, 500, 1),
]  # fmt: skip


@pytest.mark.parametrize(("key", "name", "data", "correct", "n", "tolerance"), ACCURACIES)
def test_accuracy_on_the_engine_that_was_timed(
    key: str, name: str, data: str, correct: int, n: int, tolerance: int,
    shared_data: Path, command_line: Any,
) -> None:  # fmt: skip
    interpreter(name)
    options = ["--shape", "1x3x32x32"] if key in SHAPES else []
    done = command_line(
        "bench", str(shared_data / key), "--runtime", name, "--data", str(shared_data / data),
        "--runs", "5", "--json", "-", *options,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    accuracy = json.loads(done.stdout)["accuracy"]
    assert accuracy["n"] == n
    assert abs(accuracy["correct"] - correct) <= tolerance
