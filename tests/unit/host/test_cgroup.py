"""Limits of control groups, versions 1 and 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeloop.host.cgroup import cpu_quota, memory_limit_bytes


@pytest.fixture
def tree(tmp_path: Path):
    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        return tmp_path

    return write


V2_MOUNT = "31 23 0:28 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw"


def test_container_with_one_and_a_half_cpus(container: Path) -> None:
    quota = cpu_quota(container)
    assert quota.cpus == 1.5
    assert quota.source == str(container / "sys/fs/cgroup")
    assert memory_limit_bytes(container).value == 2 << 30


def test_no_limit_says_so(pi4: Path) -> None:
    quota = cpu_quota(pi4)
    assert quota.cpus is None
    assert quota.cpus_reason == "no control group limits the CPU time"
    assert quota.source is None
    assert memory_limit_bytes(pi4).value is None


def test_v2_takes_the_tightest_of_all_levels(tree) -> None:
    root = tree(
        {
            "proc/self/mountinfo": V2_MOUNT,
            "proc/self/cgroup": "0::/user.slice/job.scope",
            "sys/fs/cgroup/user.slice/cpu.max": "200000 100000",
            "sys/fs/cgroup/user.slice/job.scope/cpu.max": "max 100000",
            "sys/fs/cgroup/user.slice/job.scope/memory.max": "max",
            "sys/fs/cgroup/user.slice/memory.max": "1073741824",
        }
    )
    assert cpu_quota(root).cpus == 2.0
    assert cpu_quota(root).source == str(root / "sys/fs/cgroup/user.slice")
    assert memory_limit_bytes(root).value == 1 << 30


@pytest.mark.parametrize("mount_root", ["/docker/abc", "/"])
def test_v1_container(tree, mount_root: str) -> None:
    options = "rw,nosuid master:11 - cgroup cgroup rw,cpu,cpuacct"
    root = tree(
        {
            "proc/self/mountinfo": f"32 31 0:29 {mount_root} /sys/fs/cgroup/cpu,cpuacct {options}\n"
            "33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
            "proc/self/cgroup": "4:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n0::/docker/abc",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
        }
    )
    assert cpu_quota(root).cpus == 0.5
    assert memory_limit_bytes(root).value is None


def test_v1_without_quota(tree) -> None:
    root = tree(
        {
            "proc/self/mountinfo": "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu",
            "proc/self/cgroup": "4:cpu:/",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
        }
    )
    assert cpu_quota(root).cpus is None


@pytest.mark.parametrize("group", ["/../..", "/elsewhere/../x"])
def test_a_group_outside_the_namespace_means_the_mount_itself(tree, group: str) -> None:
    root = tree(
        {
            "proc/self/mountinfo": V2_MOUNT,
            "proc/self/cgroup": f"0::{group}",
            "sys/fs/cgroup/cpu.max": "25000 50000",
        }
    )
    assert cpu_quota(root).cpus == 0.5
