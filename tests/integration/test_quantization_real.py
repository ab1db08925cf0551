"""ResNet-20 and TensorFlow models to int8, from end to end: within one point of the float model."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgeloop.envs.managed import python_of

PYTHON = python_of("convert")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        PYTHON is None, reason="the managed environment is not here: edgeloop setup convert"
    ),
]

NETWORK = Path(__file__).parent / "models" / "resnet20.py"
FLOAT_CORRECT, SAMPLES = 399, 500
ONE_POINT = SAMPLES // 100


@pytest.fixture(scope="module")
def cifar(shared_data, tmp_path_factory) -> dict[str, str]:
    """Calibration images that are not among the 500 that the accuracy is taken on."""
    folder = shared_data / "cifar10_resnet"
    with np.load(folder / "cifar10_test1000_uint8_nhwc.npz") as arrays:
        pixels = arrays["x_data"][SAMPLES:]
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    images = ((pixels / 255 - mean) / std).astype(np.float32).transpose(0, 3, 1, 2)
    train = tmp_path_factory.mktemp("cifar") / "train.npz"
    np.savez(train, x_data=images)
    return {
        "train": str(train),
        "test": str(folder / "cifar10_test500_float32_nchw_norm.npz"),
        "onnx": str(folder / "resnet20.onnx"),
        "weights": str(folder / "resnet20_state_dict.pth"),
    }


@pytest.fixture
def report(command_line):
    """Run `edgeloop quantize` and return its report."""
    command_line.environment["EDGELOOP_ENVS"] = str(Path(PYTHON).parents[2])

    def run(*arguments: str):
        done = command_line("quantize", *arguments, "--json", "-", timeout_s=280)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    run.folder = command_line.folder
    return run


def holds(found, precision: str) -> None:
    assert found["verification"]["passed"] is True
    assert found["precision"] == precision
    accuracy = found["quantization"]["accuracy"]
    assert accuracy["before"]["correct"] == pytest.approx(FLOAT_CORRECT, abs=1)
    assert accuracy["after"]["correct"] == pytest.approx(FLOAT_CORRECT, abs=ONE_POINT)
    assert found["bytes"] < 0.35 * found["quantization"]["baseline"]["bytes"]


@pytest.mark.parametrize("purpose", ["onnxruntime", "tensorrt"])
def test_resnet20_becomes_an_int8_onnx_model(purpose, report, cifar) -> None:
    found = report(
        cifar["onnx"], "--method", "int8", "--for", purpose,
        "--representative-data", cifar["train"], "--data", cifar["test"], "--no-measure",
    )  # fmt: skip
    holds(found, "int8")


def test_resnet20_becomes_an_int8_tflite_model(report, cifar) -> None:
    found = report(
        cifar["weights"], "--model-class-path", str(NETWORK), "--model-class-name", "ResNet20",
        "--shape", "1x3x32x32", "--to", "tflite", "--method", "int8",
        "--representative-data", cifar["train"], "--data", cifar["test"], "--debug-layers",
    )  # fmt: skip
    holds(found, "int8")
    assert len(found["quantization"]["layers"]) > 20
    assert found["quantization"]["latency"]["runtime"] == "litert"


# A network with the operator that has no 16x8 kernel, trained for a moment.
_KERAS = """
import sys, numpy as np, keras
folder, data = sys.argv[1:]
arrays = np.load(data)
x, y = arrays["x_data"].astype(np.float32), arrays["y_data"]
keras.utils.set_random_seed(0)
layers = keras.layers
model = keras.Sequential([
    layers.Input((8, 8, 1)), layers.Rescaling(1 / 16), layers.Conv2D(8, 3, padding="same"),
    layers.Activation("hard_silu"), layers.Flatten(), layers.Dense(10),
])
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(True))
model.fit(x, y, epochs=8, verbose=0, batch_size=16)
model.export(folder + "/saved", verbose=False)
"""


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory) -> Path:
    from edgeloop.demo import ASSETS

    folder = tmp_path_factory.mktemp("keras")
    subprocess.run(
        [PYTHON, "-c", _KERAS, folder, ASSETS / "digits_test.npz"], check=True, capture_output=True
    )
    return folder / "saved"


@pytest.mark.parametrize(
    ("precision", "io"),
    [("int8", "int8"), ("int8", "uint8"), ("int8", "float32"), ("int16x8", None),
     ("dynamic", None), ("fp16", None)],
)  # fmt: skip
def test_a_saved_model_is_quantised_by_tensorflow(precision, io, saved_model, report) -> None:
    from edgeloop.demo import ASSETS

    data = str(ASSETS / "digits_test.npz")
    given = ["--representative-data", data] if precision in ("int8", "int16x8") else []
    chosen = [] if io is None else ["--io", io]
    found = report(
        str(saved_model), "--method", precision, *given, *chosen, "--data", data, "--no-measure"
    )
    assert found["verification"]["passed"] is True
    quantization = found["quantization"]
    assert quantization["tool"] == "TensorFlow's converter"
    assert quantization["io"] == (io or "float32")
    before, after = (quantization["accuracy"][side]["accuracy"] for side in ("before", "after"))
    assert after >= before - 0.02  # 540 images, of which a handful lie between two classes
    if precision == "int16x8":
        assert any("HARD_SWISH" in note for note in quantization["notes"])
        assert any(one["code"] == "reference-kernels" for one in quantization["warnings"])
