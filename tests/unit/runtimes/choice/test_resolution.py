"""What is decided of a run before it begins."""

from __future__ import annotations

from typing import Optional

import pytest

from edgeloop.host import affinity, cgroup
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.run import RunSpec


@pytest.fixture
def four_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = affinity.CpuCluster((0, 1, 2, 3), None, "-", None, "-", None, "-")
    monkeypatch.setattr(affinity, "fastest_cluster", lambda: cluster)


@pytest.mark.usefixtures("four_cpus")
@pytest.mark.parametrize(
    ("quota", "threads", "words"),
    [(None, 4, "fastest cluster"), (8.0, 4, "fastest cluster"), (4.0, 4, "fastest cluster"),
     (2.5, 2, "grants 2.5 CPUs"), (1.0, 1, "grants 1 CPUs"), (0.5, 1, "grants 0.5 CPUs")],
)  # fmt: skip
def test_the_default_threads_keep_within_the_quota_of_a_control_group(
    monkeypatch: pytest.MonkeyPatch, quota: Optional[float], threads: int, words: str
) -> None:
    reason = "no control group limits the CPU time" if quota is None else None
    limit = cgroup.CpuQuota(quota, reason, None if quota is None else "/sys/fs/cgroup")
    monkeypatch.setattr(cgroup, "cpu_quota", lambda: limit)
    (spec,) = resolve(RunSpec(model="null", runtimes=("null",)), "bench")
    assert spec.options.threads == threads
    assert any(words in choice for choice in spec.choices)
    (named,) = resolve(RunSpec(model="null", runtimes=("null",), threads=3), "bench")
    assert named.options.threads == 3
