"""Find the CPUs this process may use and group them into clusters of equal speed."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from edgeloop.host.cpuinfo import cpu_entries, parse_cpu_list, read_cpu_list
from edgeloop.host.document import Document
from edgeloop.host.frequency import frequency_policies
from edgeloop.host.pseudofile import read_integer, read_text

_CPUS = "sys/devices/system/cpu"

# Cores of one kind may differ a little in their highest clock without being another cluster:
# RK3588 bins its two A76 pairs apart by up to 6 %, Intel and AMD mark "favoured" cores. The
# smallest step between real clusters of one kind is larger (prime and big cores: 15 %).
_SAME_SPEED = 0.10


@dataclass(frozen=True)
class CpuCluster(Document):
    """CPUs of the same kind and speed; `max_hz` and `capacity` are those of the fastest one."""

    cpus: tuple[int, ...]
    core_name: str | None
    core_name_reason: str | None
    max_hz: int | None
    max_hz_reason: str | None
    capacity: int | None
    capacity_reason: str | None


def allowed_cpus(root: Path = Path("/"), pid: int | None = None) -> tuple[int, ...]:
    """Return the online CPUs in the affinity mask of a process, by default this one.

    Empty where the process is gone, or `root` is a tree that says nothing about CPUs.
    """
    mask = _mask(root / "proc" / ("self" if pid is None else str(pid)) / "status")
    if mask is not None:
        # The mask may name CPUs that are absent: a server's default is all possible ones.
        online = read_cpu_list(root / _CPUS / "online").value
        return mask if online is None else tuple(cpu for cpu in mask if cpu in online)
    if pid is not None:
        return ()
    if root == Path("/"):  # no /proc, as in a bare chroot
        return tuple(sorted(os.sched_getaffinity(0)))
    return online_cpus(root)


def online_cpus(root: Path = Path("/")) -> tuple[int, ...]:
    """Return the CPUs that are switched on."""
    online = read_cpu_list(root / _CPUS / "online").value
    return online or tuple(sorted(entry.cpu for entry in cpu_entries(root)))


def clusters(root: Path = Path("/")) -> tuple[CpuCluster, ...]:
    """Return the clusters of all online CPUs, the fastest first."""
    single = _single_cpus(root)
    # A capacity compares kinds of cores, a clock does not; but it must be known of every CPU.
    by_capacity = all(one.capacity is not None for one in single)
    single.sort(
        key=lambda one: (-(one.capacity or 0) if by_capacity else 0, -(one.max_hz or 0), one.cpus)
    )
    groups: list[CpuCluster] = []
    for one in single:
        for index, group in enumerate(groups):
            if _same_cluster(group, one):
                groups[index] = replace(group, cpus=tuple(sorted(group.cpus + one.cpus)))
                break
        else:
            groups.append(one)
    return tuple(groups)


def fastest_cluster(root: Path = Path("/")) -> CpuCluster:
    """Return the fastest cluster that the affinity mask reaches, with only its allowed CPUs."""
    allowed = allowed_cpus(root)
    for cluster in clusters(root):
        cpus = tuple(cpu for cpu in cluster.cpus if cpu in allowed)
        if cpus:
            return replace(cluster, cpus=cpus)
    reason = "neither /sys nor /proc/cpuinfo describes the CPUs"
    return CpuCluster(allowed, None, reason, None, reason, None, reason)


def smt_siblings(root: Path = Path("/")) -> tuple[tuple[int, ...], ...]:
    """Return the sets of logical CPUs that share one core; empty without SMT."""
    groups = {
        read_cpu_list(root / _CPUS / f"cpu{cpu}/topology/thread_siblings_list").value or (cpu,)
        for cpu in online_cpus(root)
    }
    return tuple(sorted(group for group in groups if len(group) > 1))


def _mask(status: Path) -> tuple[int, ...] | None:
    for line in (read_text(status).value or "").splitlines():
        name, _, value = line.partition(":")
        if name == "Cpus_allowed_list":
            with suppress(ValueError):
                return parse_cpu_list(value)
    return None


def _single_cpus(root: Path) -> list[CpuCluster]:
    core_names = {entry.cpu: entry.core_name for entry in cpu_entries(root)}
    policies = {cpu: policy for policy in frequency_policies(root) for cpu in policy.cpus}
    single = []
    for cpu in online_cpus(root):
        capacity = read_integer(root / _CPUS / f"cpu{cpu}/cpu_capacity")
        policy = policies.get(cpu)
        name = core_names.get(cpu)
        single.append(
            CpuCluster(
                cpus=(cpu,),
                core_name=name,
                core_name_reason=None if name else "/proc/cpuinfo does not name the core",
                max_hz=policy.hardware_max_hz if policy else None,
                max_hz_reason=(
                    policy.hardware_max_hz_reason if policy else "no cpufreq policy has this CPU"
                ),
                capacity=capacity.value,
                capacity_reason=capacity.reason,
            )
        )
    return single


def _same_cluster(fastest: CpuCluster, other: CpuCluster) -> bool:
    return (
        fastest.core_name == other.core_name
        and _close(fastest.max_hz, other.max_hz)
        and _close(fastest.capacity, other.capacity)
    )


def _close(a: int | None, b: int | None) -> bool:
    if a is None or b is None:
        return a is b
    return abs(a - b) <= _SAME_SPEED * max(a, b)
