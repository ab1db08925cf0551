"""Parse /proc/PID/stat."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edgeloop.host.pseudofile import Reading, read_text


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
