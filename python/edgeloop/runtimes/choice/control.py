"""How the worker is placed on the machine: the user's words checked against what is here."""

from __future__ import annotations

from collections.abc import Sequence

from edgeloop.errors import UsageError, nearest
from edgeloop.host.affinity import CpuCluster
from edgeloop.host.cpulist import parse_cpu_list

BIG, LITTLE = "big", "little"


CLUSTERS = (BIG, LITTLE)


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
