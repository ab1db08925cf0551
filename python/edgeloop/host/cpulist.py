"""Read and write lists of CPUs in the kernel's notation, such as `0-3,6`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from edgeloop.host.pseudofile import Reading, read_text


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """Return the CPU numbers, ascending; raises ValueError where `text` is no such list.

    cpufreq separates numbers by blanks, the rest of the kernel by commas.
    """
    cpus: set[int] = set()
    for item in re.split(r"[,\s]+", text.strip()):
        if item:
            first, _, last = item.partition("-")
            cpus.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(cpus))


def format_cpu_list(cpus: Iterable[int]) -> str:
    """Return the shortest notation, without blanks."""
    runs: list[list[int]] = []
    for cpu in sorted(set(cpus)):
        if runs and runs[-1][-1] == cpu - 1:
            runs[-1][1:] = [cpu]
        else:
            runs.append([cpu])
    return ",".join("-".join(str(end) for end in run) for run in runs)


def read_cpu_list(path: Path) -> Reading[tuple[int, ...]]:
    """Return the CPU numbers that a file of /sys lists."""
    text = read_text(path)
    if text.value is None:
        return Reading(None, text.reason)
    try:
        return Reading(parse_cpu_list(text.value))
    except ValueError:
        return Reading(None, f"{path} holds {text.value[:40]!r}, which is not a list of CPUs")
