"""Read the CPU and memory limits that control groups put on this process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgeloop.host.document import Document
from edgeloop.host.pseudofile import Reading, read_integer, read_text, read_words

# cgroup v1 writes "no limit" as the highest page-aligned int64; 1 EiB is as good as none.
_NO_LIMIT_BYTES = 1 << 60


@dataclass(frozen=True)
class CpuQuota(Document):
    """The CPU time a control group grants, in CPUs: 1.5 is 150 ms of CPU per 100 ms."""

    cpus: float | None
    cpus_reason: str | None
    source: str | None


def cpu_quota(root: Path = Path("/")) -> CpuQuota:
    """Return the tightest quota of this process's control group and the groups above it."""
    tightest: tuple[float, str] | None = None
    for directory in _directories(root, "cpu"):
        cpus = _v2_cpus(directory) or _v1_cpus(directory)
        if cpus is not None and (tightest is None or cpus < tightest[0]):
            tightest = (cpus, str(directory))
    if tightest is None:
        return CpuQuota(None, "no control group limits the CPU time", None)
    return CpuQuota(tightest[0], None, tightest[1])


def memory_limit_bytes(root: Path = Path("/")) -> Reading[int]:
    """Return the tightest memory limit of this process's control group and those above it."""
    limits = []
    for directory in _directories(root, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            limit = read_integer(directory / name).value  # memory.max may hold "max"
            if limit is not None and limit < _NO_LIMIT_BYTES:
                limits.append(limit)
    return Reading(min(limits)) if limits else Reading(None, "no control group limits the memory")


def _v2_cpus(directory: Path) -> float | None:
    words = read_words(directory / "cpu.max").value or ()
    if len(words) == 2 and words[0].isdecimal() and words[1].isdecimal() and int(words[1]) > 0:
        return int(words[0]) / int(words[1])
    return None


def _v1_cpus(directory: Path) -> float | None:
    quota_us = read_integer(directory / "cpu.cfs_quota_us").value
    period_us = read_integer(directory / "cpu.cfs_period_us").value
    if quota_us is not None and period_us is not None and quota_us > 0 and period_us > 0:
        return quota_us / period_us
    return None


def _directories(root: Path, controller: str) -> Iterator[Path]:
    """Yield the directories, innermost first, whose limits of `controller` bind this process."""
    groups = _own_groups(root)
    for line in (read_text(root / "proc/self/mountinfo").value or "").splitlines():
        left, _, right = line.partition(" - ")
        mount, filesystem = left.split(), right.split()
        if len(mount) < 5 or len(filesystem) < 3:
            continue
        if filesystem[0] == "cgroup2":
            group = groups.get("")
        elif filesystem[0] == "cgroup" and controller in filesystem[2].split(","):
            group = groups.get(controller)
        else:
            continue
        mount_point = root / mount[4].lstrip("/")
        if group is not None:
            yield from _from_group_to_mount(mount_point, PurePosixPath(mount[3]), group)


def _own_groups(root: Path) -> dict[str, PurePosixPath]:
    """Return controller -> path of this process's group; version 2 has the empty name."""
    groups = {}
    for line in (read_text(root / "proc/self/cgroup").value or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number.isdecimal():
            groups.update({name: PurePosixPath(path) for name in controllers.split(",")})
    return groups


def _from_group_to_mount(
    mount_point: Path, mount_root: PurePosixPath, group: PurePosixPath
) -> Iterator[Path]:
    try:
        inner = group.relative_to(mount_root)
    except ValueError:
        # A container with the host's group names mounts its own group as the root.
        inner = PurePosixPath()
    if ".." in inner.parts:  # the group lies outside of this cgroup namespace
        inner = PurePosixPath()
    for depth in range(len(inner.parts), -1, -1):
        yield mount_point.joinpath(*inner.parts[:depth])
