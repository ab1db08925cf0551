"""Read what one process has used so far: CPU time, threads, switches, memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edgeloop.host.document import Document
from edgeloop.host.procstat import read_process_stat, tick_ns
from edgeloop.host.pseudofile import Reading, children, read_text


@dataclass(frozen=True)
class ProcessUsage(Document):
    """Totals since the process started; subtract two of them to learn about an interval.

    CPU time and page faults include ended threads. Context switches and migrations are added up
    over the threads alive now, so that they may fall when a thread ends.
    """

    pid: int
    cpu_ns: int | None
    cpu_ns_reason: str | None
    cpu_resolution_ns: int
    thread_ids: tuple[int, ...]
    voluntary_switches: int | None
    voluntary_switches_reason: str | None
    involuntary_switches: int | None
    involuntary_switches_reason: str | None
    migrations: int | None
    migrations_reason: str | None
    rss_bytes: int | None
    rss_bytes_reason: str | None
    peak_rss_bytes: int | None
    peak_rss_bytes_reason: str | None
    minor_faults: int | None
    minor_faults_reason: str | None
    major_faults: int | None
    major_faults_reason: str | None


def usage(pid: int, root: Path = Path("/")) -> ProcessUsage:
    """Return what process `pid` has used; all values are None, with reasons, once it is gone."""
    directory = root / "proc" / str(pid)
    stat = read_process_stat(directory)
    threads = thread_ids(pid, root)
    tasks = [directory / "task" / str(thread) for thread in threads]
    voluntary = _sum(tasks, "status", "voluntary_ctxt_switches")
    involuntary = _sum(tasks, "status", "nonvoluntary_ctxt_switches")
    migrations = _sum(tasks, "sched", "se.nr_migrations")
    rss, peak_rss = _kib(directory, "VmRSS"), _kib(directory, "VmHWM")
    return ProcessUsage(
        pid=pid,
        cpu_ns=stat.value.cpu_ns if stat.value else None,
        cpu_ns_reason=stat.reason,
        cpu_resolution_ns=tick_ns(),
        thread_ids=threads,
        voluntary_switches=voluntary.value,
        voluntary_switches_reason=voluntary.reason,
        involuntary_switches=involuntary.value,
        involuntary_switches_reason=involuntary.reason,
        migrations=migrations.value,
        migrations_reason=migrations.reason,
        rss_bytes=rss.value,
        rss_bytes_reason=rss.reason,
        peak_rss_bytes=peak_rss.value,
        peak_rss_bytes_reason=peak_rss.reason,
        minor_faults=stat.value.minor_faults if stat.value else None,
        minor_faults_reason=stat.reason,
        major_faults=stat.value.major_faults if stat.value else None,
        major_faults_reason=stat.reason,
    )


def thread_ids(pid: int, root: Path = Path("/")) -> tuple[int, ...]:
    """Return the ids of the living threads, ascending; empty once the process is gone."""
    tasks = children(root / "proc" / str(pid) / "task", "[0-9]*")
    return tuple(sorted(int(task.name) for task in tasks))


def _sum(tasks: Iterable[Path], file_name: str, field: str) -> Reading[int]:
    """Add `field` up over the threads that could be read; some may end meanwhile."""
    total: int | None = None
    reason: str | None = "the process has no threads: it has ended"
    for task in tasks:
        text = read_text(task / file_name)
        value = _field(text, field, task / file_name)
        if value.value is None:
            reason = value.reason
        else:
            total = (total or 0) + value.value
    return Reading(total, None if total is not None else reason)


def _kib(directory: Path, field: str) -> Reading[int]:
    value = _field(read_text(directory / "status"), field, directory / "status")
    return value if value.value is None else Reading(value.value * 1024)


def _field(text: Reading[str], name: str, path: Path) -> Reading[int]:
    if text.value is None:
        return Reading(None, text.reason)
    for line in text.value.splitlines():
        key, _, value = line.partition(":")
        words = value.split()
        if key.strip() == name and words and words[0].isdecimal():
            return Reading(int(words[0]))
    return Reading(None, f"{path} has no {name}")
