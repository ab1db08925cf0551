"""`--delegate gpu`: LiteRT's accelerator on a real Vulkan device, TensorFlow's by a stand-in.

A software device does where there is no GPU: SwiftShader, which comes with Chromium. LiteRT's
WebGPU takes it as any other.
"""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeloop
from edgeloop.demo import ASSETS
from edgeloop.errors import NotAvailableError, RuntimeFailedError, UsageError
from edgeloop.runtimes import runtime
from edgeloop.spec.load import LOOPS
from edgeloop.worker.client import WorkerClient
from edgeloop.worker.requests import Load, Outputs

MODEL = ASSETS / "digits_float32.tflite"
DATA = ASSETS / "digits_test.npz"
SWIFTSHADER = [
    Path("/usr/lib/chromium/vk_swiftshader_icd.json"),
    Path("/usr/lib64/chromium-browser/vk_swiftshader_icd.json"),
]


def require(name: str) -> None:
    try:
        runtime(name).find()
    except NotAvailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def vulkan(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Make SwiftShader the only Vulkan device of the processes that the test starts."""
    require("litert")
    folder = Path(runtime("litert").find().library or "").parent
    if not list(folder.glob("libLiteRt*GpuAccelerator.so")):
        pytest.skip(f"this build of ai-edge-litert has no accelerator for the GPU: {folder}")
    try:
        ctypes.CDLL("libvulkan.so.1")
    except OSError as error:
        pytest.skip(f"no Vulkan loader is here (Debian: libvulkan1): {error}")
    found = [str(path) for path in SWIFTSHADER if path.is_file()]
    if not found:
        pytest.skip("no SwiftShader is here; it comes with Chromium (Debian: chromium)")
    monkeypatch.setenv("VK_ICD_FILENAMES", found[0])
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return found[0]


def outputs(delegates: list[str], loop: str, model: Path = MODEL) -> tuple[Any, dict[str, Any]]:
    """Load the model in a worker, run it once in a loop; return its output and the answer."""
    worker = WorkerClient(sys.executable, 120.0)
    try:
        options = {"model": str(model), "delegates": delegates}
        loaded = worker.request(Load("litert", options, [loop]), "loading the model").body
        answer = worker.request(Outputs(loop), "running the model")
        (spec,) = answer.body["outputs"]
        values = np.frombuffer(answer.frames[0], dtype=spec["dtype"]).reshape(spec["shape"])
        return values, loaded
    finally:
        worker.close()


@pytest.mark.usefixtures("vulkan")
@pytest.mark.parametrize("loop", ["native", "callable", "framework", "framework-io"])
@pytest.mark.parametrize("gpu", ["gpu", "gpu:precision=fp32"])
def test_the_gpu_computes_what_the_cpu_does(loop: str, gpu: str) -> None:
    on_cpu, _ = outputs(["xnnpack"], loop)
    on_gpu, loaded = outputs([gpu, "xnnpack"], loop)
    # Another order of adding: a few units of float32's last place, of values up to 10.
    np.testing.assert_allclose(on_gpu, on_cpu, atol=1e-4)
    name, library, _ = loaded["delegate_libraries"][0]
    assert (name, Path(library).is_file()) == ("gpu", True)
    assert ("GPU" in (loaded["device"] or "")) == (loop == "native")


@pytest.mark.usefixtures("vulkan")
def test_every_node_runs_on_the_gpu_and_every_loop_waits_for_it(command_line: Any) -> None:
    done = command_line(
        "overhead", str(MODEL), "--runtime", "litert", "--delegate", "gpu",
        "--effort", "quick", "--no-save", "--json", "-",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    gpu, xnnpack = document["placement"]["delegates"]
    assert (gpu["name"], gpu["nodes"], gpu["share_macs"]) == ("gpu", 9, 1.0)
    assert gpu["owners"] == ["LITERT_WEBGPU"]
    assert xnnpack["nodes"] == 0
    assert document["runtime"]["device"] == "GPU"
    assert set(document["loops"]) == set(LOOPS)
    regions = document["timed_region"]
    assert "the copies to the GPU and back are in it" in regions["native"]
    assert "over when they are read" in regions["framework"]


@pytest.mark.usefixtures("vulkan")
def test_the_data_set_is_classified_on_the_gpu() -> None:
    options: dict[str, Any] = {"runtime": "litert", "threads": 1}
    on_gpu = edgeloop.evaluate(MODEL, DATA, delegate="gpu", **options)
    on_cpu = edgeloop.evaluate(MODEL, DATA, **options)
    assert on_gpu.summary["accuracy"]["correct"] == on_cpu.summary["accuracy"]["correct"]


def test_no_gpu_is_a_sentence_with_the_runtimes_own_words(
    command_line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    require("litert")
    monkeypatch.setenv("VK_ICD_FILENAMES", "/nonexistent.json")
    done = command_line(
        "bench", str(MODEL), "--runtime", "litert", "--delegate", "gpu", "--no-save"
    )
    assert done.returncode == RuntimeFailedError.exit_code, done.stderr
    assert "for the GPU" in done.stderr
    assert "its last output:" in done.stderr


@pytest.mark.parametrize("name", ["tflite", "tflite-runtime"])
@pytest.mark.parametrize(("options", "more"), [("", 1), (":precision=fp32", 1),
                                               (":precision=fp16", 101)])  # fmt: skip
def test_tensorflows_gpu_delegate_is_made_by_its_own_functions(
    name: str, options: str, more: int, tiny: Any, tmp_path: Path, gpu_delegate: str,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    path = tmp_path / "two.tflite"
    path.write_bytes(tiny.two_inputs())
    said: dict[str, Any] = {"runtime": name, "threads": 1, "effort": "quick", "budget_s": 1.0}
    if name == "tflite-runtime":
        said["python"] = request.getfixturevalue("tflite_runtime_python")
    else:
        require(name)
    found = edgeloop.coverage(str(path), delegate=[f"gpu={gpu_delegate}{options}", "none"], **{
        key: value for key, value in said.items() if key not in ("effort", "budget_s")
    })  # fmt: skip
    (gpu,) = found["placement"]["delegates"]
    assert (gpu["name"].partition("=")[0], gpu["nodes"]) == ("gpu", 1)
    assert more


def test_an_option_that_the_gpu_delegate_does_not_take(
    tiny: Any, tmp_path: Path, gpu_delegate: str, command_line: Any
) -> None:
    require("tflite")
    path = tmp_path / "two.tflite"
    path.write_bytes(tiny.two_inputs())
    done = command_line(
        "bench", str(path), "--runtime", "tflite", "--delegate", f"gpu={gpu_delegate}:speed=9"
    )
    assert done.returncode == UsageError.exit_code, done.stderr
    assert "does not take speed=9; it takes precision=fp16 or fp32" in done.stderr
