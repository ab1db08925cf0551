"""PyTorch on a GPU, with a stand-in for the package: the clock stops when the device is done."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgeloop.errors import NotAvailableError, UsageError
from edgeloop.measure.loaded import LoadedModel
from edgeloop.runtimes import runtime
from edgeloop.runtimes.torch_framework import (
    TorchFramework,
    device_name,
    require_device,
    require_form,
)
from edgeloop.spec.load import LoadOptions, TensorSpec


class Tensor:
    """A tensor that notes where it goes."""

    dtype = "torch.float32"

    def __init__(self, events: list[str]) -> None:
        self._events = events

    def to(self, device: str) -> Tensor:
        self._events.append(f"to {device}")
        return self

    def cpu(self) -> Tensor:
        self._events.append("cpu")
        return self

    def numpy(self) -> Any:
        return np.zeros(1, np.float32)

    def copy_(self, other: object) -> None:
        del other


def stand_in(events: list[str], devices: int = 1, cuda: str | None = "12.6") -> Any:
    """A torch package whose device works until somebody waits for it."""
    return SimpleNamespace(
        __version__="2.13.0",
        Tensor=Tensor,
        float32="float32",
        inference_mode=nullcontext,
        zeros=lambda shape, dtype, device: Tensor(events),
        from_numpy=lambda array: Tensor(events),
        version=SimpleNamespace(cuda=cuda),
        cuda=SimpleNamespace(
            synchronize=lambda device: events.append(f"synchronize {device}"),
            is_available=lambda: devices > 0,
            device_count=lambda: devices,
            get_device_name=lambda device: f"GPU of {device}",
        ),
    )


def framework(events: list[str], device: str, name: str | None = "GPU") -> TorchFramework:
    def module(*tensors: Tensor) -> Tensor:
        events.append("queue")
        return tensors[0]

    return TorchFramework(
        stand_in(events),
        module,
        [TensorSpec("x", "float32", (1,))],
        device=device,
        device_name=name,
    )


def test_a_call_ends_with_the_wait_for_the_device() -> None:
    events: list[str] = []
    framework(events, "cuda:1").invoke()
    assert events == ["queue", "synchronize cuda:1"]


def test_inputs_and_outputs_go_by_way_of_the_device() -> None:
    events: list[str] = []
    framework(events, "cuda:0").invoke_io()
    assert events == ["to cuda:0", "queue", "cpu", "synchronize cuda:0"]


def test_the_cpu_waits_for_nothing() -> None:
    events: list[str] = []
    loaded = framework(events, "cpu")
    loaded.invoke()
    loaded.invoke_io()
    assert events == ["queue", "queue"]


def test_the_timed_region_names_the_device_and_the_wait() -> None:
    regions = framework([], "cuda:0").timed_region
    assert set(regions) == {"callable", "framework", "framework-io"}
    for words in regions.values():
        assert "GPU" in words
        assert "torch.cuda.synchronize('cuda:0')" in words
    assert all("synchronize" not in words for words in framework([], "cpu").timed_region.values())


def test_the_result_names_the_gpu_and_no_cpu() -> None:
    assert framework([], "cuda:0").device == "GPU"
    on_cpu = TorchFramework(stand_in([]), tuple, [TensorSpec("x", "float32", (1,))])
    assert on_cpu.device is None


def test_a_loaded_model_tells_its_gpu() -> None:
    for device, name in (("cuda:0", "GPU"), ("cpu", None)):
        loaded = LoadedModel(runtime("torch"), 4, framework=framework([], device, name))
        assert loaded.device(LoadOptions("model.pt")) == name


def test_devices_are_named_by_number() -> None:
    torch = stand_in([], devices=2)
    assert [require_device(torch, name) for name in (None, "cpu", "cuda", "cuda:1")] == [
        *("cpu", "cpu", "cuda:0", "cuda:1")
    ]
    assert device_name(torch, "cuda:1") == "GPU of cuda:1"
    assert device_name(torch, "cpu") is None


@pytest.mark.parametrize(
    ("devices", "cuda", "words"),
    [(0, None, "built without CUDA"), (0, "12.6", "no usable GPU"), (2, "12.6", "no cuda:7")],
)
def test_a_device_that_is_not_there(devices: int, cuda: str | None, words: str) -> None:
    with pytest.raises(NotAvailableError, match=words):
        require_device(stand_in([], devices, cuda), "cuda:7")


def test_a_device_of_another_form() -> None:
    for name in ("gpu", "cuda:x", "cuda:"):
        with pytest.raises(UsageError, match="unknown device"):
            require_form(name)
