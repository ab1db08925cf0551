"""ONNX Runtime's profile, cut into runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeloop.errors import RuntimeFailedError
from edgeloop.runtimes._onnx_profiler import SessionProfiler, runs_of


def run(ts: int, dur: int) -> dict[str, Any]:
    return {"cat": "Session", "name": "model_run", "ts": ts, "dur": dur, "args": {}}


def node(name: str, ts: int, dur: int, operator: str = "Conv", provider: str = "Cpu") -> Any:
    arguments = {"op_name": operator, "provider": provider}
    return {"cat": "Node", "name": f"{name}_kernel_time", "ts": ts, "dur": dur, "args": arguments}


def test_nodes_belong_to_the_run_around_them_and_other_runs_are_left_out() -> None:
    events = [
        node("warm", 11, 2), run(10, 9),
        node("b", 45, 3), node("a", 41, 4), run(40, 10), run(60, 10), node("a", 61, 5),
        {"name": "a_fence_before", "ts": 41, "dur": 0},
    ]  # fmt: skip
    runs = runs_of(events, [(39.5, 100.0)])
    assert [[(one.name, one.duration_ns, one.start_ns) for one in of] for of in runs] == [
        [("a", 4000.0, 1000.0), ("b", 3000.0, 5000.0)],
        [("a", 5000.0, 1000.0)],
    ]
    assert runs[0][0].owner == "Cpu"


def test_the_body_of_a_loop_counts_within_it() -> None:
    events = [run(0, 100), node("loop", 1, 50, "Loop"), node("body", 2, 10), node("body", 13, 10),
              node("after", 60, 0)]  # fmt: skip
    (operators,) = runs_of(events, [(0, 10)])
    assert [one.name for one in operators] == ["loop", "after"]


class Session:
    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        path.write_text(text)

    def get_profiling_start_time_ns(self) -> int:
        return 0

    def end_profiling(self) -> str:
        return str(self.path)


def test_the_file_is_removed_whatever_is_in_it(tmp_path: Path) -> None:
    profiler = SessionProfiler(Session(tmp_path / "a.json", json.dumps([run(0, 5)])), 1)
    assert profiler.operators() == []
    assert list(tmp_path.iterdir()) == []
    profiler = SessionProfiler(Session(tmp_path / "b.json", "[{"), 1)
    with pytest.raises(RuntimeFailedError, match=r"b\.json cannot be read"):
        profiler.operators()
    assert list(tmp_path.iterdir()) == []


def test_no_more_runs_than_the_session_keeps_events_of(tmp_path: Path) -> None:
    profiler = SessionProfiler(Session(tmp_path / "a.json", "[]"), 1000)
    assert profiler.most_runs == 20

    def run_block(runs: int) -> Any:
        return 0, np.zeros(runs, dtype=np.uint64)

    profiler.block(run_block, 330)
    assert profiler.most_runs == 3
