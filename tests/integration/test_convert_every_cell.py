"""The digits network from every form to every format that this machine can write."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeloop
from edgeloop.conversion.edge import ConversionOptions
from edgeloop.conversion.run import ConversionSpec, convert
from edgeloop.demo import ASSETS
from edgeloop.measure.observer import Silence
from edgeloop.spec.inputs import InputSource

MODELS = Path(__file__).parent / "models"
SHAPE: dict[str, Any] = {"shapes": {"": (1, 1, 8, 8)}}
CLASS: dict[str, Any] = {
    "model_class_path": str(MODELS / "digits_net.py"),
    "model_class_name": "Digits",
}

# Form → what has to be said of it.
FORMS: dict[str, dict[str, Any]] = {
    "digits_state.pth": {**SHAPE, **CLASS},
    "digits_module.pth": {**SHAPE, **CLASS, "trust_pickle": True},
    "digits_export.pt2": {},
    "digits_float32.pt": SHAPE,
    "digits_float32.onnx": {},
    "digits_savedmodel": {},
    "digits.keras": {},
    "digits.h5": {},
    "digits_float32.tflite": {},
}
TENSORFLOW = ("digits_savedmodel", "digits.keras", "digits.h5")
ONNX, TFLITE = "digits_float32.onnx", "digits_float32.tflite"
BEFORE_TENSORFLOW = [form for form in FORMS if form not in (*TENSORFLOW, TFLITE)]
CELLS = [
    *((form, "onnx", ()) for form in FORMS if form != ONNX),
    *((form, "savedmodel", ()) for form in BEFORE_TENSORFLOW),
    *((form, "tflite", ()) for form in FORMS if form != TFLITE),
    *((form, "tflite", ("savedmodel",)) for form in BEFORE_TENSORFLOW),
]

# The demo's own accuracy on the 540 images of its data set; float32 in another order may move one.
CORRECT, SAMPLES = 539, 540

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("convert_python"),
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="session")
def forms(convert_python, tmp_path_factory):
    """A folder with the network in every form."""
    folder = tmp_path_factory.mktemp("forms")
    script = [convert_python, str(MODELS / "digits_sources.py"), str(folder), str(ASSETS)]
    done = subprocess.run(script, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def name_of(cell: Any) -> str:
    return "-".join(cell) if isinstance(cell, tuple) else str(cell)


@pytest.mark.parametrize(("form", "target", "via"), CELLS, ids=name_of)
def test_a_cell(forms: Path, form: str, target: str, via: tuple[str, ...], tmp_path: Path) -> None:
    report = convert(
        ConversionSpec(
            model=str(forms / form),
            target=target,
            out=str(tmp_path / "result"),
            via=via,
            options=ConversionOptions(**FORMS[form]),
            inputs=InputSource(0),
        ),
        Silence(),
    )
    verification = report.verification
    assert verification.passed, (verification.faults, verification.reason)
    assert verification.samples >= 8
    if target == "savedmodel":  # no runtime of edgeloop's measures it: verified is all there is
        return
    shape = edgeloop.inspect(report.path).inputs[0].shape
    data = tmp_path / "digits.npz"
    with np.load(ASSETS / "digits_test.npz") as arrays:
        images = arrays["x_data"].astype(np.float32)
        if shape == (1, 1, 8, 8):
            images = images.transpose(0, 3, 1, 2)
        np.savez(data, x_data=images, y_data=arrays["y_data"])
    accuracy = edgeloop.evaluate(report.path, data, threads=1).summary["accuracy"]
    assert accuracy["n"] == SAMPLES
    assert accuracy["correct"] == pytest.approx(CORRECT, abs=1)
