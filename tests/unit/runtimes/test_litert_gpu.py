"""LiteRT on a GPU: which library, which options, and loops that wait for the device."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeloop.errors import NotAvailableError, UsageError
from edgeloop.host.cpuinfo import cpu_entries
from edgeloop.runtimes import litert
from edgeloop.runtimes._litert_compiled import LiteRtFramework
from edgeloop.runtimes._litert_gpu import ACCELERATORS, gpu_of
from edgeloop.runtimes.choice.delegates import resolved_delegates
from edgeloop.runtimes.protocol import Installation
from edgeloop.spec.load import LoadOptions, TensorSpec

BOARDS = Path(__file__).parents[2] / "integration" / "arm"


def asked(text: str) -> LoadOptions:
    return LoadOptions(model="m", delegates=(text,))


def test_without_the_gpu_there_is_none(tmp_path: Path) -> None:
    assert gpu_of(LoadOptions(model="m"), tmp_path) is None


def test_the_runtimes_first_library_is_taken(tmp_path: Path) -> None:
    for name in reversed(ACCELERATORS):
        (tmp_path / name).touch()
        found = gpu_of(asked("gpu"), tmp_path)
        assert found is not None
        assert found.library == str(tmp_path / name)
        assert found.settings == {"gpu-library": str(tmp_path / name)}


def test_a_library_or_a_folder_can_be_named(tmp_path: Path) -> None:
    library = tmp_path / ACCELERATORS[-1]
    library.touch()
    for where in (tmp_path, library):
        found = gpu_of(asked(f"gpu={where}:precision=fp32"), Path("/nowhere"))
        assert found is not None
        assert found.described == ("gpu", str(library), (("precision", "fp32"),))
        assert found.settings == {"gpu-library": str(library), "gpu-precision": "fp32"}


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("gpu", NotAvailableError, "is not in /nowhere .*has none; name another"),
        ("gpu=/x/libother.so", UsageError, "by its name .* and libother.so is another"),
        (f"gpu=/x/{ACCELERATORS[0]}", NotAvailableError, "does not exist"),
        ("gpu:precision=int4", UsageError, "does not take precision=int4; it takes precision=fp32"),
        ("gpu:speed=9", UsageError, "does not take speed=9"),
    ],
)
def test_what_cannot_be_is_said(text: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        gpu_of(asked(text), Path("/nowhere"))


def test_xnnpack_runs_what_the_gpu_leaves() -> None:
    names = [one.name for one in resolved_delegates(["gpu"], "litert")]
    assert names == ["gpu", "xnnpack"]
    assert [one.name for one in resolved_delegates(["gpu", "none"], "litert")] == ["gpu"]
    with pytest.raises(UsageError, match="do not go together"):
        resolved_delegates(["gpu", "armnn"], "litert")


def test_a_cpu_that_cannot_load_the_library_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "libLiteRtWebGpuAccelerator.so").touch()
    found = Installation("2.3.0", str(tmp_path / "libLiteRt.so"))
    root = tmp_path / "root"
    (root / "proc").mkdir(parents=True)
    (root / "proc" / "cpuinfo").write_text((BOARDS / "cpuinfo.pi3").read_text())
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(litert, "cpu_entries", lambda: cpu_entries(root))
    monkeypatch.setattr(litert.LiteRtRuntime, "find", lambda self, library=None: found)
    with pytest.raises(NotAvailableError, match=r"needs ARMv8\.1's atomics, which this CPU lacks"):
        litert.RUNTIME.delegate_libraries(asked("gpu"))


class QueuedModel:
    """A compiled model on a GPU: running queues the work, and reading an output does it."""

    def __init__(self) -> None:
        self.queued = 0

    def get_signature_list(self) -> dict[str, Any]:
        return {"main": {"inputs": ["x"], "outputs": ["y"]}}

    def get_input_tensor_details(self, key: str) -> dict[str, Any]:
        return {"x": {"index": 0, "shape": (1,)}}

    def get_output_tensor_details(self, key: str) -> dict[str, Any]:
        return {"y": {"index": 1, "shape": (1,)}}

    def create_input_buffers(self, signature: int) -> list[Any]:
        return [QueuedBuffer(self)]

    create_output_buffers = create_input_buffers

    def run_by_index(self, signature: int, inputs: list[Any], outputs: list[Any]) -> None:
        self.queued += 1


class QueuedBuffer:
    def __init__(self, model: QueuedModel) -> None:
        self._model = model

    def write(self, array: Any) -> None:
        pass

    def read(self, count: int, dtype: Any) -> Any:
        self._model.queued = 0
        return np.zeros(count, dtype)


@pytest.mark.parametrize(("gpu", "left"), [(True, 0), (False, 1)])
def test_a_loop_on_a_gpu_ends_when_the_work_is_done(gpu: bool, left: int) -> None:
    model = QueuedModel()
    spec = TensorSpec("x", "float32", (1,))
    framework = LiteRtFramework(model, [spec], [spec], gpu=gpu)
    framework.invoke()
    assert model.queued == left
    framework.invoke_io()
    assert model.queued == 0
    assert ("over when they are read" in framework.timed_region.get("framework", "")) == gpu
