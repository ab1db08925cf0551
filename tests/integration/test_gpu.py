"""On a real NVIDIA GPU: the clock stops when the device is done, and the result names it.

Everything here is skipped, with the reason, where PyTorch or ONNX Runtime finds no GPU.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeloop.demo import ASSETS
from edgeloop.runtimes import runtime
from edgeloop.spec.load import LoadOptions

SHAPE = (1, 1, 8, 8)
FRAMEWORK_LOOPS = ("callable", "framework", "framework-io")

# A GPU may multiply in TF32, with 10 bits: 1e-3 of values up to 10.
TOLERANCE = 1e-2


@pytest.fixture
def torch_on_cuda() -> Any:
    torch = pytest.importorskip("torch", reason="pip install torch")
    if not torch.cuda.is_available():
        built = torch.version.cuda or "no CUDA"
        pytest.skip(f"PyTorch {torch.__version__}, built for {built}, finds no GPU")
    return torch


@pytest.fixture
def cuda_provider() -> str:
    ort = pytest.importorskip("onnxruntime", reason="pip install onnxruntime-gpu")
    available = ort.get_available_providers()
    if "CUDAExecutionProvider" not in available:
        pytest.skip(f"onnxruntime {ort.__version__} has only {', '.join(available)}")
    try:  # the package lists what it was built with, whether a GPU is there or not
        runtime("onnxruntime").load_framework(
            LoadOptions(str(ASSETS / "digits_float32.onnx"), providers=("cuda",))
        )
    except Exception as error:
        pytest.skip(f"its CUDA provider does not start: {error}")
    return "cuda"


def bench(command_line: Any, *arguments: str) -> dict[str, Any]:
    done = command_line("bench", *arguments, "--runs", "20", "--no-save", "--json", "-")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def outputs(name: str, options: LoadOptions, inputs: list[np.ndarray]) -> list[np.ndarray]:
    framework = runtime(name).load_framework(options)
    framework.set_inputs(inputs)
    framework.invoke()
    bound = framework.outputs()
    framework.invoke_io()
    for ours, theirs in zip(bound, framework.outputs()):
        assert np.abs(ours - theirs).max() < TOLERANCE
    return bound


def sample() -> list[np.ndarray]:
    return [np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)]


def test_nothing_is_left_to_do_when_a_call_of_torch_returns(
    torch_on_cuda: Any, tmp_path: Path
) -> None:
    """Nearly 1 TFLOP of work: the plain module returns before it is done."""
    torch = torch_on_cuda

    class Long(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            for _ in range(50):
                x = torch.tanh(x @ x)
            return x

    path = tmp_path / "long.pt2"
    torch.export.save(torch.export.export(Long(), (torch.zeros(2048, 2048),)), path)
    framework = runtime("torch").load_framework(LoadOptions(str(path), device="cuda"))
    stream = torch.cuda.current_stream()
    for call in (framework.invoke, framework.invoke_io):
        call()
        assert stream.query()
    plain, x = Long().to("cuda"), torch.zeros(2048, 2048, device="cuda")
    with torch.inference_mode():
        plain(x)
        still_at_work = not stream.query()
    torch.cuda.synchronize()
    assert still_at_work  # else the two assertions above could not fail


def test_torch_computes_on_the_gpu_what_it_does_on_the_cpu(torch_on_cuda: Any) -> None:
    model = str(ASSETS / "digits_float32.pt")
    ours, theirs = (
        outputs("torch", LoadOptions(model, shapes={"": SHAPE}, device=device), sample())
        for device in ("cuda", "cpu")
    )
    assert np.abs(ours[0] - theirs[0]).max() < TOLERANCE


def test_a_result_of_torch_names_the_gpu_and_the_wait(
    torch_on_cuda: Any, command_line: Any
) -> None:
    result = bench(
        command_line, str(ASSETS / "digits_float32.pt"), "--runtime", "torch", "--device", "cuda",
        "--shape", "1x1x8x8", "--loops", ",".join(FRAMEWORK_LOOPS),
    )  # fmt: skip
    name = torch_on_cuda.cuda.get_device_name(0)
    assert result["runtime"]["device"] == name
    for loop in FRAMEWORK_LOOPS:
        assert name in result["timed_region"][loop]
        assert "torch.cuda.synchronize('cuda:0')" in result["timed_region"][loop]


def test_onnxruntime_computes_on_the_gpu_what_it_does_on_the_cpu(cuda_provider: str) -> None:
    model = str(ASSETS / "digits_float32.onnx")
    ours = outputs("onnxruntime", LoadOptions(model, providers=(cuda_provider,)), sample())
    theirs = outputs("onnxruntime", LoadOptions(model), sample())
    assert np.abs(ours[0] - theirs[0]).max() < TOLERANCE


def test_a_result_of_onnxruntime_names_the_gpu_and_the_wait(
    cuda_provider: str, command_line: Any
) -> None:
    result = bench(
        command_line, str(ASSETS / "digits_float32.onnx"), "--provider", cuda_provider,
        "--loops", ",".join(("native", *FRAMEWORK_LOOPS)),
    )  # fmt: skip
    assert result["runtime"]["provider"].startswith("CUDAExecutionProvider")
    assert result["runtime"]["device"]
    for words in result["timed_region"].values():
        assert "it returns when CUDAExecutionProvider is done" in words
