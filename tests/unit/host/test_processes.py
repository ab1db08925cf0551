"""Who else uses the CPUs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeloop.host.processes import (
    Snapshot,
    busiest,
    machine_load,
    read_process_stat,
    snapshot,
    tick_ns,
)

SECOND = 1_000_000_000
Write = Callable[..., Snapshot]


def stat_line(pid: int, name: str, parent: int, ticks: int, start: int) -> str:
    return (
        f"{pid} ({name}) S {parent} 1 1 0 -1 4194304 100 0 7 0 {ticks - ticks // 4} {ticks // 4} "
        f"0 0 20 0 1 0 {start} 42678 3133440 412 18446744073709551615 0 0 0\n"
    )


@pytest.fixture
def take(tmp_path: Path) -> Write:
    """Take a snapshot of processes {pid: (name, parent, ticks, start)} at a given second."""

    def write(
        at_s: float, processes: dict[int, tuple[str, int, int, int]], machine: str | None
    ) -> Snapshot:
        root = tmp_path / f"at{at_s}"
        (root / "proc").mkdir(parents=True)
        if machine is not None:
            (root / "proc/stat").write_text(f"cpu  {machine}\ncpu0 1\ncpu1 1\ncpu2 1\ncpu3 1\n")
        for pid, (name, parent, ticks, start) in processes.items():
            (root / f"proc/{pid}").mkdir()
            (root / f"proc/{pid}/stat").write_text(stat_line(pid, name, parent, ticks, start))
        return snapshot(root, now_ns=lambda: int(at_s * SECOND))

    return write


HZ = SECOND // tick_ns()


def test_busiest_first_and_ours_left_out(take: Write) -> None:
    before = take(
        0,
        {
            1: ("init", 0, 50, 1),
            20: ("firefox", 1, 1000, 300),
            30: ("python3", 1, 0, 400),
            31: ("worker", 30, 0, 401),
            40: ("Web Content", 20, 0, 500),
        },
        None,
    )
    after = take(
        2,
        {
            1: ("init", 0, 50, 1),
            20: ("firefox", 1, 1000 + HZ, 300),
            30: ("python3", 1, HZ, 400),
            31: ("worker", 30, 2 * HZ, 401),
            32: ("helper", 31, 2 * HZ, 900),
            40: ("Web Content", 20, 2 * HZ, 500),
        },
        None,
    )
    heavy = busiest(before, after, own=[30])
    assert [(one.pid, one.name, one.cpus) for one in heavy] == [
        (40, "Web Content", pytest.approx(1.0)),
        (20, "firefox", pytest.approx(0.5)),
    ]
    assert len(busiest(before, after, top=1, own=[30])) == 1


def test_a_reused_or_new_pid_counts_from_its_own_start(take: Write) -> None:
    before = take(0, {1: ("init", 0, 0, 1), 50: ("old", 1, 700, 300)}, None)
    after = take(1, {1: ("init", 0, 0, 1), 50: ("new", 1, HZ, 800)}, None)
    (one,) = busiest(before, after, own=[])
    assert (one.name, one.cpus) == ("new", pytest.approx(1.0))


def test_a_process_that_was_unreadable_before_is_not_taken_for_a_new_one(take: Write) -> None:
    before = take(0, {1: ("init", 0, 0, 1), 60: ("late", 1, 0, 900)}, None)
    after = take(1, {1: ("init", 0, 0, 1), 55: ("hidden", 1, 99999, 500)}, None)
    assert busiest(before, after, own=[]) == ()


def test_shares_of_the_whole_machine(take: Write) -> None:
    own = os.getpid()
    before = take(0, {own: ("python3", 1, 0, 5)}, "0 0 0 0 0 0 0 0 0 0")
    # Four CPUs for 1 s: 1 CPU of ours, 0.8 of others, 0.2 stolen, 2 idle.
    machine = f"{18 * HZ // 10} 0 0 {15 * HZ // 10} {HZ // 2} 0 0 {2 * HZ // 10} 0 0"
    after = take(1, {own: ("python3", 1, HZ, 5)}, machine)
    load = machine_load(before, after)
    assert load.busy_share == pytest.approx(1.8 / 4)
    assert load.other_share == pytest.approx(0.8 / 4)
    assert load.other_cpus == pytest.approx(0.8)
    assert load.steal_share == pytest.approx(0.2 / 4)
    assert (load.logical_cpus, load.interval_ns) == (4, SECOND)


def test_too_short_an_interval_says_so(take: Write) -> None:
    before = take(0, {}, "1 2 3 4 5 6 7 8 9 10")
    after = take(0.001, {}, "1 2 3 4 5 6 7 8 9 10")
    load = machine_load(before, after)
    assert load.other_share is None
    assert load.other_cpus is None
    assert "no clock tick" in (load.other_share_reason or "")
    assert busiest(before, before) == ()


def test_without_proc_stat_there_is_a_reason(take: Write) -> None:
    load = machine_load(take(0, {}, None), take(1, {}, None))
    assert load.busy_share is None
    assert load.busy_share_reason == "/proc/stat could not be read"


@pytest.mark.parametrize("name", ["a b", "evil) S 1 (", "x) y", "", "名前"])
def test_names_of_any_kind(tmp_path: Path, name: str) -> None:
    (tmp_path / "stat").write_text(stat_line(9, name, 1, 40, 8), encoding="utf-8")
    stat = read_process_stat(tmp_path).value
    assert stat is not None
    assert (stat.name, stat.parent_pid, stat.cpu_ns, stat.start_ticks) == (
        name,
        1,
        40 * tick_ns(),
        8,
    )


def test_a_torn_line_is_no_process(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("9 (x) S 1")
    assert read_process_stat(tmp_path).value is None
