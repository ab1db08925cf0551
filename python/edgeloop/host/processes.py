"""Find out who else uses the CPUs, from two snapshots of /proc."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from edgeloop.host.document import Document
from edgeloop.host.pseudofile import Reading, children, read_text

# Columns of the `cpu` line of /proc/stat (proc(5)). Guest time is part of user and nice.
_IDLE, _IOWAIT, _STEAL, _COLUMNS = 3, 4, 7, 8


@dataclass(frozen=True)
class Snapshot:
    """CPU times of the machine and of every process that this one may see.

    `machine_ns` has the columns user, nice, system, idle, iowait, irq, softirq, steal, added up
    over the CPUs; it is empty where /proc/stat cannot be read.
    """

    taken_ns: int
    logical_cpus: int
    machine_ns: tuple[int, ...]
    processes: dict[int, ProcessStat]


@dataclass(frozen=True)
class ProcessLoad(Document):
    """A process and the CPUs it kept busy: 1.0 is one whole CPU."""

    pid: int
    name: str
    cpus: float


@dataclass(frozen=True)
class MachineLoad(Document):
    """Shares, 0 to 1, of the time of all CPUs together.

    `other_share` is the work of all processes but our own; `steal_share` is what the hypervisor
    gave to other guests while this one wanted to run.
    """

    interval_ns: int
    logical_cpus: int
    busy_share: float | None
    busy_share_reason: str | None
    other_share: float | None
    other_share_reason: str | None
    steal_share: float | None
    steal_share_reason: str | None

    @property
    def other_cpus(self) -> float | None:
        """Return the load of others in CPUs: 1.0 is one whole CPU."""
        return None if self.other_share is None else self.other_share * self.logical_cpus


def snapshot(root: Path = Path("/"), now_ns: Callable[[], int] = time.monotonic_ns) -> Snapshot:
    """Read the CPU times of now; take two, some 100 ms apart or more, and compare them."""
    taken_ns = now_ns()
    machine_ns: tuple[int, ...] = ()
    logical_cpus = 0
    for line in (read_text(root / "proc/stat").value or "").splitlines():
        name, *ticks = line.split() or [""]
        if name == "cpu" and all(tick.isdecimal() for tick in ticks):
            machine_ns = tuple(int(tick) * tick_ns() for tick in ticks[:_COLUMNS])
        elif name.startswith("cpu") and name[3:].isdecimal():
            logical_cpus += 1
    processes = {}
    for directory in children(root / "proc", "[0-9]*"):
        stat = read_process_stat(directory).value
        if stat is not None:
            processes[stat.pid] = stat
    return Snapshot(taken_ns, logical_cpus, machine_ns, processes)


def busiest(
    before: Snapshot, after: Snapshot, top: int = 3, own: Iterable[int] | None = None
) -> tuple[ProcessLoad, ...]:
    """Return the processes that used most CPU, the heaviest first, without idle ones.

    `own` are left out with all their descendants; by default this process.
    """
    interval_ns = after.taken_ns - before.taken_ns
    if interval_ns <= 0:
        return ()
    ours = _family(after, own)
    used_ns = {pid: ns for pid, ns in _used_ns(before, after).items() if ns > 0 and pid not in ours}
    heaviest = sorted(used_ns, key=lambda pid: (-used_ns[pid], pid))[:top]
    return tuple(
        ProcessLoad(pid, after.processes[pid].name, used_ns[pid] / interval_ns) for pid in heaviest
    )


def machine_load(
    before: Snapshot, after: Snapshot, own: Iterable[int] | None = None
) -> MachineLoad:
    """Return how busy the machine was between the snapshots, and how much of it was others."""
    interval_ns = after.taken_ns - before.taken_ns
    columns = [late - early for early, late in zip(before.machine_ns, after.machine_ns)]
    total_ns = sum(columns)
    if len(columns) < _COLUMNS or total_ns <= 0:
        reason = (
            "/proc/stat could not be read"
            if len(columns) < _COLUMNS
            else f"no clock tick of {tick_ns() // 1_000_000} ms passed between the snapshots"
        )
        return MachineLoad(
            interval_ns, after.logical_cpus, None, reason, None, reason, None, reason
        )
    busy_ns = total_ns - columns[_IDLE] - columns[_IOWAIT] - columns[_STEAL]
    ours = _family(after, own)
    own_ns = sum(ns for pid, ns in _used_ns(before, after).items() if pid in ours)
    return MachineLoad(
        interval_ns=interval_ns,
        logical_cpus=after.logical_cpus,
        busy_share=_share(busy_ns, total_ns),
        busy_share_reason=None,
        other_share=_share(busy_ns - own_ns, total_ns),
        other_share_reason=None,
        steal_share=_share(columns[_STEAL], total_ns),
        steal_share_reason=None,
    )


def _share(part_ns: int, total_ns: int) -> float:
    # Idle time may go backwards by a tick (proc(5)), and ours is rounded apart from the total.
    return min(1.0, max(0.0, part_ns / total_ns))


def _used_ns(before: Snapshot, after: Snapshot) -> dict[int, int]:
    newest = max((stat.start_ticks for stat in before.processes.values()), default=0)
    used = {}
    for pid, late in after.processes.items():
        early = before.processes.get(pid)
        if early is not None and early.start_ticks == late.start_ticks:
            used[pid] = late.cpu_ns - early.cpu_ns
        elif late.start_ticks >= newest:  # else it was there before, but could not be read
            used[pid] = late.cpu_ns
    return used


def _family(after: Snapshot, own: Iterable[int] | None) -> set[int]:
    family = {os.getpid()} if own is None else set(own)
    grown = True
    while grown:
        children_of = {p.pid for p in after.processes.values() if p.parent_pid in family}
        grown = not children_of <= family
        family |= children_of
    return family


@dataclass(frozen=True)
class ProcessStat:
    """What /proc/PID/stat says; CPU time is that of all threads, including ended ones."""

    pid: int
    name: str
    state: str
    parent_pid: int
    minor_faults: int
    major_faults: int
    cpu_ns: int
    start_ticks: int


def tick_ns() -> int:
    """Return the unit of the kernel's CPU times, 10 ms nearly everywhere."""
    return 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def read_process_stat(directory: Path) -> Reading[ProcessStat]:
    """Read `directory`/stat, where the directory is /proc/PID."""
    text = read_text(directory / "stat")
    if text.value is None:
        return Reading(None, text.reason)
    # The name may hold spaces and parentheses: it ends at the last one.
    head, _, tail = text.value.rpartition(")")
    pid, _, name = head.partition(" (")
    fields = tail.split()  # fields[0] is field 3 of proc(5)
    try:
        return Reading(
            ProcessStat(
                pid=int(pid),
                name=name,
                state=fields[0],
                parent_pid=int(fields[1]),
                minor_faults=int(fields[7]),
                major_faults=int(fields[9]),
                cpu_ns=(int(fields[11]) + int(fields[12])) * tick_ns(),
                start_ticks=int(fields[19]),
            )
        )
    except (ValueError, IndexError):
        return Reading(None, f"{directory / 'stat'} is not in the format of proc(5)")
