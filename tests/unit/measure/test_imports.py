"""What a worker imports: no framework for the native loop, and scipy never."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import edgeloop
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
    monkeypatch.setenv("EDGELOOP_UNCONFINED", "1")  # it writes them outside of its folder

    def run(runtime: str, model: str, loops: tuple[str, ...]) -> set[str]:
        worker = start_worker()
        worker.load(runtime, loops, options={"model": model})
        for loop in loops:
            worker.block(loop)
        worker.stop()
        os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
        return set(path.read_text(encoding="utf-8").split("\n"))

    return run


NUMPY_ALONE = """
import sys

class NumpyAlone:
    def find_spec(self, name, path=None, target=None):
        if path is None and name in sys.argv[1:]:
            raise ModuleNotFoundError(f"No module named '{name}'")

sys.meta_path.insert(0, NumpyAlone())
import edgeloop
print(edgeloop.__version__, len(edgeloop.__all__))
"""


def test_the_package_imports_where_numpy_alone_is_installed() -> None:
    others = (*UNWANTED, "click", "matplotlib", "onnx", "pandas", "PIL", "sklearn", "tomli")
    done = subprocess.run(
        [sys.executable, "-c", NUMPY_ALONE, *others], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [edgeloop.__version__, str(len(edgeloop.__all__))]


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
