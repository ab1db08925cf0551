"""Two configurations in turn: which block runs when, how many processes, and what ends them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from edgeloop.errors import RuntimeFailedError
from edgeloop.measure import pair, pairing
from edgeloop.measure.compare import _notes, _without_spinning
from edgeloop.measure.live_worker import TRANSITION_RUNS, LiveWorker
from edgeloop.measure.observer import Silence
from edgeloop.measure.pairing import PLANS, PairedRun, Plan, measure_paired, plan_of, same_worker
from edgeloop.measure.rest import process_cpu_ns
from edgeloop.results.schema import Block
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.configuration import parse_configuration
from edgeloop.spec.resolved import ResolvedSpec
from edgeloop.spec.run import RunSpec
from edgeloop.worker import requests

CHAIN = "null@null,multiplications=50000"
OTHER = "null@null,multiplications=60000"
QUICK = PLANS["quick"]
STANDARD = PLANS["standard"]


def spec(text: str) -> ResolvedSpec:
    (one,) = resolve(parse_configuration(text, RunSpec(model="", threads=1)), "compare")
    return one


def measure(a: str, b: str, plan: Plan = QUICK) -> PairedRun:
    return measure_paired(spec(a), spec(b), plan, 0.01, Silence(), keep=lambda attempts: None)


def lucky(luck: float, seed: int = 1) -> Any:
    """Return run times in which every worker has its own luck for life, and a block scatters."""
    generator = random.Random(seed)
    of_worker: dict[int, float] = {}

    def run_ns(worker: Any, loop: str) -> float:
        own = of_worker.setdefault(worker.number, generator.gauss(0.0, luck))
        work_ns = float(worker.settings["multiplications"])
        return work_ns * float(np.exp(own + generator.gauss(0.0, 0.001)))

    return run_ns


def blocks_of(machine: Any) -> list[tuple[int, requests.Block]]:
    """Return (worker, request) of every block, by worker."""
    return [
        (worker.number, block)
        for worker in machine.workers
        for block in worker.asked
        if isinstance(block, requests.Block)
    ]


@pytest.mark.parametrize("effort", PLANS)
def test_every_effort_has_at_least_three_processes(machine: Any, effort: str) -> None:
    machine.run_ns = lucky(0.01)
    run = measure(CHAIN, CHAIN, PLANS[effort])
    processes = len(set(run.processes))
    assert processes >= 3
    assert len(machine.workers) == 2 * processes


def test_two_processes_give_no_verdict(machine: Any) -> None:
    machine.run_ns = lucky(0.0)
    run = measure(CHAIN, OTHER, replace(QUICK, first_stage=2, most=2))
    for pairs in range(1, len(run.processes) + 1):
        short = replace(
            run,
            medians_ns=(run.medians_ns[0][:pairs], run.medians_ns[1][:pairs]),
            processes=run.processes[:pairs],
        )
        if len(set(short.processes)) < 3:
            assert short.compare(0.01).verdict == "inconclusive"
            assert short.compare(0.01).ratio_ci95 is None


def test_the_scatter_of_the_first_stage_says_how_many_processes_there_are(machine: Any) -> None:
    machine.run_ns = lucky(0.0005)
    quiet = measure(CHAIN, OTHER, STANDARD)
    assert (len(quiet.attempts), quiet.stop_reason) == (STANDARD.first_stage, "converged")
    assert quiet.compare(0.01).verdict == "slower"
    machine.run_ns = lucky(0.006)
    more = measure(CHAIN, OTHER, STANDARD)
    assert STANDARD.first_stage < len(more.attempts) < STANDARD.most
    assert more.stop_reason == "converged"
    machine.run_ns = lucky(0.05)
    unlucky = measure(CHAIN, OTHER, STANDARD)
    assert (len(unlucky.attempts), unlucky.stop_reason) == (STANDARD.most, "time_budget")


def test_the_number_of_processes_does_not_depend_on_the_difference() -> None:
    scatter = np.linspace(-0.01, 0.01, STANDARD.first_stage)
    labels = list(range(STANDARD.first_stage))
    counts = {STANDARD.wanted([*(scatter + shift)], labels, 0.01) for shift in (0.0, 0.01, -0.7)}
    assert len(counts) == 1
    assert counts.pop() > STANDARD.first_stage
    # Nor on what came after the first stage.
    later = STANDARD.wanted([*scatter, 0.5, -0.5], [*labels, 98, 99], 0.01)
    assert later == STANDARD.wanted([*scatter], labels, 0.01)


@pytest.mark.parametrize("run_s", [1e-5, 1e-3, 0.02, 0.1, 0.4])
@pytest.mark.parametrize("budget_s", [5.0, 60.0])
def test_warm_up_and_blocks_keep_to_the_budget(machine: Any, run_s: float, budget_s: float) -> None:
    machine.run_ns = lambda worker, loop: 1e9 * run_s
    run = measure(CHAIN, OTHER, replace(STANDARD, total_s=budget_s))
    assert len(run.attempts) >= 3
    measured_s = machine.now_s - 1000.0 - machine.loading_s * len(machine.workers)
    assert run.spent_s == pytest.approx(measured_s)
    # Three processes of two warm-ups and one pair of blocks are the least that gives an answer.
    least_s = 3 * 2 * (2 + 1 + TRANSITION_RUNS) * run_s
    assert measured_s <= max(budget_s, least_s) * 1.01


def test_processes_that_are_slow_to_load_are_fewer_and_longer(machine: Any) -> None:
    machine.loading_s = 3.0  # of each of two workers
    machine.run_ns = lucky(0.05)
    run = measure(CHAIN, OTHER, STANDARD)
    assert len(run.attempts) == 10
    assert machine.now_s - 1000.0 <= 2.01 * STANDARD.total_s


def test_a_budget_of_the_user_replaces_that_of_the_effort() -> None:
    assert plan_of(replace(spec(CHAIN), budget_s=7.0)).total_s == 7.0
    assert plan_of(spec(CHAIN)) == STANDARD


def test_every_block_follows_unrecorded_runs_and_the_order_is_random(machine: Any) -> None:
    order: list[int] = []

    def run_ns(worker: Any, loop: str) -> float:
        if isinstance(worker.asked[-1], requests.Block):
            order.append(int(worker.settings["multiplications"]))
        return 50_000.0

    machine.run_ns = run_ns
    run = measure(CHAIN, OTHER)
    assert TRANSITION_RUNS >= 3
    assert {block.unrecorded for _, block in blocks_of(machine)} == {TRANSITION_RUNS}
    pairs = list(zip(order[::2], order[1::2]))
    assert len(pairs) == len(run.processes)
    assert all(first != second for first, second in pairs)
    share = sum(first == 50_000 for first, _ in pairs) / len(pairs)
    assert 0.3 < share < 0.7  # of some hundred pairs, in the order of one seed


def test_blocks_are_short_and_a_slow_run_is_not_alone_in_its_block(machine: Any) -> None:
    for run_s, runs in ((1e-5, 500), (1e-3, 5), (5e-3, 5), (0.02, 2), (0.1, 1)):
        machine.workers.clear()
        machine.run_ns = lambda worker, loop, run_s=run_s: 1e9 * run_s
        measure(CHAIN, OTHER)
        assert {block.runs for _, block in blocks_of(machine)} == {runs}


def test_one_number_of_runs_per_sample_holds_for_both_sides(machine: Any) -> None:
    machine.run_ns = lambda worker, loop: float(worker.settings["multiplications"])
    measure("null@null,multiplications=100", "null@null,multiplications=2000")
    # The clock's read of 1 ns asks for samples of 1 us, ten runs of the faster side.
    assert {block.runs_per_sample for _, block in blocks_of(machine)} == {10}


def test_two_loops_of_one_model_share_its_worker(machine: Any) -> None:
    a, b = f"{CHAIN},loop=native", f"{CHAIN},loop=binding"
    assert same_worker(spec(a), spec(b))
    assert not same_worker(spec(CHAIN), spec(OTHER))
    run = measure(a, b)
    assert len(machine.workers) == len(run.attempts)
    for sides in run.attempts:
        for attempt, loop in zip(sides, ("native", "binding")):
            assert attempt.invocation is not None
            assert {block.loop for block in attempt.invocation.blocks} == {loop}


def test_equal_sides_have_a_worker_and_their_own_blocks_each(machine: Any) -> None:
    assert not same_worker(spec(CHAIN), spec(CHAIN))
    run = measure(CHAIN, CHAIN)
    assert len(machine.workers) == 2 * len(run.attempts)
    stored = [
        len(attempt.invocation.blocks) for sides in run.attempts for attempt in sides
        if attempt.invocation is not None
    ]  # fmt: skip
    assert sum(stored) == 2 * len(run.processes)
    assert stored[::2] == stored[1::2]


def test_one_disturbed_block_in_five_does_not_move_the_ratio(machine: Any) -> None:
    generator = random.Random(3)

    def run_ns(worker: Any, loop: str) -> float:
        disturbed = 10.0 if generator.random() < 0.1 else 1.0
        return disturbed * float(worker.settings["multiplications"])

    machine.run_ns = run_ns
    found = measure(CHAIN, OTHER).compare(0.01)
    assert found.verdict == "slower"
    assert found.ratio == pytest.approx(1.2, rel=0.001)


def test_a_side_that_fails_keeps_what_both_measured(machine: Any) -> None:
    def run_ns(worker: Any, loop: str) -> float:
        if worker.settings.get("fail-at") and worker.number >= 2 and worker.runs > 3000:
            raise RuntimeFailedError("the null runtime failed at run 3000")
        return 50_000.0

    machine.run_ns = run_ns
    run = measure(CHAIN, f"{CHAIN},fail-at=3000")
    assert isinstance(run.error, RuntimeFailedError)
    assert set(run.processes) == {0, 1}
    for attempt in run.attempts[-1]:
        assert attempt.invocation is not None
        assert attempt.invocation.blocks
        assert attempt.error is run.error


def test_a_worker_that_is_not_at_rest_is_counted_waited_for_and_said(
    machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []

    def comes_to_rest(pid: int, timeout_s: float) -> bool:
        waits.append(pid)
        machine.passes(0.02)
        return True

    monkeypatch.setattr(pair, "comes_to_rest", comes_to_rest)
    quiet = measure(CHAIN, OTHER)
    assert (quiet.busy_blocks, waits, _notes(quiet)) == (0, [], ())
    monkeypatch.setattr(pairing, "rested", lambda before, after: False)
    run = measure(CHAIN, OTHER)
    assert run.busy_blocks == 2 * len(run.processes)
    # The first block of a process finds out.
    assert len(waits) == run.busy_blocks - len(run.attempts)
    (note,) = _notes(run)
    assert note.startswith(f"during {run.busy_blocks} of {run.busy_blocks} blocks")


def test_a_worker_that_never_rests_is_waited_for_once_a_process(
    machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []

    def never(pid: int, timeout_s: float) -> bool:
        waits.append(pid)
        machine.passes(timeout_s)
        return False

    monkeypatch.setattr(pair, "comes_to_rest", never)
    monkeypatch.setattr(pairing, "rested", lambda before, after: False)
    run = measure(CHAIN, OTHER, STANDARD)
    assert len(waits) <= len(run.attempts)


@dataclass
class Watch:
    """What the workers did: CPU time of those that ran, and of the others meanwhile."""

    own_ns: int = 0
    others_ns: int = 0
    workers: list[LiveWorker] = field(default_factory=list)


def test_the_idle_worker_uses_no_cpu_while_the_other_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Watch()

    class Watched(LiveWorker):
        def __enter__(self) -> Watched:
            seen.workers.append(self)
            return self

        def block(self, loop: str, *arguments: Any, **more: Any) -> Block:
            others = [one.client.pid for one in seen.workers if one is not self]
            before_ns = [process_cpu_ns(pid) for pid in others]
            block = super().block(loop, *arguments, **more)
            after_ns = [process_cpu_ns(pid) for pid in others]
            used = (b - a for a, b in zip(before_ns, after_ns) if a is not None and b is not None)
            seen.others_ns += sum(used)
            seen.own_ns += block.cpu_ns or 0
            return block

    monkeypatch.setattr(pair, "LiveWorker", Watched)
    run = measure(CHAIN, OTHER, replace(QUICK, first_stage=3, most=3, total_s=1.5))
    assert len(seen.workers) == 6  # two workers a process
    assert len(run.processes) >= 3
    # One that sits in recv() takes what ending its answer takes; one that spins as much as the
    # side that runs. CPU time, so that a busy machine changes neither.
    assert seen.others_ns < 0.1 * seen.own_ns


def test_idle_threads_of_onnxruntime_are_told_not_to_spin_unless_the_user_says() -> None:
    from edgeloop.demo import ASSETS

    pytest.importorskip("onnxruntime", reason="pip install onnxruntime")
    plain = spec(f"{ASSETS / 'digits_float32.onnx'}@onnxruntime")
    assert _without_spinning(plain).options.settings == {"intra-op-spinning": "0"}
    told = spec(f"{ASSETS / 'digits_float32.onnx'}@onnxruntime,intra-op-spinning=1")
    assert _without_spinning(told).options.settings == {"intra-op-spinning": "1"}
    assert _without_spinning(spec(CHAIN)) == spec(CHAIN)


def test_the_plan_of_a_slow_process_has_three() -> None:
    plan = STANDARD.limited(process_s=100.0, loading_s=0.1)
    assert plan == replace(STANDARD, first_stage=3, most=3)
    assert STANDARD.limited(process_s=0.1, loading_s=0.1) == STANDARD
