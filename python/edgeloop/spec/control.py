"""How the worker is placed on the machine: its CPUs, its priority, its memory, the governor.

What the system refuses does not end a run: it is null in the result, with the reason, and warned
of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from edgeloop.errors import UsageError, nearest
from edgeloop.host.affinity import CpuCluster
from edgeloop.host.cpulist import parse_cpu_list

BIG, LITTLE = "big", "little"
CLUSTERS = (BIG, LITTLE)

_NICE = (-20, 19)
_REALTIME = (1, 99)
REALTIME_POLICIES = ("fifo", "rr")


@dataclass(frozen=True)
class Control:
    """What was asked for; None and False: as the system has it."""

    cpus: Optional[tuple[int, ...]] = None
    priority: Optional[str] = None
    """A nice value, "-10", or a real-time policy with its priority, "fifo:50"."""
    mlock: bool = False
    """Keep all memory of the worker from being swapped out."""
    governor: Optional[str] = None
    """Set for the time of the run, and restored after it."""


UNCONTROLLED = Control()


def parse_cpus(text: str) -> tuple[int, ...]:
    """Read 2,3 or 0-3. Raises UsageError that shows the right form."""
    try:
        cpus = parse_cpu_list(text)
    except ValueError:
        cpus = ()
    if not cpus:
        raise UsageError(f"--cpus {text}: write numbers of CPUs, 2,3 or 0-3")
    return cpus


def cluster_cpus(name: str, clusters: Sequence[CpuCluster]) -> tuple[int, ...]:
    """Return the CPUs of the fastest ("big") or the slowest ("little") cluster.

    Raises UsageError for another name, or where the cores are all alike.
    """
    if name not in CLUSTERS:
        raise UsageError(f"no cluster is called '{name}'; {nearest(name, CLUSTERS)}")
    if len(clusters) < 2:
        raise UsageError(f"--cluster {name}: the cores of this machine are all alike; use --cpus")
    return clusters[0 if name == BIG else -1].cpus


def parse_priority(text: str) -> str:
    """Check -10 (nice) or fifo:50, rr:50 (real time). Raises UsageError that shows the form."""
    policy, colon, number = text.partition(":")
    least, most = _NICE
    if colon and policy in REALTIME_POLICIES:
        least, most = _REALTIME
    elif colon:
        number = ""
    else:
        number = text
    try:
        fits = least <= int(number) <= most
    except ValueError:
        fits = False
    if not fits:
        raise UsageError(
            f"--priority {text}: write a nice value from -20 to 19, or fifo:N or rr:N with N from "
            "1 to 99"
        )
    return text
