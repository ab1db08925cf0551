"""Workers for the tests: a factory that ends them all, and a runtime that misbehaves."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgeloop.measure import bench, invocation, live_worker, pairing
from edgeloop.spec.load import instance_of
from edgeloop.worker import process, requests
from edgeloop.worker.client import Hello, WorkerClient
from edgeloop.worker.log import Log
from edgeloop.worker.protocol import Received

FAKE = Path(__file__).parent / "fake"


class LoadedWorker(WorkerClient):
    """A worker with the requests of the tests in short."""

    def load(
        self, runtime: str = "null", loops: tuple[str, ...] = ("native",), **changes: Any
    ) -> Any:
        options = {"model": "null", **changes.pop("options", {})}
        request = requests.Load(runtime, options, loops, **changes)
        return self.request(request, "loading the model").body

    def misbehave(self, **settings: str) -> Any:
        return self.load("misbehaving", ("framework",), options={"settings": settings})

    def block(self, loop: str = "native", runs: int = 10, per_sample: int = 1) -> Any:
        return self.request(requests.Block(loop, runs, per_sample), f"running the {loop} loop")


@pytest.fixture
def start_worker() -> Iterator[Callable[..., LoadedWorker]]:
    """Start workers of this interpreter; all end with the test."""
    workers: list[LoadedWorker] = []

    def start(python: str = sys.executable, timeout_s: float = 60.0) -> LoadedWorker:
        workers.append(LoadedWorker(python, timeout_s))
        return workers[-1]

    yield start
    for worker in workers:
        worker.close()


@pytest.fixture
def fake_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the workers of this test the runtime `misbehaving`."""
    ours = process.environment

    def environment(*, repeatable: bool = False) -> dict[str, str]:
        theirs = ours(repeatable=repeatable)
        paths = [str(FAKE), *theirs.get("PYTHONPATH", "").split(os.pathsep)]
        return {**theirs, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}

    monkeypatch.setattr(process, "environment", environment)


def is_alive(pid: int) -> bool:
    """Return whether a process runs; a zombie whose parent does not look is dead."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


@pytest.fixture
def wait_for_death() -> Callable[[int], None]:
    """Wait until a process is gone; fail where it never goes."""

    def wait(pid: int) -> None:
        deadline_s = time.monotonic() + 30
        while is_alive(pid):
            assert time.monotonic() < deadline_s, f"process {pid} is still alive after 30 s"
            time.sleep(0.01)

    return wait


class ScriptedWorker:
    """What takes the place of a worker: no process, and the machine says what a run takes."""

    def __init__(self, machine: Machine, python: str) -> None:
        self.machine = machine
        self.number = len(machine.workers)
        self.pid = NO_PROCESS + self.number
        self.hello = Hello("3.11", python, {**CLOCK}, 1_000_000)
        self.log = Log()
        self.settings: dict[str, str] = {}
        self.asked: list[requests.Request] = []
        self.runs = 0
        machine.workers.append(self)

    def request(self, request: requests.Request, doing: str) -> Received:
        """Answer as a worker would; what runs moves the machine's clock."""
        self.asked.append(request)
        answer = getattr(self, f"_{type(request).__name__.lower()}")(request)
        return answer if isinstance(answer, Received) else Received(answer, ())

    def said(self) -> str:
        return ""

    def stop(self) -> dict[str, Any]:
        return {"context_switches": {}, "migrations": 0, "peak_rss_bytes": 1 << 20}

    def close(self) -> None:
        """There is no process to end."""

    def _load(self, request: requests.Load) -> dict[str, Any]:
        self.settings = request.options["settings"]
        self.machine.passes(self.machine.loading_s)
        instances = [instance_of(loop) for loop in request.loops]
        return {
            **LOADED,
            "load_ns": dict.fromkeys(instances, 1000),
            "first_run_ns": dict.fromkeys(instances, 2000),
        }

    def _warm(self, request: requests.Warm) -> Received:
        return self._block(requests.Block(request.loop, request.runs))

    def _block(self, request: requests.Block) -> Received:
        per_sample = request.runs_per_sample
        samples = request.runs // per_sample
        self.runs += request.runs + request.unrecorded
        start_ns = round(self.machine.now_s * 1e9)
        run_ns = self.machine.run_ns(self, request.loop)
        self.machine.passes(run_ns * (request.runs + request.unrecorded) / 1e9)
        durations_ns = np.full(samples, round(run_ns * per_sample), dtype=np.uint64)
        answer = {
            "start_ns": start_ns,
            "cpu_ns": int(durations_ns.sum()),
            "busy_ns": None,
            "probe_before_ns": self.machine.probe_ns,
            "probe_after_ns": self.machine.probe_ns,
            "probe_cpu_share": 1.0,
        }
        return Received(answer, (bytearray(durations_ns.tobytes()),))

    def _blocks(self, request: requests.Blocks) -> Received:
        ends_s = self.machine.now_s + request.most_s
        answers: list[Received] = []
        for one in request.blocks:
            whole = len(answers) % request.round == 0
            if answers and whole and self.machine.now_s >= ends_s:
                break
            answers.append(self._block(one))
        return Received(
            {"blocks": [answer.body for answer in answers]},
            tuple(frame for answer in answers for frame in answer.frames),
        )

    def _stages(self, request: requests.Stages) -> dict[str, Any]:
        return {"stages_ns": None}


# Above the largest number that Linux gives to a process: whoever looks finds it gone.
NO_PROCESS = 1 << 23

CLOCK = {
    "id": 4,
    "name": "CLOCK_MONOTONIC_RAW",
    "tick_ns": 1,
    "read_ns": 1.0,
    "python_read_ns": 2.0,
}

_TENSOR = {"name": "x", "dtype": "float32", "shape": [1]}

# What a worker says of a model of the null runtime, besides the times of its instances.
LOADED = {
    "installation": {"version": "0", "library": None, "origin": "scripted"},
    "runtime_version": "1",
    "import_ns": 1000,
    "inputs": [_TENSOR],
    "outputs": [_TENSOR],
    "placement": None,
    "delegate_libraries": [],
    "control": {},
    "engine_region": None,
    "device": None,
    "executed_precision": None,
    "framework_regions": {},
    "threads_started": 0,
}


class Machine:
    """A machine as quiet and as fast as the test says: only what its workers run takes time."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.loading_s = 0.05
        self.probe_ns = 100_000
        self.workers: list[ScriptedWorker] = []
        self.run_ns: Callable[[ScriptedWorker, str], float] = lambda worker, loop: 50_000.0
        """What a run takes now, in ns; may raise what ends a worker."""

    def passes(self, duration_s: float) -> None:
        """Let time pass."""
        self.now_s += duration_s


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Let every worker be a scripted one, and time pass only in them."""
    made = Machine()
    time_of_machine = SimpleNamespace(monotonic=lambda: made.now_s, sleep=made.passes)
    for module in (bench, invocation, live_worker, pairing):
        monkeypatch.setattr(module, "time", time_of_machine)
    monkeypatch.setattr(
        live_worker, "WorkerClient", lambda python, timeout_s: ScriptedWorker(made, python)
    )
    return made
