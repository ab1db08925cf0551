"""A worker that behaves: what it answers, and that nothing of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeloop
from edgeloop.errors import RuntimeFailedError, UsageError
from edgeloop.worker import requests
from edgeloop.worker.client import WorkerClient
from edgeloop.worker.process import environment


def test_hello_describes_interpreter_and_clock(start_worker: Any) -> None:
    hello = start_worker().hello
    assert hello.python == ".".join(str(part) for part in sys.version_info[:3])
    assert os.path.samefile(hello.executable, sys.executable)  # noqa: PTH121
    assert hello.interpreter_start_ns > 0
    clock = hello.clock
    assert clock["name"] in {"CLOCK_MONOTONIC_RAW", "CLOCK_MONOTONIC"}
    assert clock["id"] == getattr(time, clock["name"])
    assert clock["tick_ns"] >= 1
    assert clock["read_ns"] > 0
    assert clock["python_read_ns"] > 0


def test_load_block_outputs_and_stop(start_worker: Any) -> None:
    worker = start_worker()
    loaded = worker.load(loops=("native", "binding", "callable", "framework", "framework-io"))
    assert loaded["inputs"] == [{"name": "x", "dtype": "float32", "shape": [1]}]
    assert set(loaded["first_run_ns"]) == {"engine", "framework"}
    assert loaded["installation"]["version"] == edgeloop.__version__
    for loop in ("native", "binding", "callable", "framework", "framework-io"):
        answer = worker.block(loop, runs=30, per_sample=3)
        durations = np.frombuffer(answer.frames[0], np.uint64)
        assert durations.size == 10
        assert durations.sum() > 0
        assert answer.body["start_ns"] > 0
        assert min(answer.body["probe_before_ns"], answer.body["probe_after_ns"]) > 0
        outputs = worker.request(requests.Outputs(loop), "fetching the outputs")
        assert outputs.body["outputs"] == [{"dtype": "float32", "shape": [1]}]
        (value,) = np.frombuffer(outputs.frames[0], np.float32)
        assert 0 < abs(value) <= 1  # the null engine gives its input back
    used = worker.stop()
    assert used["peak_rss_bytes"] > 10 << 20
    assert used["context_switches"].keys() == {"voluntary", "involuntary"}


def test_inputs_of_a_seed_are_the_same_in_every_worker(start_worker: Any) -> None:
    def output(seed: int) -> bytes:
        worker = start_worker()
        worker.load(seed=seed)
        outputs = worker.request(requests.Outputs("native"), "fetching the outputs")
        return bytes(outputs.frames[0])

    assert output(7) == output(7) != output(8)


@pytest.mark.parametrize("loop", ["native", "binding", "framework", "framework-io", "callable"])
def test_data_runs_in_every_loop_and_each_run_is_timed(loop: str, start_worker: Any) -> None:
    worker = start_worker()
    worker.load(loops=("native", "framework"), seed=None)
    first = np.array([7.0], np.float32)
    request = requests.Start(["native", "framework"], [first])
    started = worker.request(request, "running the first sample").body
    assert started["outputs"][0]["shape"] == [1]
    assert set(started["first_run_ns"]) == {"engine", "framework"}
    values = np.array([[0.5], [-1.0], [2.0], [4.0]], np.float32)
    answer = worker.request(requests.Data(loop, 4, [0], [values]), "running the data set")
    assert answer.body["outputs"] == [{"dtype": "float32", "shape": [4, 1]}]
    assert np.frombuffer(answer.frames[1], np.float32).tolist() == [0.5, -1.0, 2.0, 4.0]
    assert np.frombuffer(answer.frames[0], np.uint64).shape == (4,)


def test_the_first_run_of_a_data_set_is_on_its_first_sample(start_worker: Any) -> None:
    worker = start_worker()
    loaded = worker.load(seed=None)
    assert "first_run_ns" not in loaded  # the parent reads the data, and must know the inputs
    first = np.array([7.0], np.float32)
    worker.request(requests.Start(["native"], [first]), "starting")
    outputs = worker.request(requests.Outputs("native"), "fetching the outputs")
    assert np.frombuffer(outputs.frames[0], np.float32).tolist() == [7.0]


def test_the_workers_own_error_is_raised_here(start_worker: Any) -> None:
    worker = start_worker()
    with pytest.raises(UsageError, match="did you mean 'litert'"):
        worker.load("litertt")
    with pytest.raises(UsageError, match="multiplications=many is not a whole number"):
        worker.load(options={"settings": {"multiplications": "many"}})
    worker.load()  # and the worker goes on


def test_an_engine_that_fails_says_so_in_its_own_words(start_worker: Any) -> None:
    worker = start_worker()
    worker.load(loops=("native", "binding"), options={"settings": {"fail-at": "5"}})
    with pytest.raises(RuntimeFailedError, match="failed at run 5, as it was told to"):
        worker.block(runs=100)


@dataclass(frozen=True)
class Dance:
    """A request of another version."""


def test_a_request_that_does_not_exist_is_an_error(start_worker: Any) -> None:
    with pytest.raises(RuntimeFailedError, match="KeyError: 'Dance'"):
        start_worker().request(Dance(), "dancing")


def test_no_process_is_left_after_close(
    start_worker: Any, wait_for_death: Callable[[int], None]
) -> None:
    worker = start_worker()
    worker.load()
    worker.close()
    wait_for_death(worker.pid)
    worker.close()  # twice does no harm


def test_no_process_is_left_after_an_exception(wait_for_death: Callable[[int], None]) -> None:
    pids = []

    def fail() -> None:
        with WorkerClient(sys.executable, 60.0) as worker:
            pids.append(worker.pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    wait_for_death(pids[0])


PARENT = """
import sys
from edgeloop.worker import requests
from edgeloop.worker.client import WorkerClient
from edgeloop.worker.process import environment
with WorkerClient(sys.executable, 600.0) as worker:
    print(worker.pid, flush=True)
    options = dict(model="null", settings={"multiplications": sys.argv[1]})
    worker.request(requests.Load("null", options, ["native"]), "loading")
    try:
        print("running", flush=True)
        worker.request(requests.Warm("native", int(sys.argv[2])), "running")
    except KeyboardInterrupt:
        worker.stop()
        print("stopped", flush=True)
"""


def start_parent(multiplications: int, runs: int) -> tuple[subprocess.Popen[str], int]:
    """Start a process that has a worker in the middle of a long block."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(multiplications), str(runs)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    assert parent.stdout.readline() == "running\n"
    return parent, worker


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return int(fields[11])  # utime, the 14th field of the line


def wait_until_busy(pid: int) -> None:
    """Wait until a process is in the middle of its block."""
    before = cpu_ticks(pid)
    deadline_s = time.monotonic() + 30
    while cpu_ticks(pid) < before + 5:
        assert time.monotonic() < deadline_s, f"process {pid} is still idle after 30 s"
        time.sleep(0.01)


def test_the_worker_dies_with_a_parent_that_is_killed(
    wait_for_death: Callable[[int], None],
) -> None:
    parent, worker = start_parent(10_000_000, runs=1_000_000)  # hours
    with parent:
        wait_until_busy(worker)
        os.kill(parent.pid, signal.SIGKILL)
        wait_for_death(worker)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_is_the_parents_alone(wait_for_death: Callable[[int], None]) -> None:
    parent, worker = start_parent(100_000, runs=1000)  # about 0.1 s
    with parent:
        os.killpg(parent.pid, signal.SIGINT)
        assert parent.stdout is not None
        # The worker ended its block, and answers what is asked next.
        assert parent.stdout.read() in {"block\n", "stopped\n"}
    assert parent.returncode == 0
    wait_for_death(worker)


@pytest.mark.parametrize("module", ["numpy", "socket", "random", "edgeloop", "json"])
def test_a_module_in_the_working_directory_is_not_imported(
    module: str, start_worker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{module}.py").write_text("raise SystemExit('the wrong module')")
    monkeypatch.chdir(tmp_path)
    worker = start_worker()
    worker.load(loops=("native", "framework"))
    assert worker.block("framework").frames
    assert not worker.log.text()


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_descriptors_do_not_leak_over_50_workers() -> None:
    before = open_descriptors()
    for _ in range(50):
        with WorkerClient(sys.executable, 60.0):
            pass
    assert open_descriptors() == before


def test_the_peak_memory_is_the_workers_own(start_worker: Any) -> None:
    """The kernel's ru_maxrss of a child starts at its parent's size."""
    ballast = np.ones(40_000_000)  # 320 MB
    worker = start_worker()
    worker.load()
    assert worker.stop()["peak_rss_bytes"] < 200 << 20 < ballast.nbytes


def peak_after(worker: Any, loop: str, blocks: int, runs: int) -> int:
    worker.load(loops=(loop,))
    for _ in range(blocks):
        assert len(worker.block(loop, runs).frames[0]) == 8 * runs
    return int(worker.stop()["peak_rss_bytes"])


@pytest.mark.parametrize("loop", ["native", "binding"])
def test_a_million_samples_take_the_memory_of_their_stamps(loop: str, start_worker: Any) -> None:
    few = peak_after(start_worker(), loop, blocks=1, runs=1000)
    many = peak_after(start_worker(), loop, blocks=2, runs=1_000_000)
    assert many - few < 12 << 20  # 8 MB, and room for the allocator


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["native", "binding"])
@pytest.mark.parametrize(("blocks", "runs"), [(10, 1_000_000), (1, 10_000_000)])
def test_ten_million_recorded_runs_stay_under_200_mb(
    loop: str, blocks: int, runs: int, start_worker: Any
) -> None:
    assert peak_after(start_worker(), loop, blocks, runs) < 200_000_000


def test_a_repeatable_worker_hashes_names_alike_every_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    assert "PYTHONHASHSEED" not in environment()
    assert environment(repeatable=True)["PYTHONHASHSEED"] == "0"


def test_a_worker_that_measures_starts_no_thread_of_numpys_blas() -> None:
    """And a runtime that brings an OpenBLAS of its own does not see that."""
    code = (
        "import os, sys; from edgeloop.measure.worker import _import_numpy; _import_numpy(); "
        "print(len(os.listdir('/proc/self/task')), 'numpy' in sys.modules, "
        "os.environ.get('OPENBLAS_NUM_THREADS'))"
    )
    variables = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    printed = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True
    ).stdout
    assert printed.split() == ["1", "True", "None"]
