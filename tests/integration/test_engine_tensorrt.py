"""TensorRT over the libraries and the package of tests/fakes: nothing here ran on a GPU."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeloop import _core

_TESTS = Path(__file__).parents[1]
_ASK_FOR_A_GPU = """
import ctypes, sys
sys.exit(ctypes.CDLL(sys.argv[1]).cudaGetDeviceCount(ctypes.byref(ctypes.c_int())))
"""
_TAKES_20_MS = "takes 20000\ninput x float32 1x4\noutput y float32 1x4\n"


class Board:
    """The command line on a machine with the fake TensorRT."""

    def __init__(self, fake: Any, folder: Path) -> None:
        self.fake, self.folder = fake, folder
        self.environment = {**os.environ, **fake.environment}

    def __call__(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "edgeloop", *arguments],
            env={**self.environment, **changes}, cwd=self.folder,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def result(self, *arguments: str, **changes: str) -> dict[str, Any]:
        done = self(*arguments, "--no-save", "--json", "-", **changes)
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document


@pytest.fixture
def board(fake_tensorrt: Any, tmp_path: Path) -> Board:
    return Board(fake_tensorrt, tmp_path)


def refused(done: Any, code: int, *words: str) -> None:
    """Check for one clear sentence with that exit code."""
    assert done.returncode == code, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    (sentence,) = (line for line in done.stderr.splitlines() if line.startswith("edgeloop: "))
    for word in words:
        assert word in sentence


def test_setup_builds_the_engine_for_the_version_that_is_here(board: Board) -> None:
    first = board.fake.setup
    assert first.returncode == 0, first.stderr
    assert f"TensorRT 10.3.0: {board.fake.nvinfer} (TENSORRT_ROOT)" in first.stderr
    (built,) = Path(board.environment["XDG_DATA_HOME"]).glob("edgeloop/lib/*")
    assert built.name.startswith("tensorrt-10.3.0-edgeloop-")
    again = board("setup", "tensorrt")
    assert again.returncode == 0
    assert "is already there" in again.stderr


def test_setup_without_a_compiler(board: Board, tmp_path: Path) -> None:
    done = board("setup", "tensorrt", PATH=str(tmp_path), XDG_DATA_HOME=str(tmp_path))
    refused(done, 3, "no C++ compiler was found", "apt install g++")


def test_setup_without_headers(board: Board, tmp_path: Path) -> None:
    done = board(
        "setup", "tensorrt", TENSORRT_ROOT=str(tmp_path), XDG_DATA_HOME=str(tmp_path),
        EDGELOOP_TENSORRT_LIBRARY=str(board.fake.nvinfer),
    )  # fmt: skip
    refused(done, 3, "TensorRT 10.3.0 was found, but not its headers", f"{tmp_path}/include")
    assert not list(tmp_path.iterdir())


def test_setup_with_headers_of_another_version(board: Board, tmp_path: Path) -> None:
    include = tmp_path / "root" / "include"
    include.mkdir(parents=True)
    (include / "NvInfer.h").touch()
    (include / "NvInferVersion.h").write_text(
        "#define E 8\n#define NV_TENSORRT_MAJOR E\n#define NV_TENSORRT_MINOR 6 //!< minor\n"
        "#define NV_TENSORRT_PATCH 1\n",
        encoding="utf-8",
    )
    done = board(
        "setup", "tensorrt", TENSORRT_ROOT=str(tmp_path / "root"), XDG_DATA_HOME=str(tmp_path),
        EDGELOOP_TENSORRT_LIBRARY=str(board.fake.nvinfer),
    )  # fmt: skip
    refused(done, 3, "no headers of TensorRT 10.3.0 were found", f"{include} has 8.6.1")


def test_setup_that_does_not_compile_leaves_nothing(board: Board, tmp_path: Path) -> None:
    include = tmp_path / "root" / "include"
    include.mkdir(parents=True)
    version = _TESTS / "fakes" / "tensorrt" / "NvInferVersion.h"
    (include / "NvInferVersion.h").write_text(version.read_text("utf-8"), encoding="utf-8")
    (include / "NvInfer.h").write_text('#error "no header"\n', encoding="utf-8")
    data = tmp_path / "data"
    done = board(
        "setup", "tensorrt", TENSORRT_ROOT=str(tmp_path / "root"), XDG_DATA_HOME=str(data),
        EDGELOOP_TENSORRT_LIBRARY=str(board.fake.nvinfer),
    )  # fmt: skip
    refused(done, 5, "the TensorRT engine cannot be compiled", "no header")
    assert not [path for path in data.rglob("*") if path.is_file()]


def test_without_an_engine_and_without_the_package(board: Board, tmp_path: Path) -> None:
    done = board(
        "bench", str(board.fake.model), "--runtime", "tensorrt", XDG_DATA_HOME=str(tmp_path),
        PYTHONPATH="",
    )  # fmt: skip
    refused(done, 3, "its engine is not built", "edgeloop setup tensorrt")


def test_without_an_engine_the_package_still_runs(board: Board, tmp_path: Path) -> None:
    bare = {"XDG_DATA_HOME": str(tmp_path)}
    result = board.result(
        "bench", str(board.fake.model), "--loops", "framework", "--runs", "3", **bare
    )
    assert result["runtime"]["version"] == "10.3.0"
    done = board("bench", str(board.fake.model), "--loops", "native", "--runs", "3", **bare)
    refused(done, 3, "the engine for TensorRT 10.3.0 is not built", "edgeloop setup tensorrt")


def test_doctor_knows_it(board: Board) -> None:
    done = board("doctor", "--json", "-")
    assert done.returncode == 0, done.stderr
    (status,) = (s for s in json.loads(done.stdout)["runtimes"] if s["name"] == "tensorrt")
    assert (status["state"], status["version"]) == ("found", "10.3.0")
    assert status["library"] == str(board.fake.nvinfer)


def test_a_result_says_what_ran_where_and_what_was_timed(board: Board) -> None:
    result = board.result("bench", str(board.fake.model), "--runs", "20")
    assert result["runtime"]["version"] == "tensorrt 10.3.0"
    assert result["runtime"]["path"] == str(board.fake.nvinfer)
    assert result["runtime"]["device"].startswith(
        "Fake Orin (compute capability 8.7), CUDA runtime"
    )
    assert result["timed_region"]["native"] == (
        "the engine's run(): enqueueV3, cudaStreamSynchronize; the copies to and from the device "
        "are outside; CUDA graph off"
    )
    assert "the fake's warning" in result["invocations"][0]["log"]
    stages = result["invocations"][0]["stages_ns"]
    assert set(stages) == {"host to device", "compute", "device to host", "enqueue on the host"}
    assert all(len(times) == len(stages["compute"]) > 1 for times in stages.values())


def test_the_region_with_copies_and_a_graph_is_stated(board: Board) -> None:
    result = board.result(
        "bench", str(board.fake.model), "--runs", "20", "--set", "region=copies", "--set",
        "cuda-graph=on",
    )  # fmt: skip
    region = result["timed_region"]["native"]
    assert region.count("cudaMemcpyAsync") == 2
    assert "cudaGraphLaunch of enqueueV3" in region
    assert region.endswith("CUDA graph on")


@pytest.mark.parametrize("region", ["enqueue", "copies"])
@pytest.mark.parametrize("old", ["0", "1"])
def test_no_loop_stops_its_clock_before_the_device_has_finished(
    region: str, old: str, board: Board, tmp_path: Path
) -> None:
    plan = board.fake.plan(tmp_path / "slow.plan", _TAKES_20_MS)
    result = board.result(
        "overhead", str(plan), "--runs", "3", "--set", f"region={region}",
        EDGELOOP_FAKE_TENSORRT_OLD=old,
    )  # fmt: skip
    assert set(result["loops"]) == {"native", "binding", "callable", "framework", "framework-io"}
    for loop, summary in result["loops"].items():
        assert summary["min_ns"] >= 20e6, loop
    enqueue = "execute_async_v2" if old == "1" else "execute_async_v3"
    assert enqueue in result["timed_region"]["framework"]
    (stages,) = {tuple(i["stages_ns"]["compute"]) for i in result["invocations"]}
    assert min(stages) >= 20e6


def test_a_graph_is_the_native_loops_alone(board: Board) -> None:
    arguments = ("bench", str(board.fake.model), "--runs", "3", "--loops", "framework", "--set")
    refused(board(*arguments, "cuda-graph=on"), 2, "only the native and binding loops honour")
    refused(board(*arguments, "region=all"), 2, "region=all is neither enqueue nor copies")


@pytest.mark.parametrize("loop", ["native", "framework"])
def test_a_plan_of_another_version_says_which(loop: str, board: Board, tmp_path: Path) -> None:
    plan = board.fake.plan(tmp_path / "old.plan", version=(8, 6, 1))
    done = board("bench", str(plan), "--loops", loop)
    refused(done, 4, "TensorRT 8.6.1", "made it, this is TensorRT 10.3.0", "build it again here")
    inspected = board("inspect", str(plan), "--json", "-")
    assert json.loads(inspected.stdout)["metadata"]["tensorrt_version"] == "8.6.1.0"


def test_a_plan_of_another_gpu(board: Board, tmp_path: Path) -> None:
    plan = board.fake.plan(tmp_path / "other.plan", gpu="Nano")
    refused(board("bench", str(plan)), 4, "incompatible device: compute 5.3, not 8.7", "Fake Orin")


def test_a_damaged_plan_and_another_file(board: Board, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.plan"
    damaged.write_bytes(board.fake.model.read_bytes()[:-4])
    refused(board("bench", str(damaged)), 4, "cannot be loaded", "the plan is damaged")
    from edgeloop.demo import ASSETS

    done = board("bench", str(ASSETS / "digits_float32.onnx"), "--runtime", "tensorrt")
    refused(done, 2, "tensorrt reads tensorrt, but", "is onnx")


@pytest.mark.parametrize("loop", ["native", "framework"])
@pytest.mark.parametrize(
    ("code", "words"),
    [("35", "InsufficientDriver"), ("100", "NoDevice"), ("999", "cudaErrorUnknown")],
)
def test_no_driver_and_no_device(loop: str, code: str, words: str, board: Board) -> None:
    done = board(
        "bench", str(board.fake.model), "--loops", loop,
        EDGELOOP_FAKE_CUDA=f"cudaGetDeviceCount:{code}",
    )  # fmt: skip
    refused(done, 3, words, str(board.fake.cudart), "nvidia-smi" if code != "35" else "driver")


@pytest.mark.parametrize("loop", ["native", "framework"])
def test_out_of_device_memory(loop: str, board: Board, tmp_path: Path) -> None:
    words = "input x float32 65536x1024\noutput y float32 1x4\n"
    done = board("bench", str(board.fake.plan(tmp_path / "big.plan", words)), "--loops", loop)
    refused(done, 5, "268435456 bytes", "cudaErrorMemoryAllocation (out of memory)")


@pytest.mark.parametrize("loop", ["native", "framework"])
def test_an_error_of_the_device_in_the_middle(loop: str, board: Board) -> None:
    done = board(
        "bench", str(board.fake.model), "--loops", loop, "--runs", "100",
        EDGELOOP_FAKE_CUDA="cudaStreamSynchronize:700:50",
    )  # fmt: skip
    refused(done, 5, "cudaStreamSynchronize failed: cudaErrorUnknown")


def test_a_library_that_is_missing(board: Board) -> None:
    done = board("bench", str(board.fake.model), EDGELOOP_CUDART_LIBRARY="/nowhere/libcudart.so")
    refused(done, 3, "EDGELOOP_CUDART_LIBRARY names /nowhere/libcudart.so")
    done = board("bench", str(board.fake.model), "--library", "/nowhere/libnvinfer.so")
    refused(done, 3, "--library names /nowhere/libnvinfer.so")


@pytest.fixture(scope="module")
def real_cudart() -> str:
    """The path of a CUDA runtime that finds a GPU: EDGELOOP_TEST_CUDART, or the system's."""
    from edgeloop.errors import NotAvailableError
    from edgeloop.runtimes.nvidia_libraries import find_cudart

    try:
        path = os.environ.get("EDGELOOP_TEST_CUDART") or str(find_cudart())
    except NotAvailableError as error:
        pytest.skip(f"no CUDA runtime is here: {error}")
    done = subprocess.run(
        [sys.executable, "-c", _ASK_FOR_A_GPU, path], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"{path} finds no GPU: cudaGetDeviceCount gives error {done.returncode}")
    return path


@pytest.mark.parametrize("graph", ["off", "on"])
def test_the_stand_in_on_a_real_cuda_runtime(
    graph: str, real_cudart: str, board: Board, tmp_path: Path
) -> None:
    """Real memory, streams, events and graphs; only libnvinfer is ours."""
    plan = board.fake.plan(tmp_path / "slow.plan", _TAKES_20_MS)
    real = {"EDGELOOP_CUDART_LIBRARY": real_cudart, "EDGELOOP_FAKE_CUDART": real_cudart}
    result = board.result(
        "bench", str(plan), "--runs", "5", "--set", "region=copies", "--set",
        f"cuda-graph={graph}", **real,
    )  # fmt: skip
    assert result["summary"]["min_ns"] >= 20e6
    assert min(result["invocations"][0]["stages_ns"]["compute"]) >= 20e6
    assert "compute capability" in result["runtime"]["device"]


def real_headers() -> list[Path]:
    named = os.environ.get("EDGELOOP_TENSORRT_HEADERS", "")
    return sorted(path.parent for path in Path(named).glob("*/include/NvInfer.h")) if named else []


@pytest.mark.skipif(
    not real_headers(),
    reason="EDGELOOP_TENSORRT_HEADERS names no folder with VERSION/include of NVIDIA/TensorRT",
)
def test_the_engine_over_nvidias_own_headers(
    fake_tensorrt: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiled as on a board, it runs over the virtual tables of every version that is here."""
    monkeypatch.setenv("EDGELOOP_FAKE_CUDART", str(fake_tensorrt.cudart))
    spec = importlib.util.spec_from_file_location("headers", _TESTS / "tensorrt_headers.py")
    assert spec is not None
    assert spec.loader is not None
    headers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(headers)
    for include in real_headers():
        name = include.parent.name
        version = tuple(int(part) for part in [*name.lstrip("v").split("."), "0"][:3])
        engine, library = headers.build(include, tmp_path / name)
        for settings in ({}, {"region": "copies", "cuda-graph": "on"}):
            loaded = _core.create_engine(
                "plugin", library=str(engine),
                model=str(fake_tensorrt.plan(tmp_path / "model.plan", version=version)),
                settings={"nvinfer": str(library), "cudart": str(fake_tensorrt.cudart), **settings},
                batch_size=2,
            )  # fmt: skip
            x = np.arange(8, dtype=np.float32).reshape(2, 4)
            np.asarray(loaded.inputs()[0])[...] = x
            loaded.inputs_written()
            loaded.run()
            assert np.array_equal(np.asarray(loaded.outputs()[0]), x), name
            assert [layer for layer, _ in loaded.time_layers()] == ["copy to y", "work"]
            assert len(loaded.time_stages()) == 4
            del loaded
