"""Every edge of the graph on real models: names, order, layout, verification, accuracy."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeloop import api
from edgeloop.conversion.edge import ConversionOptions
from edgeloop.conversion.faults import facts_of, file_faults
from edgeloop.conversion.run import ConversionSpec, convert
from edgeloop.conversion.verification import Reference, Subject
from edgeloop.demo import ASSETS
from edgeloop.envs.managed import python_of
from edgeloop.measure.observer import Silence
from edgeloop.models.identity import sha256_of
from edgeloop.models.inspect import inspect_model
from edgeloop.models.provenance import layout_of_the_source, read_sidecar
from edgeloop.spec.inputs import InputSource
from edgeloop.spec.load import LoadOptions

MODELS = Path(__file__).parent / "models"
DIGITS = {"shapes": {"": (1, 1, 8, 8)}}
RESNET = {
    "shapes": {"": (1, 3, 32, 32)},
    "model_class_path": str(MODELS / "resnet20.py"),
    "model_class_name": "ResNet20",
}

pytestmark = [pytest.mark.usefixtures("convert_python"), pytest.mark.timeout(900)]


@pytest.fixture(scope="session")
def sources(convert_python, tmp_path_factory):
    """A folder with small models of two inputs and two outputs, of TensorFlow and PyTorch."""
    folder = tmp_path_factory.mktemp("sources")
    script = [convert_python, str(MODELS / "convert_sources.py"), str(folder)]
    subprocess.run(script, check=True, capture_output=True, timeout=300)
    return folder


@pytest.fixture
def run(tmp_path):
    """A function that converts and checks that the result was verified."""

    def run(model, target, *, via=(), inputs=None, **options):
        spec = ConversionSpec(
            model=str(model),
            target=target,
            out=str(tmp_path / "result"),
            via=tuple(via),
            options=ConversionOptions(**options),
            inputs=inputs or InputSource(0),
        )
        before = sha256_of(model)
        report = convert(spec, Silence())
        assert sha256_of(model) == before  # onnx2tf writes into the file that it is given
        verification = report.verification
        assert verification.passed, (verification.faults, verification.reason)
        assert verification.samples >= 8
        assert sorted(path.name for path in tmp_path.iterdir() if path.name[0] == ".") == []
        assert read_sidecar(report.path)["verification"]["passed"]
        return report

    return run


def interface(path):
    summary = inspect_model(path)
    return (
        {tensor.name: tensor.shape for tensor in summary.inputs},
        {tensor.name: tensor.shape for tensor in summary.outputs},
    )


def steps(report):
    return [step.edge for step in report.steps]


def test_torchscript_to_onnx_honours_the_opset(run):
    report = run(ASSETS / "digits_float32.pt", "onnx", opset=13, **DIGITS)
    assert steps(report) == ["torch-to-onnx"]
    assert facts_of(report.path).opset == 13
    assert "the tracing exporter" in " ".join(report.notes)


def test_torch_export_to_onnx_keeps_names_and_order(run, sources):
    report = run(sources / "two.pt2", "onnx")
    inputs, outputs = interface(report.path)
    assert list(inputs) == ["image", "extra"]
    assert list(outputs) == ["output_0", "output_1"]
    assert not facts_of(report.path).external_weights


def test_torch_export_to_tflite_directly(run, sources):
    report = run(sources / "two.pt2", "tflite")
    assert steps(report) == ["torch-to-tflite"]
    inputs, outputs = interface(report.path)
    assert inputs == {"image": (1, 3, 8, 8), "extra": (1, 5)}
    assert outputs == {"output_0": (1, 8, 8, 8), "output_1": (1, 7)}


def test_torch_export_to_tflite_directly_with_the_channels_last(run, sources):
    report = run(sources / "two.pt2", "tflite", via=["direct"], layout="nhwc")
    inputs, _ = interface(report.path)
    assert inputs["image"] == (1, 8, 8, 3)
    assert report.input_layouts == {"image": [0, 2, 3, 1]}


def test_torch_export_to_tflite_through_onnx(run, sources):
    report = run(sources / "two.pt2", "tflite", via=["savedmodel"])
    assert steps(report) == ["torch-to-onnx", "onnx-to-savedmodel", "savedmodel-to-tflite"]
    inputs, outputs = interface(report.path)
    assert inputs == {"image": (1, 3, 8, 8), "extra": (1, 5)}
    assert outputs == {"output_0": (1, 8, 8, 8), "output_1": (1, 7)}
    assert list(outputs) == ["output_0", "output_1"]


def test_onnx_to_tflite_with_the_channels_last_has_no_transposition(run):
    report = run(ASSETS / "digits_float32.onnx", "tflite", via=["savedmodel"], layout="nhwc")
    inputs, outputs = interface(report.path)
    assert inputs == {"input": (1, 8, 8, 1)}
    assert outputs == {"logits": (1, 10)}
    assert "TRANSPOSE" not in facts_of(report.path).operators
    assert layout_of_the_source(report.path) == "nchw"


needs_onnx2tf = pytest.mark.skipif(
    python_of("onnx2tf") is None,
    reason="the managed environment is not here: edgeloop setup onnx2tf (Python 3.12 or 3.13)",
)


@needs_onnx2tf
def test_onnx_to_tflite_without_tensorflow(run):
    report = run(ASSETS / "digits_float32.onnx", "tflite", via=["direct"])
    assert steps(report) == ["onnx-to-tflite"]
    inputs, outputs = interface(report.path)
    assert inputs == {"input": (1, 1, 8, 8)}
    assert outputs == {"logits": (1, 10)}


@needs_onnx2tf
def test_resnet20_to_tflite_without_tensorflow(run, resnet, test500):
    """Of the model with its constants folded, onnx2tf 2.6.9 writes a file that does not run."""
    report = run(resnet / "resnet20.onnx", "tflite", via=["direct"])
    assert steps(report) == ["onnx-to-tflite"]
    assert correct(report.path, test500) == pytest.approx(399, abs=5)


def test_onnx_to_savedmodel(run):
    run(ASSETS / "digits_float32.onnx", "savedmodel")


def test_a_notebook_converts_with_data(tmp_path):
    out = tmp_path / "digits.onnx"
    options = ConversionOptions(opset=13, shapes={"": (1, 1, 8, 8)})
    data = tmp_path / "few.npz"  # random samples make up for the missing ones
    np.savez(data, x_data=np.ones((3, 1, 8, 8), np.float32))
    report = api.convert(
        ASSETS / "digits_float32.pt", "onnx", out=out, options=options, data=str(data)
    )
    assert report.verification.passed
    assert report.verification.samples == 8
    words = f"3 of {data}, which has no more, and 5 of random values, seed 0"
    assert report.verification.origin == words
    assert report.path == str(out)


def test_a_batch_size_is_fixed(run, sources):
    report = run(sources / "two_savedmodel", "tflite", batch_size=2)
    inputs, _ = interface(report.path)
    assert sorted(inputs.values()) == [(2, 5), (2, 8, 8, 3)]


def test_savedmodel_to_onnx(run, sources):
    report = run(sources / "two_savedmodel", "onnx", opset=15)
    assert steps(report) == ["savedmodel-to-onnx"]
    assert facts_of(report.path).opset == 15


@pytest.mark.parametrize(("file", "target"), [("two.keras", "onnx"), ("two.h5", "tflite")])
def test_keras_keeps_names_and_order(run, sources, file, target):
    report = run(sources / file, target)
    inputs, outputs = interface(report.path)
    assert list(inputs) == ["image", "extra"]
    assert list(outputs) == ["zeta", "alpha"]


@pytest.mark.parametrize("file", ["digits_float32.tflite", "digits_int8.tflite"])
def test_tflite_to_onnx(run, file):
    report = run(ASSETS / file, "onnx")
    assert steps(report) == ["tflite-to-onnx"]
    if "int8" in file:
        assert report.verification.precision == "int8"
        assert report.verification.outputs[0].max_abs_error == 0


def correct(path, data, **options):
    """Count the correct answers, on the engine that would be timed."""
    result = api.bench(path, data=str(data), runs=1, warmup=0, threads=1, **options)
    accuracy = result.as_dict()["accuracy"]
    return round(accuracy["accuracy"] * 500)


@pytest.fixture(scope="session")
def resnet(shared_data):
    return shared_data / "cifar10_resnet"


@pytest.fixture(scope="session")
def test500(resnet):
    return resnet / "cifar10_test500_float32_nchw_norm.npz"


def test_resnet20_to_onnx(run, resnet, test500):
    model = resnet / "resnet20_state_dict.pth"
    report = run(model, "onnx", inputs=InputSource(0, str(test500)), **RESNET)
    assert correct(report.path, test500) == pytest.approx(399, abs=5)


@pytest.mark.parametrize("layout", ["keep", "nhwc"])
def test_resnet20_to_tflite_directly(run, resnet, test500, layout):
    model = resnet / "resnet20_state_dict.pth"
    report = run(model, "tflite", via=["direct"], layout=layout, **RESNET)
    # The data stays as it is: the tool knows that it has to be transposed.
    assert correct(report.path, test500) == pytest.approx(399, abs=5)


@pytest.mark.slow
def test_resnet20_to_tflite_through_savedmodel(run, resnet, test500):
    model = resnet / "resnet20_state_dict.pth"
    report = run(model, "tflite", via=["onnx", "savedmodel"], layout="nhwc", **RESNET)
    assert correct(report.path, test500) == pytest.approx(399, abs=5)


@pytest.mark.slow
def test_resnet20_torchscript_to_savedmodel(run, resnet):
    report = run(resnet / "resnet20_torchscript.pt", "savedmodel")
    assert steps(report) == ["torch-to-onnx", "onnx-to-savedmodel"]


def test_an_onnx_file_with_three_channels_needs_no_network(run, resnet, test500):
    # onnx2tf would fetch calibration images for it; a worker that converts cannot.
    report = run(resnet / "resnet20.onnx", "tflite", via=["savedmodel"])
    assert correct(report.path, test500) == pytest.approx(399, abs=5)


def test_bench_converts_first_and_transposes_the_data(command_line, tmp_path, resnet, test500):
    arguments = (
        "bench", str(resnet / "resnet20.onnx"), "--to", "tflite", "--via", "savedmodel",
        "--layout", "nhwc", "--data", str(test500), "--runs", "5", "--json", "-",
    )  # fmt: skip
    done = command_line(*arguments, timeout_s=600)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accuracy"]["accuracy"] == pytest.approx(0.798, abs=0.01)
    assert read_sidecar(str(tmp_path / "resnet20.tflite"))["verification"]["passed"]


# What converters do wrong without a word.


@pytest.fixture(scope="module")
def wrong_onnx2tf(convert_python, tmp_path_factory):
    """An interpreter with the packages of the managed environment and onnx2tf 1.29.24."""
    folder = tmp_path_factory.mktemp("wrong") / "environment"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    asked = [convert_python, "-c", ask]
    packages = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run([convert_python, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "managed.pth").write_text(packages + "\n")
    python = str(folder / "bin" / "python")
    install = [python, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site)]
    done = subprocess.run(
        [*install, "onnx2tf==1.29.24"], check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.skip(f"onnx2tf 1.29.24 cannot be installed: {done.stderr.strip()[-200:]}")
    return python


@pytest.mark.slow
def test_a_converter_that_pads_the_wrong_axis_is_found_out(wrong_onnx2tf, resnet, tmp_path):
    """onnx2tf 1.29.20 to 1.29.24 do with ResNet20's shortcuts; the lock file has 1.29.16."""
    spec = ConversionSpec(
        model=str(resnet / "resnet20.onnx"),
        target="savedmodel",
        out=str(tmp_path / "result"),
        python=wrong_onnx2tf,
    )
    report = convert(spec, Silence())
    assert not report.verification.passed
    assert report.verification.outputs[0].max_abs_error > 1
    assert report.path.endswith(".unverified")


@pytest.fixture
def written(convert_python, tmp_path):
    """A function that lets a converter fail silently and returns its file."""

    def write(case, name):
        target = tmp_path / "scratch" / name
        target.parent.mkdir()
        script = [convert_python, str(MODELS / "convert_silent_failures.py"), case, str(target)]
        done = subprocess.run(script, check=False, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-2000:]  # it says nothing
        return target

    return write


def test_the_exporter_that_writes_another_opset_is_found_out(written):
    path = written("another-opset", "model.onnx")
    facts = facts_of(str(path))
    assert facts.opset == 18
    (fault,) = file_faults(facts, [], opset=13)
    assert fault == "opset 13 was asked for, but the file has opset 18"


def test_weights_in_a_side_file_are_found_out(written):
    path = written("side-file", "model.onnx")
    beside = [item.name for item in path.parent.iterdir() if item != path]
    assert beside == ["model.onnx.data"]
    facts = facts_of(str(path))
    assert facts.external_weights
    assert file_faults(facts, [], parameters=None)


def test_variables_that_were_left_out_are_found_out_in_three_ways(written, tmp_path):
    path = written("unfrozen", "model.tflite")
    faults = " ".join(file_faults(facts_of(str(path)), [], parameters=10_500))
    assert "not frozen" in faults
    assert "cannot hold" in faults
    source = Subject(f"{path}.keras", "keras", LoadOptions(model=f"{path}.keras"))
    reference = Reference(source, InputSource(0), tmp_path, None, 300)
    result = Subject(str(path), "tflite", LoadOptions(model=str(path)))
    verification = reference.verify(result, "fp32", {}, {})
    assert verification.passed is False


def test_another_model_is_found_out(tmp_path):
    source = str(ASSETS / "digits_float32.tflite")
    reference = Reference(
        Subject(source, "tflite", LoadOptions(model=source)), InputSource(0), tmp_path, None, 300
    )
    other = str(ASSETS / "digits_int8.tflite")
    verification = reference.verify(
        Subject(other, "tflite", LoadOptions(model=other)), "fp32", {}, {}
    )
    assert verification.passed is False
    assert verification.faults


def test_a_result_that_does_not_agree_is_kept_under_another_name(command_line, tmp_path):
    onnx = pytest.importorskip("onnx", reason="pip install onnx")
    model = onnx.load(ASSETS / "digits_float32.onnx")
    for item in model.graph.initializer:
        if len(item.dims) == 4:
            values = np.array(onnx.numpy_helper.to_array(item))
            values.flat[0] = np.nan
            item.CopyFrom(onnx.numpy_helper.from_array(values, item.name))
            break
    onnx.save(model, tmp_path / "nan.onnx")
    arguments = ("convert", "nan.onnx", "--to", "savedmodel", "--out", "result")
    done = command_line(*arguments, timeout_s=300)
    assert done.returncode == 0
    assert "WARNING: the result does NOT agree" in done.stderr
    assert "NaN" in done.stderr
    assert not (tmp_path / "result").exists()
    assert (tmp_path / "result.unverified").is_dir()
    shutil.rmtree(tmp_path / "result.unverified")
    assert command_line(*arguments, "--strict", timeout_s=300).returncode == 1
    assert (tmp_path / "result.unverified").is_dir()


def test_the_network_is_refused_to_a_converter():
    code = (
        "from edgeloop.conversion.offline import refuse_network; refuse_network(); "
        "import socket, urllib.request\n"
        "for call in (lambda: socket.create_connection(('127.0.0.1', 9)), "
        "lambda: urllib.request.urlopen('http://example.org')):\n"
        "    try: call()\n"
        "    except OSError as error: print(error)\n"
        "socket.socketpair()[0].close()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.count("a converter") == 2
