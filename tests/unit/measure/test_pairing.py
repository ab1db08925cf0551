"""Two configurations in turn: which block runs when, and what the other side does meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from edgeloop.errors import RuntimeFailedError
from edgeloop.measure import pairing
from edgeloop.measure.compare import _notes, _without_spinning
from edgeloop.measure.observer import Silence
from edgeloop.measure.pairing import PairedRun, measure_paired, same_worker
from edgeloop.measure.rest import process_cpu_ns
from edgeloop.measure.session import TRANSITION_RUNS, Session
from edgeloop.results.probe import Probe
from edgeloop.results.schema import Block
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.configuration import parse_configuration
from edgeloop.spec.run import ResolvedSpec, RunSpec
from edgeloop.stats.stopping import PRESETS

PRESET = replace(
    PRESETS["quick"],
    processes=2,
    min_processes=2,
    max_processes=2,
    min_blocks=8,
    warmup_s=0.05,
    total_seconds=4.0,
)


def spec(text: str) -> ResolvedSpec:
    (one,) = resolve(parse_configuration(text, RunSpec(model="", threads=1)), "compare")
    return one


@dataclass
class Watch:
    """What the sessions were asked for, in order, and what the other workers did meanwhile."""

    asked: list[tuple[int, str]] = field(default_factory=list)
    """Process id of the worker, and "warm N" or "block"."""
    others_ns: list[int] = field(default_factory=list)
    """CPU time of all other workers during each block."""
    sessions: list[Session] = field(default_factory=list)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    seen = Watch()

    class WatchedSession(Session):
        def __enter__(self) -> WatchedSession:
            seen.sessions.append(self)
            return self

        def warm_runs(self, loop: str, runs: int) -> float:
            seen.asked.append((self.worker.pid, f"warm {runs}"))
            return super().warm_runs(loop, runs)

        def block(self, loop: str, *arguments: Any, **more: Any) -> Block:
            seen.asked.append((self.worker.pid, "block"))
            others = [one.worker.pid for one in seen.sessions if one is not self]
            before_ns = [process_cpu_ns(pid) for pid in others]
            block = super().block(loop, *arguments, **more)
            after_ns = [process_cpu_ns(pid) for pid in others]
            used = (b - a for a, b in zip(before_ns, after_ns) if a is not None and b is not None)
            seen.others_ns.append(sum(used))
            return block

    monkeypatch.setattr(pairing, "Session", WatchedSession)
    monkeypatch.setattr(pairing, "BLOCK_S", 0.02)
    return seen


def measure(a: str, b: str) -> PairedRun:
    return measure_paired(spec(a), spec(b), PRESET, 0.01, Silence(), keep=lambda attempts: None)


CHAIN = "null@null,multiplications=50000"
OTHER = "null@null,multiplications=60000"


def test_the_idle_worker_uses_no_cpu_while_the_other_runs(watch: Watch) -> None:
    run = measure(CHAIN, OTHER)
    assert len(watch.sessions) == 4  # two workers a process pair
    assert run.busy_switches == 0
    assert len(watch.others_ns) == 2 * len(run.sessions)
    # A block is 20 ms or longer; a worker that sits in recv() takes nothing of it.
    assert max(watch.others_ns) < 200_000


def test_every_switch_is_followed_by_unrecorded_runs(watch: Watch) -> None:
    measure(CHAIN, OTHER)
    assert TRANSITION_RUNS >= 3
    blocks = [number for number, (_, what) in enumerate(watch.asked) if what == "block"]
    for number in blocks:
        pid = watch.asked[number][0]
        assert watch.asked[number - 1] == (pid, f"warm {TRANSITION_RUNS}")


def test_the_order_within_a_pair_is_random(watch: Watch) -> None:
    run = measure(CHAIN, OTHER)
    pids = [pid for pid, what in watch.asked if what == "block"]
    pairs = list(zip(pids[::2], pids[1::2]))
    assert len(pairs) == len(run.sessions)
    assert all(first != second for first, second in pairs)
    titles = {session.worker.pid: session.spec.title for session in watch.sessions}
    # Three pairs in each of two sessions at least; our seed does not begin with six alike.
    assert len({titles[first] for first, _ in pairs}) == 2


def test_two_loops_of_one_model_share_its_worker(watch: Watch) -> None:
    a, b = f"{CHAIN},loop=native", f"{CHAIN},loop=binding"
    assert same_worker(spec(a), spec(b))
    assert not same_worker(spec(CHAIN), spec(OTHER))
    run = measure(a, b)
    assert len(watch.sessions) == 2  # one a process
    assert {session.worker.pid for session in watch.sessions} == {pid for pid, _ in watch.asked}
    attempt_a, attempt_b = run.attempts[0]
    assert attempt_a.invocation is not None
    assert attempt_b.invocation is not None
    assert {block.loop for block in attempt_a.invocation.blocks} == {"native"}
    assert {block.loop for block in attempt_b.invocation.blocks} == {"binding"}


def test_a_worker_that_does_not_come_to_rest_is_counted_and_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pairing, "comes_to_rest", lambda pid, timeout_s: False)
    run = measure(CHAIN, OTHER)
    assert run.busy_switches == 2 * len(run.sessions)
    note = _notes(run)[0]  # a busy machine may add that fixed work was slow
    assert note.startswith(f"at {run.busy_switches} of {run.busy_switches} switches")


def test_a_pair_waits_for_the_probe_and_that_is_counted_and_said(
    monkeypatch: pytest.MonkeyPatch, watch: Watch
) -> None:
    asked: list[int] = []
    block, probe_ns = Session.block, iter([1000] * 6)

    def throttled_block(self: Session, *arguments: Any, **more: Any) -> Block:
        return replace(block(self, *arguments, **more), probe=Probe(1000, next(probe_ns, 1100)))

    def recovered(self: Session) -> int:
        asked.append(self.worker.pid)
        return 1000

    monkeypatch.setattr(Session, "block", throttled_block)
    monkeypatch.setattr(Session, "probe_ns", recovered)
    run = measure(CHAIN, OTHER)
    # Pairs 1 to 3 were at full speed; pair 4 is slow, and every pair after it waits for one look.
    assert run.recovery.pauses == len(run.sessions) - 4 == len(asked) > 0
    assert run.recovery.in_vain == 0
    (note,) = [note for note in _notes(run) if "fixed work" in note]
    assert note.startswith(f"before {len(asked)} of {len(run.sessions)} pairs")
    assert note.endswith("0 times in vain")


def test_the_worker_answers_with_the_time_of_fixed_work(monkeypatch: pytest.MonkeyPatch) -> None:
    probes_ns: list[int] = []

    class Asked(Session):
        def stop(self) -> None:
            probes_ns.append(self.probe_ns())
            super().stop()

    monkeypatch.setattr(pairing, "Session", Asked)
    measure(CHAIN, OTHER)
    # The chain of multiplications takes 100 to 200 µs; a machine under load more, never 10 µs.
    assert len(probes_ns) == 4
    assert min(probes_ns) > 10_000


def test_a_side_that_fails_keeps_what_both_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "BLOCK_S", 0.5)
    # Three pairs are always measured: 12,000 runs of 40 µs a block after 6,000 of warm-up at most.
    run = measure(CHAIN, f"{CHAIN},fail-at=32000")
    assert isinstance(run.error, RuntimeFailedError)
    assert "failed at run 32000" in str(run.error)
    assert run.sessions
    for attempt in run.attempts[-1]:
        assert attempt.invocation is not None
        assert attempt.invocation.blocks
        assert attempt.error is run.error


def test_idle_threads_of_onnxruntime_are_told_not_to_spin_unless_the_user_says() -> None:
    from edgeloop.demo import ASSETS

    pytest.importorskip("onnxruntime", reason="pip install onnxruntime")
    plain = spec(f"{ASSETS / 'digits_float32.onnx'}@onnxruntime")
    assert _without_spinning(plain).options.settings == {"intra-op-spinning": "0"}
    told = spec(f"{ASSETS / 'digits_float32.onnx'}@onnxruntime,intra-op-spinning=1")
    assert _without_spinning(told).options.settings == {"intra-op-spinning": "1"}
    assert _without_spinning(spec(CHAIN)) == spec(CHAIN)
