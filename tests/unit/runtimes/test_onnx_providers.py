"""ONNX Runtime's execution providers: which GPU the result names."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeloop.errors import NotAvailableError
from edgeloop.runtimes import cuda_runtime as _cuda_runtime
from edgeloop.runtimes import nvidia_libraries as _nvidia_libraries
from edgeloop.runtimes._onnx_providers import provider_device
from edgeloop.spec.delegates import DelegateSpec
from edgeloop.spec.load import LoadOptions


class Cuda:
    """A CUDA runtime with two GPUs."""

    def __init__(self, path: Path) -> None:
        assert path == Path("libcudart.so")

    def device_name(self, number: int = 0) -> str:
        return ("Orin", "Thor")[number]


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cuda_runtime, "CudaRuntime", Cuda)
    monkeypatch.setattr(_nvidia_libraries, "find_cudart", lambda: Path("libcudart.so"))


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(
    ("providers", "device"),
    [
        ((), None),
        ((DelegateSpec("xnnpack"),), None),
        ((DelegateSpec("rocm", options={"device_id": "0"}),), None),  # no device of CUDA's
        ((DelegateSpec("cuda"),), "Orin"),
        ((DelegateSpec("tensorrt", options={"device_id": "1"}), DelegateSpec("cuda")), "Thor"),
    ],
)
def test_the_gpu_of_a_cuda_provider_is_named(
    providers: tuple[DelegateSpec, ...], device: str | None
) -> None:
    assert provider_device(LoadOptions("model.onnx", providers=providers)) == device


def test_a_gpu_without_a_name_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise NotAvailableError("no libcudart.so was found")

    monkeypatch.setattr(_nvidia_libraries, "find_cudart", nowhere)
    options = LoadOptions("model.onnx", providers=(DelegateSpec("cuda"),))
    assert provider_device(options) is None
