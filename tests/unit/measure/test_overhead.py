"""`overhead` on a scripted machine: short blocks in turn, one budget, honest differences."""

from __future__ import annotations

from typing import Any

import pytest

import edgeloop
from edgeloop.results.schema import Result

LOOPS = ("native", "binding", "framework")
CALL_NS = {"native": 0.0, "binding": 220.0, "framework": 1500.0}


def measured(**options: Any) -> Result:
    return edgeloop.overhead("null", loops=LOOPS, threads=1, **options)


@pytest.fixture(autouse=True)
def _loops(machine: Any) -> None:
    machine.run_ns = lambda worker, loop: 200_000.0 * (1 + worker.number % 3) + CALL_NS[loop]


def test_blocks_are_short_and_there_is_no_tail_pass(machine: Any) -> None:
    blocks = [block for i in measured(effort="quick").invocations for block in i.blocks]
    assert not any(block.tail for block in blocks)
    assert max(block.wall_ns for block in blocks) <= 12e6
    assert len(blocks) / len(machine.workers) / len(LOOPS) >= 10


def test_each_loop_is_told_what_it_costs() -> None:
    found = measured(effort="quick").summary["overhead"]["loops"]
    for loop in ("binding", "framework"):
        low, high = found[loop]["difference_ci95_ns"]
        # Scripted runs are whole nanoseconds in a sample, and nothing else scatters.
        assert low - 1 <= CALL_NS[loop] <= high + 1
        assert found[loop]["difference_ns"] == pytest.approx(CALL_NS[loop], abs=1)


def test_a_disturbance_of_every_fourth_block_does_not_move_the_difference(machine: Any) -> None:
    ours, count = machine.run_ns, [0]

    def run_ns(worker: Any, loop: str) -> float:
        count[0] += 1
        return float(ours(worker, loop)) * (1.5 if count[0] % 4 == 0 else 1.0)

    machine.run_ns = run_ns
    found = measured(effort="quick").summary["overhead"]["loops"]["framework"]
    assert found["difference_ns"] == pytest.approx(CALL_NS["framework"], rel=0.01)


@pytest.mark.parametrize("budget_s", [2.0, 5.0, 10.0])
@pytest.mark.parametrize("loading_s", [0.05, 1.5])
def test_the_whole_run_keeps_to_its_budget_beyond_loading(
    machine: Any, budget_s: float, loading_s: float
) -> None:
    machine.loading_s = loading_s
    result = measured(budget_s=budget_s)
    workers = len(machine.workers)
    assert workers == len(result.invocations) >= 3
    # A process ends with the round in which its share is over: 30 ms of blocks here.
    assert machine.now_s - 1000.0 - workers * loading_s <= budget_s + 0.05 * workers
