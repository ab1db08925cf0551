"""Keras models of every style, signatures, and files that are the same every time."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edgeloop.conversion.edge import ConversionOptions
from edgeloop.conversion.run import ConversionSpec, convert
from edgeloop.demo import ASSETS
from edgeloop.errors import ModelError, UsageError
from edgeloop.measure.observer import Silence
from edgeloop.models.identity import identity_of
from edgeloop.models.inspect import inspect_model
from edgeloop.worker.client import WorkerClient

MODELS = Path(__file__).parent / "models"

pytestmark = [pytest.mark.usefixtures("convert_python"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def sources(convert_python, tmp_path_factory):
    folder = tmp_path_factory.mktemp("styles")
    script = [convert_python, str(MODELS / "keras_styles.py"), str(folder)]
    done = subprocess.run(script, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def converted(model, target, out, **options):
    spec = ConversionSpec(str(model), target, str(out), options=ConversionOptions(**options))
    report = convert(spec, Silence())
    assert report.verification.passed, (report.verification.faults, report.verification.reason)
    return report


def names(path):
    summary = inspect_model(path)
    return [one.name for one in summary.inputs], [one.name for one in summary.outputs]


@pytest.mark.parametrize("file", ["sequential.keras", "sequential.h5"])
def test_a_sequential_model(sources, tmp_path, file):
    report = converted(sources / file, "tflite", tmp_path / "m.tflite")
    assert names(report.path) == (["x"], ["scores"])


def test_a_file_of_keras_2(sources, tmp_path):
    report = converted(sources / "keras2.h5", "tflite", tmp_path / "m.tflite")
    assert names(report.path) == (["x"], ["flatten"])


def test_a_subclassed_model_by_the_file_of_its_class(sources, tmp_path):
    model, out = sources / "subclassed.keras", tmp_path / "m.tflite"
    with pytest.raises(ModelError, match="needs the file that defines them"):
        converted(model, "tflite", out)
    report = converted(model, "tflite", out, model_class_path=str(sources / "own_class.py"))
    # Returned as it came in: one tensor, which keeps the name of the input.
    assert names(report.path) == (["features"], ["scores", "features"])
    assert inspect_model(report.path).inputs[0].shape == (1, 4)  # it was built on two samples


def test_a_signature_is_chosen_and_the_choice_is_told(sources, tmp_path):
    model = sources / "signatures"
    report = converted(model, "tflite", tmp_path / "a.tflite")
    assert names(report.path) == (["x"], ["twice"])
    assert any("--set signature=NAME" in note for note in report.notes)
    other = converted(model, "tflite", tmp_path / "b.tflite", settings={"signature": "negate"})
    assert names(other.path) == (["x"], ["minus"])
    with pytest.raises((UsageError, ModelError), match="no signature 'serve'"):
        converted(model, "tflite", tmp_path / "c.tflite", settings={"signature": "serve"})


def test_the_same_model_becomes_the_same_bytes_and_one_order(
    convert_python, sources, tmp_path
) -> None:
    """Maps of protobuf, sets of objects and random numbers have another order in every process."""
    jobs = {
        "savedmodel-to-onnx": (sources / "outputs", "m.onnx"),
        "savedmodel-to-tflite": (sources / "outputs", "m.tflite"),
        "keras-to-savedmodel": (sources / "sequential.keras", "saved"),
        "tflite-to-onnx": (ASSETS / "digits_float32.tflite", "digits.onnx"),
    }
    made: list[dict[str, str]] = []
    for number in range(2):
        folder = tmp_path / str(number)
        with WorkerClient(convert_python, 600, repeatable=True) as worker:
            for edge, (source, name) in jobs.items():
                (folder / edge / "scratch").mkdir(parents=True)
                arguments = {
                    "edge": edge, "source": str(source), "target": str(folder / edge / name),
                    "scratch": str(folder / edge / "scratch"),
                    "options": ConversionOptions().as_dict(),
                }  # fmt: skip
                worker.job("convert", arguments, edge)
            worker.stop()
        made.append({edge: identity_of(folder / edge / name) for edge, (_, name) in jobs.items()})
    assert made[0] == made[1]
    by_number = [f"output_{number}" for number in (0, 1, 2, 5, 7, 10)]
    for name in ("savedmodel-to-onnx/m.onnx", "savedmodel-to-tflite/m.tflite"):
        assert names(tmp_path / "0" / name) == (["a", "z"], by_number)
