"""What a worker imports: no framework for the native loop, and scipy never."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeloop.demo import ASSETS
from edgeloop.errors import NotAvailableError
from edgeloop.runtimes import runtime

TFLITE = ASSETS / "digits_int8.tflite"
ONNX = ASSETS / "digits_float32.onnx"


UNWANTED = {
    "ai_edge_litert",
    "onnxruntime",
    "scipy",
    "tensorflow",
    "tflite_runtime",
    "torch",
    "typer",
}


def require(name: str) -> None:
    try:
        runtime(name).find()
    except NotAvailableError as error:
        pytest.skip(f"{name} is not here: {error}")


@pytest.fixture
def imported(
    start_worker: Any, fake_runtime: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., set[str]]:
    """Load a model in a worker and return the modules that it has imported at its end."""
    path = tmp_path / "modules"
    monkeypatch.setenv("EDGELOOP_TEST_MODULES", str(path))

    def run(runtime: str, model: str, loops: tuple[str, ...]) -> set[str]:
        worker = start_worker()
        worker.load(runtime, loops, options={"model": model})
        for loop in loops:
            worker.block(loop)
        worker.stop()
        os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
        return set(path.read_text(encoding="utf-8").split("\n"))

    return run


def test_a_worker_that_waits_imports_no_numpy(
    start_worker: Any, imported: Any, tmp_path: Path
) -> None:
    worker = start_worker()
    worker.stop()
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    modules = set((tmp_path / "modules").read_text(encoding="utf-8").split("\n"))
    assert "edgeloop._core" in modules
    assert "numpy" not in modules


@pytest.mark.parametrize(
    ("name", "model"),
    [("null", "null"), ("litert", TFLITE), ("tflite", TFLITE), ("onnxruntime", ONNX)],
)
def test_a_native_worker_imports_neither_framework_nor_scipy(
    name: str, model: Path | str, imported: Any
) -> None:
    require(name)
    modules = imported(name, str(model), ("native", "binding"))
    assert "edgeloop.measure.native" in modules
    assert not {module.split(".")[0] for module in modules} & UNWANTED


def test_a_framework_loop_imports_its_framework(imported: Any) -> None:
    require("onnxruntime")
    assert "onnxruntime" in imported("onnxruntime", str(ONNX), ("framework",))
