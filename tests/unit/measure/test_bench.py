"""How an experiment chooses its processes, driven by scripted ones: no clock, no worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from edgeloop.measure import bench, record
from edgeloop.measure.attempt import Attempt
from edgeloop.measure.bench import Experiment
from edgeloop.measure.invocation import Budget
from edgeloop.measure.observer import Silence
from edgeloop.measure.record import Record
from edgeloop.measure.schedule import Sampling
from edgeloop.results.schema import Block, Invocation
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.run import RunSpec


@dataclass
class Script:
    """Processes that take the times it says; what each of them was given."""

    run_ns: Callable[[int], float] = lambda number: 1e6
    sampling: Sequence[Sampling] = (Sampling(1, tails=False),)
    """What a process would choose by itself; the last one for all that follow."""
    measuring_s: float = 0.75
    given: list[Budget] = field(default_factory=list)

    def measure(self, spec: Any, budget: Budget, number: int, *rest: Any) -> Attempt:
        self.given.append(budget)
        own = self.sampling[min(number, len(self.sampling) - 1)]
        sampling = budget.sampling or own
        rng = np.random.default_rng(number)
        level_ns = self.run_ns(number) * sampling.runs_per_sample
        blocks = [
            Block(
                spec.loops[0],
                0,
                sampling.runs_per_sample,
                (level_ns * np.exp(0.001 * rng.standard_normal(50))).astype(np.uint64),
            )
            for _ in range(10)
        ]
        invocation = Invocation(
            0, 0, {"engine": 0}, {"engine": 0}, {}, blocks, "", "", measuring_s=self.measuring_s
        )
        worker: Any = object()  # of which the header would be made
        return Attempt(worker, invocation, sampling=sampling)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, Record]]:
    """Let an experiment go over a script; return why it stopped and what it kept."""
    monkeypatch.setattr(record, "header_of", lambda spec, *_: {"spec": spec.as_dict()})

    def go(script: Script, **wanted: Any) -> tuple[str, Record]:
        (spec,) = resolve(RunSpec(model="null", **wanted), "bench")
        monkeypatch.setattr(bench, "measure", script.measure)
        kept = Record(spec, None)
        nothing: Any = None
        return Experiment(spec, Silence(), None)._measure(kept, nothing, nothing), kept

    return go


def test_the_first_process_chooses_the_runs_per_sample_for_all(run: Any) -> None:
    script = Script(sampling=[Sampling(18, True), Sampling(19, True), Sampling(7, False)])
    _, kept = run(script)
    assert [one.sampling for one in script.given[:3]] == [None, *[Sampling(18, True)] * 2]
    blocks = [block for invocation in kept.result.invocations for block in invocation.blocks]
    assert {block.runs_per_sample for block in blocks} == {18}
