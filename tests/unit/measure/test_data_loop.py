"""A data set through one instance and through several that share it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from edgeloop import _core
from edgeloop.errors import RuntimeFailedError
from edgeloop.measure.data_loop import run_data
from edgeloop.measure.loaded import LoadedModel, load, load_more
from edgeloop.runtimes import runtime
from edgeloop.runtimes.null import NullFramework
from edgeloop.spec.load import LOOPS, LoadOptions

OPTIONS = LoadOptions(model="null")
ROWS = np.arange(7, dtype=np.float32).reshape(7, 1)


def loaded(instances: int = 1, *loops: str, **settings: str) -> LoadedModel:
    options = LoadOptions(model="null", settings=settings)
    model = load(runtime("null"), options, loops or ("native",), time.CLOCK_MONOTONIC, False)
    load_more(model, options, instances)
    return model


@pytest.mark.parametrize("loop", [loop for loop in LOOPS if loop != "callable"])
def test_every_loop_runs_each_row_once_and_in_order(loop: str) -> None:
    done = run_data(loaded(1, "native", loop), loop, [ROWS], None)
    assert done.outputs[0].tolist() == ROWS.tolist()
    (stretch,) = done.stretches
    assert len(stretch.durations_ns) == len(ROWS)
    assert done.elapsed_ns >= stretch.durations_ns.sum()


@pytest.mark.parametrize("instances", [2, 3, 7, 20])
def test_instances_share_the_rows_and_their_outputs_stay_in_order(instances: int) -> None:
    done = run_data(loaded(instances), "native", [ROWS], [0])
    assert done.outputs[0].tolist() == ROWS.tolist()
    assert len(done.stretches) == min(instances, len(ROWS))
    assert sum(len(one.durations_ns) for one in done.stretches) == len(ROWS)
    assert all(len(one.durations_ns) for one in done.stretches)


def test_a_run_that_fails_in_one_instance_is_told() -> None:
    model = loaded(2)
    model.more[0] = (_core.create_engine("null", settings={"fail-at": "2"}), None)
    with pytest.raises(RuntimeFailedError, match="failed at run 2"):
        run_data(model, "native", [ROWS], [0])


def test_an_instance_that_attaches_has_a_framework_of_its_own() -> None:
    class Attaching:
        name = "attaching"
        loops = ("native",)
        attaches = True
        given: list[Any] = []  # noqa: RUF012

        def import_packages(self, loops: object) -> None:
            pass

        def load_framework(self, options: LoadOptions) -> NullFramework:
            return NullFramework(_core.create_engine("null"))

        def load_engine(self, options: LoadOptions, framework: Any) -> _core.Engine:
            self.given.append(framework)
            return _core.create_engine("null")

    chosen: Any = Attaching()
    model = load(chosen, OPTIONS, ("native",), time.CLOCK_MONOTONIC, False)
    load_more(model, OPTIONS, 3)
    assert chosen.given == [model.framework, *(framework for _, framework in model.more)]
    assert len({id(framework) for framework in chosen.given}) == 3
    assert None not in chosen.given


def test_every_instance_gets_the_inputs() -> None:
    model = loaded(3)
    model.set_inputs([np.array([0.5], np.float32)])
    for engine in model.engines:
        engine.run()
        assert np.asarray(engine.outputs()[0]).tolist() == [0.5]
