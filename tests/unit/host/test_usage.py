"""What one process has used."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeloop.host.procstat import tick_ns
from edgeloop.host.usage import thread_ids, usage


@pytest.fixture
def process(tmp_path: Path) -> Path:
    """A process 42 with threads 42 and 43."""
    directory = tmp_path / "proc/42"
    for thread, switches in ((42, 5), (43, 7)):
        task = directory / "task" / str(thread)
        task.mkdir(parents=True)
        (task / "status").write_text(
            f"Name:\tx\nvoluntary_ctxt_switches:\t{switches}\nnonvoluntary_ctxt_switches:\t1\n"
        )
        (task / "sched").write_text(
            f"x ({thread}, #threads: 2)\n---\nse.nr_migrations                 :    {switches}\n"
        )
    (directory / "stat").write_text("42 (x) S 1 1 1 0 -1 0 1234 0 5 0 30 12 0 0 20 0 2 0 777 0 0\n")
    (directory / "status").write_text("Name:\tx\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n")
    return tmp_path


def test_totals_over_threads(process: Path) -> None:
    used = usage(42, process)
    assert used.cpu_ns == 42 * tick_ns()
    assert used.cpu_resolution_ns == tick_ns()
    assert used.thread_ids == (42, 43)
    assert (used.voluntary_switches, used.involuntary_switches) == (12, 2)
    assert used.migrations == 12
    assert (used.rss_bytes, used.peak_rss_bytes) == (1 << 20, 2 << 20)
    assert (used.minor_faults, used.major_faults) == (1234, 5)
    assert not [name for name in used.as_dict() if name.endswith("_reason")]


def test_a_kernel_without_sched_debug(process: Path) -> None:
    for thread in (42, 43):
        (process / f"proc/42/task/{thread}/sched").unlink()
    used = usage(42, process)
    assert used.migrations is None
    assert "sched" in (used.migrations_reason or "")
    assert used.as_dict()["migrations_reason"] == used.migrations_reason


def test_a_thread_that_ends_meanwhile_is_left_out(process: Path) -> None:
    (process / "proc/42/task/43/status").unlink()
    assert usage(42, process).voluntary_switches == 5


def test_a_zombie_has_no_memory(process: Path) -> None:
    (process / "proc/42/status").write_text("Name:\tx\nState:\tZ (zombie)\n")
    used = usage(42, process)
    assert used.rss_bytes is None
    assert "VmRSS" in (used.rss_bytes_reason or "")


def test_a_process_that_is_gone(process: Path) -> None:
    used = usage(43, process)
    assert used.cpu_ns is None
    assert used.cpu_ns_reason
    assert used.voluntary_switches_reason == "the process has no threads: it has ended"
    assert thread_ids(43, process) == ()
