"""Workers for the tests: a factory that ends them all, and a runtime that misbehaves."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeloop.worker import process
from edgeloop.worker.client import WorkerClient

FAKE = Path(__file__).parent / "fake"


class LoadedWorker(WorkerClient):
    """A worker with the requests of the tests in short."""

    def load(
        self, runtime: str = "null", loops: tuple[str, ...] = ("native",), **changes: Any
    ) -> Any:
        options = {"model": "null", **changes.pop("options", {})}
        inputs = {"seed": 0, "data": None}
        request = {
            "type": "load",
            "runtime": runtime,
            "options": options,
            "loops": list(loops),
            "inputs": {**inputs, **changes},
            "framework_first": False,
        }
        return self.request(request, "loading the model").body

    def misbehave(self, **settings: str) -> Any:
        return self.load("misbehaving", ("framework",), options={"settings": settings})

    def block(self, loop: str = "native", runs: int = 10, per_sample: int = 1) -> Any:
        request = {
            "type": "block",
            "loop": loop,
            "runs": runs,
            "runs_per_sample": per_sample,
            "probe": True,
            "interval_ns": None,
        }
        return self.request(request, f"running the {loop} loop")


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
