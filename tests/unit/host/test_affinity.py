"""CPUs of the affinity mask and their clusters."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeloop.host.affinity import allowed_cpus, clusters, fastest_cluster, smt_siblings
from edgeloop.host.cpuinfo import arm_core_name, format_cpu_list, parse_cpu_list

CPUS = "sys/devices/system/cpu"


@given(st.sets(st.integers(0, 300)))
def test_a_cpu_list_survives_writing_and_reading(cpus: set[int]) -> None:
    assert parse_cpu_list(format_cpu_list(cpus)) == tuple(sorted(cpus))


def test_cpu_lists_of_the_kernel() -> None:
    assert parse_cpu_list("0-3,6\n") == (0, 1, 2, 3, 6)
    assert parse_cpu_list("0 1 2 3 ") == (0, 1, 2, 3)
    assert format_cpu_list([7, 4, 5, 6, 0]) == "0,4-7"


def test_pi4_is_one_cluster_of_a72(pi4: Path) -> None:
    (cluster,) = clusters(pi4)
    assert cluster.cpus == (0, 1, 2, 3)
    assert cluster.core_name == "Cortex-A72"
    assert cluster.max_hz == 1_800_000_000
    assert cluster.capacity is None
    assert "cpu_capacity" in (cluster.capacity_reason or "")
    assert fastest_cluster(pi4) == cluster


def test_rock5_pairs_of_a76_are_one_cluster_though_binned_apart(rock5: Path) -> None:
    fast, slow = clusters(rock5)
    assert (fast.cpus, fast.core_name, fast.max_hz) == ((4, 5, 6, 7), "Cortex-A76", 2_400_000_000)
    assert (slow.cpus, slow.core_name, slow.max_hz) == ((0, 1, 2, 3), "Cortex-A55", 1_800_000_000)
    assert fastest_cluster(rock5).cpus == (4, 5, 6, 7)


def test_fastest_cluster_obeys_the_affinity_mask(rock5: Path) -> None:
    status = rock5 / "proc/self/status"
    status.write_text("Cpus_allowed_list:\t0-4\n")
    assert fastest_cluster(rock5).cpus == (4,)
    status.write_text("Cpus_allowed_list:\t1-2\n")
    assert fastest_cluster(rock5).cpus == (1, 2)
    assert fastest_cluster(rock5).core_name == "Cortex-A55"


def test_without_capacities_the_clock_decides(rock5: Path) -> None:
    for cpu in range(8):
        (rock5 / CPUS / f"cpu{cpu}/cpu_capacity").unlink()
    assert [cluster.cpus for cluster in clusters(rock5)] == [(4, 5, 6, 7), (0, 1, 2, 3)]


def test_hybrid_pc_splits_by_clock_and_keeps_favoured_cores_together(container: Path) -> None:
    for cpu, khz in enumerate([5200000, 5200000, 5400000, 5400000] + [3900000] * 4):
        (container / CPUS / f"cpufreq/policy{cpu}/cpuinfo_max_freq").write_text(f"{khz}\n")
    assert [cluster.cpus for cluster in clusters(container)] == [(0, 1, 2, 3), (4, 5, 6, 7)]


@pytest.mark.parametrize("machine", ["jetson_nano", "guest"])
def test_cpus_of_the_mask_that_are_off_or_absent_do_not_count(
    machine: str, request: pytest.FixtureRequest
) -> None:
    root = request.getfixturevalue(machine)
    assert allowed_cpus(root) == (0, 1)
    assert fastest_cluster(root).cpus == (0, 1)


def test_guest_without_cpufreq_says_why_it_knows_no_clock(guest: Path) -> None:
    cluster = fastest_cluster(guest)
    assert cluster.max_hz is None
    assert cluster.max_hz_reason == "no cpufreq policy has this CPU"
    assert cluster.core_name == "Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz"


def test_smt_siblings(container: Path) -> None:
    assert smt_siblings(container) == ((0, 4), (1, 5), (2, 6), (3, 7))


def test_no_smt_on_a_pi(pi4: Path) -> None:
    assert smt_siblings(pi4) == ()


def test_mask_of_another_process(pi4: Path) -> None:
    (pi4 / "proc/77").mkdir()
    (pi4 / "proc/77/status").write_text("Name:\tworker\nCpus_allowed_list:\t2-3\n")
    assert allowed_cpus(pi4, pid=77) == (2, 3)
    assert allowed_cpus(pi4, pid=78) == ()


def test_an_empty_tree_has_no_cpus(tmp_path: Path) -> None:
    cluster = fastest_cluster(tmp_path)
    assert cluster.cpus == ()
    assert cluster.core_name_reason
    assert clusters(tmp_path) == ()


def test_a_part_in_no_table_is_named_by_its_numbers() -> None:
    assert arm_core_name(0x41, 0xD03) == "Cortex-A53"
    assert arm_core_name(0x48, 0xABC) == "ARM part 0xabc of implementer 0x48"
