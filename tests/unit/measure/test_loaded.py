"""What loading a model does, and in which order."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeloop import _core
from edgeloop.errors import UsageError
from edgeloop.measure.loaded import first_runs, load, started_threads
from edgeloop.runtimes.null import NullFramework
from edgeloop.runtimes.protocol import Runtime
from edgeloop.spec.load import LOOPS, LoadOptions, TensorSpec

CLOCK = time.CLOCK_MONOTONIC_RAW
OPTIONS = LoadOptions(model="null")


class Recorder(Runtime):
    """A runtime with two instances, which notes what it is asked for."""

    name = "recorder"
    loops = ("native", "binding", "callable", "framework")
    missing_loops = {"framework-io": "its outputs are its inputs"}  # noqa: RUF012

    def __init__(self, *, attaches: bool = False) -> None:
        self.attaches = attaches
        self.calls: list[str] = []
        self.given: object = "not asked"

    def import_packages(self, loops: Sequence[str]) -> None:
        self.calls.append(f"import for {', '.join(loops)}")

    def load_engine(self, options: LoadOptions, framework: object) -> _core.Engine:
        self.calls.append("engine")
        self.given = framework
        return _core.create_engine("null")

    def load_framework(self, options: LoadOptions) -> NullFramework:
        self.calls.append("framework")
        return NullFramework(_core.create_engine("null"))


def loaded_by(runtime: Any, *loops: str, framework_first: bool = False) -> Any:
    return load(runtime, OPTIONS, loops, CLOCK, framework_first)


def test_a_loop_that_a_runtime_lacks_is_refused_with_its_reason() -> None:
    with pytest.raises(UsageError, match="no framework-io loop: its outputs are its inputs"):
        loaded_by(Recorder(), "native", "framework-io")


def test_native_loops_load_no_framework() -> None:
    runtime = Recorder()
    model = loaded_by(runtime, "native", "binding")
    assert runtime.calls == ["import for native, binding", "engine"]
    assert runtime.given is None
    assert model.framework is None
    assert set(model.load_ns) == {"engine"}


def test_loops_that_import_nothing_have_no_time_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Importer(Recorder):
        def import_packages(self, loops: Sequence[str]) -> None:
            time.sleep(0.002)  # whatever it takes to see that there is nothing to import
            if "framework" in loops:
                import_module("a_package_of_its_own")

    (tmp_path / "a_package_of_its_own.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "a_package_of_its_own", raising=False)
    assert loaded_by(Importer(), "native").import_ns == 0
    assert loaded_by(Importer(), "native", "framework").import_ns > 2_000_000
    assert loaded_by(Importer(), "framework").import_ns == 0  # it was there already


def test_framework_loops_load_no_engine() -> None:
    runtime = Recorder()
    model = loaded_by(runtime, "callable", "framework")
    assert runtime.calls == ["import for callable, framework", "framework"]
    assert model.engine is None
    assert set(model.load_ns) == {"framework"}


@pytest.mark.parametrize(
    ("framework_first", "order"),
    [(False, ["engine", "framework"]), (True, ["framework", "engine"])],
)
def test_two_instances_are_loaded_in_the_order_asked_for(
    framework_first: bool, order: list[str]
) -> None:
    runtime = Recorder()
    loaded_by(runtime, "native", "framework", framework_first=framework_first)
    assert runtime.calls[1:] == order


def test_an_engine_that_attaches_is_given_the_framework() -> None:
    runtime = Recorder(attaches=True)
    model = loaded_by(runtime, "native")
    assert runtime.calls[1:] == ["framework", "engine"]
    assert runtime.given is model.framework is not None


def test_every_loop_of_the_null_runtime_runs_one_instance() -> None:
    from edgeloop.runtimes import runtime

    model = loaded_by(runtime("null"), *LOOPS)
    model.set_inputs([np.array([0.25], np.float32)])
    first_runs(model, LOOPS)
    assert set(model.first_run_ns) == {"engine", "framework"}
    for loop in LOOPS:
        _, durations = model.run_block(loop, 10, 2)
        assert durations.shape == (5,)
        assert model.outputs(loop)[0].tolist() == [0.25]


def test_engine_and_framework_get_the_same_inputs() -> None:
    model = loaded_by(Recorder(), "native", "framework")
    model.set_inputs([np.array([0.75], np.float32)])
    for loop in ("native", "framework"):
        model.run_block(loop, 1, 1)
        assert model.outputs(loop)[0].tolist() == [0.75]


def test_an_array_of_another_type_is_refused_and_not_cast() -> None:
    model = loaded_by(Recorder(), "native")
    with pytest.raises(TypeError, match="Cannot cast"):
        model.set_inputs([np.array([1], np.int64)])


def test_outputs_are_copies() -> None:
    model = loaded_by(Recorder(), "native")
    model.set_inputs([np.array([1.0], np.float32)])
    model.run_block("native", 1, 1)
    (first,) = model.outputs("native")
    model.set_inputs([np.array([2.0], np.float32)])
    model.run_block("native", 1, 1)
    assert first.tolist() == [1.0]


def test_each_instance_has_one_first_run() -> None:
    model = loaded_by(Recorder(), "binding", "native", "framework", "callable")
    first_runs(model, ("binding", "native", "framework", "callable"))
    assert set(model.first_run_ns) == {"engine", "framework"}


def test_threads_that_loading_starts_are_counted() -> None:
    done = threading.Event()

    class Threaded(Recorder):
        def load_engine(self, options: LoadOptions, framework: object) -> _core.Engine:
            for _ in range(3):
                threading.Thread(target=done.wait).start()
            return super().load_engine(options, framework)

    try:
        assert started_threads(loaded_by(Threaded(), "native")) == 3
    finally:
        done.set()
    assert started_threads(loaded_by(Recorder(), "native")) == 0


def test_the_inputs_are_those_of_the_engine() -> None:
    spec = TensorSpec("x", "float32", (1,))
    assert loaded_by(Recorder(), "native").inputs == (spec,)
    assert loaded_by(Recorder(), "framework").inputs == (spec,)
