"""Who else used the CPUs."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeloop.measure import neighbours
from edgeloop.measure.neighbours import Neighbours, NeighbourWatch

S = 10**9


class Machine:
    """Two CPUs whose time is told; all times in s."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now_s = self.user_s = self.steal_s = self.worker_s = 0.0
        (root / "proc").mkdir()
        self.passes(0.0)

    def passes(self, seconds: float, others: float = 0.0, own: float = 0.0, steal: float = 0.0):
        self.now_s += seconds
        self.user_s += (others + own) * seconds
        self.worker_s += own * seconds
        self.steal_s += steal * seconds
        idle = 2 * self.now_s - self.user_s - self.steal_s
        ticks = (self.user_s, 0, 0, idle, 0, 0, 0, self.steal_s, 0, 0)
        line = " ".join(str(round(100 * one)) for one in ticks)
        (self.root / "proc/stat").write_text(f"cpu  {line}\ncpu0 1 2 3\n")

    def watch(self) -> NeighbourWatch:
        return NeighbourWatch(
            self.root,
            now_ns=lambda: round(self.now_s * S),
            cpu_ns=lambda pid: round(self.worker_s * S) if pid == 7 else None,
        )


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(neighbours.time, "process_time_ns", lambda: 0)
    return Machine(tmp_path)


def test_others_are_all_but_the_workers_and_the_stolen_time(machine: Machine) -> None:
    machine.passes(5.0, others=2.0)
    watch = machine.watch()
    watch.watch(7)
    machine.passes(0.5, others=0.5, own=1.0, steal=0.2)
    found = watch.look()
    assert found is not None
    assert found.other_cpus == pytest.approx(0.5)
    assert found.stolen_cpus == pytest.approx(0.2)


def test_only_the_newest_half_second_counts(machine: Machine) -> None:
    watch = machine.watch()
    watch.watch(7)
    assert watch.look() is None
    machine.passes(0.2)
    assert watch.look() is None
    for _ in range(20):
        machine.passes(0.1, others=1.0)
        watch.look()
    for _ in range(5):
        machine.passes(0.1)
        found = watch.look()
    assert found == Neighbours(0.0, 0.0)


def test_a_worker_that_is_gone_stays_counted_and_a_file_that_is_gone_tells_nothing(
    machine: Machine,
) -> None:
    watch = machine.watch()
    watch.watch(7)
    watch.watch(8)
    machine.passes(1.0, own=1.0)
    assert watch.look() == Neighbours(0.0, 0.0)
    (machine.root / "proc/stat").unlink()
    assert watch.look() is None
