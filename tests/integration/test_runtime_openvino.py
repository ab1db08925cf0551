"""OpenVINO: what its loops compute, its formats, precisions and devices, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Optional

import pytest

from edgeloop.demo import ASSETS
from edgeloop.envs.managed import python_of

DIGITS = str(ASSETS / "digits_float32.onnx")
QUANTIZED = str(ASSETS / "digits_int8.tflite")
DATA = [str(ASSETS / "digits_test.npz"), "--data-layout", "nhwc"]
PYTHON: Optional[str] = sys.executable if find_spec("openvino") else python_of("openvino")

pytestmark = pytest.mark.skipif(PYTHON is None, reason="run 'edgeloop setup openvino'")

LOOPS = ("native", "binding", "callable", "framework", "framework-io")


@pytest.fixture
def openvino(command_line: Any) -> Any:
    """The command line with the runtime, and the environment openvino of this machine."""
    if "EDGELOOP_ENVS" in os.environ:
        command_line.environment["EDGELOOP_ENVS"] = os.environ["EDGELOOP_ENVS"]

    def run(*arguments: str) -> Any:
        return command_line(*arguments, "--runtime", "openvino")

    run.folder = command_line.folder  # type: ignore[attr-defined]
    return run


@pytest.fixture
def ir(tmp_path: Path) -> Path:
    """The demo's model as an IR."""
    code = (
        "import sys; sys.modules['openvino_telemetry'] = None; import openvino;"
        "openvino.save_model(openvino.Core().read_model(sys.argv[1]), sys.argv[2], False)"
    )
    target = tmp_path / "digits.xml"
    assert PYTHON is not None
    subprocess.run([PYTHON, "-c", code, DIGITS, str(target)], check=True)
    return target


def _correct(done: Any) -> int:
    assert done.returncode == 0, done.stderr
    return int(json.loads(done.stdout)["accuracy"]["correct"])


@pytest.mark.parametrize("loop", LOOPS)
def test_every_loop_has_the_accuracy_of_the_model(loop: str, openvino: Any) -> None:
    done = openvino("eval", DIGITS, *DATA, "--json", "-", "--loops", loop)
    # 539 of 540 in ONNX Runtime; sums in another order may turn one.
    assert abs(_correct(done) - 539) <= 1


def test_shared_memory_changes_nothing_but_the_copies(openvino: Any) -> None:
    arguments = ["eval", DIGITS, *DATA, "--json", "-", "--loops", "framework-io"]
    copied = _correct(openvino(*arguments))
    assert _correct(openvino(*arguments, "--set", "shared-memory=1")) == copied


def test_an_ir_is_the_model_that_it_was_made_from(ir: Path, openvino: Any) -> None:
    assert abs(_correct(openvino("eval", str(ir), *DATA, "--json", "-")) - 539) <= 1


@pytest.mark.parametrize("loop", ["native", "framework"])
def test_a_quantised_tflite_model_keeps_its_scales(loop: str, openvino: Any) -> None:
    done = openvino("eval", QUANTIZED, *DATA, "--json", "-", "--loops", loop)
    # OpenVINO's int8 kernels round otherwise than TensorFlow Lite's.
    assert abs(_correct(done) - 539) <= 6


@pytest.mark.parametrize("loop", ["native", "framework"])
def test_the_executed_precision_is_what_openvino_reports(
    loop: str, openvino: Any, tmp_path: Path
) -> None:
    done = openvino("bench", DIGITS, "--runs", "3", "--loops", loop, "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    header = json.loads(next(tmp_path.glob("*.jsonl")).read_text().splitlines()[0])
    assert header["runtime"]["executed_precision"] == "fp32"
    assert header["runtime"]["executed_precision_reason"] == "reported by the runtime"


def test_the_profile_has_the_kernels(openvino: Any) -> None:
    done = openvino("profile", DIGITS, "--effort", "quick", "--json", "-")
    assert done.returncode == 0, done.stderr
    kinds = {one["operator"] for one in json.loads(done.stdout)["profile"]["operators"]}
    assert {"Convolution"} <= kinds


def test_nothing_is_sent_and_no_telemetry_is_imported() -> None:
    code = (
        "import sys; from edgeloop.runtimes.openvino import import_package; import_package();"
        "assert sys.modules['openvino_telemetry'] is None"
    )
    assert PYTHON is not None
    subprocess.run([PYTHON, "-c", code], check=True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--device", "GPU"], 3, "for the device GPU"),
        (["--device", "FPGA"], 3, "for the device FPGA"),
        (["--device", "FPGA", "--loops", "framework"], 3, "for the device FPGA"),
        (["--threads", "1000"], 2, "run it with --threads"),
        (["--set", "precision=fp8"], 2, "is not one of fp32, fp16, bf16, auto"),
        (["--set", "pinning=maybe"], 2, "is neither 0 nor 1"),
        (["--library", "LIBZ"], 3, "it is another library"),
    ],
)
def test_what_it_refuses(arguments: list[str], code: int, words: str, openvino: Any) -> None:
    found = [_any_library() if word == "LIBZ" else word for word in arguments]
    done = openvino("bench", DIGITS, "--runs", "3", *found)
    assert (done.returncode, done.stderr.count("Traceback")) == (code, 0), done.stderr
    assert words in done.stderr


def test_an_ir_without_weights_or_damaged(ir: Path, openvino: Any) -> None:
    whole = ir.with_suffix(".bin").read_bytes()
    ir.with_suffix(".bin").write_bytes(whole[: len(whole) // 2])
    cut = openvino("bench", str(ir), "--runs", "3")
    assert (cut.returncode, "weights" in cut.stderr) == (4, True), cut.stderr
    ir.with_suffix(".bin").unlink()
    missing = openvino("bench", str(ir), "--runs", "3")
    assert missing.returncode == 4
    assert "needs its weights beside it, in digits.bin" in missing.stderr
    ir.write_bytes(ir.read_bytes()[:2000])
    garbage = openvino("bench", str(ir), "--runs", "3")
    assert garbage.returncode == 4, garbage.stderr


def _any_library() -> str:
    """Return a shared library that is not OpenVINO's: the extension module of this package."""
    from edgeloop import _core

    return str(_core.__file__)
