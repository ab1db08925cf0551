"""Files that are missing, forbidden, torn or senseless never raise; nor does the real machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest

from edgeloop.host.affinity import allowed_cpus, fastest_cluster
from edgeloop.host.findings import findings
from edgeloop.host.frequency import boost_enabled, frequency_policies
from edgeloop.host.info import host_info
from edgeloop.host.processes import busiest, machine_load, snapshot
from edgeloop.host.pseudofile import children, read_integer, read_text, read_words
from edgeloop.host.thermal import cooling_devices, cpu_temperature, thermal_zones
from edgeloop.host.throttle import throttling

BOARDS = ("pi4", "pi5", "rock5", "jetson_nano", "guest", "container")


def some_files(root: Path) -> list[Path]:
    """All files, but of CPUs, policies and zones that look alike only the first two."""
    alike = re.compile(r"/(cpu|policy|thermal_zone)[2-9]/")
    return sorted(p for p in root.rglob("*") if p.is_file() and not alike.search(str(p)))


def read_everything(root: Path) -> str:
    throttle, now = throttling(root), snapshot(root)
    load, heavy = machine_load(now, now), busiest(now, now)
    zones, policies = thermal_zones(root), frequency_policies(root)
    info = host_info(root)
    found = findings(
        info,
        policies=policies,
        boost=boost_enabled(root).value,
        zones=zones,
        throttle=throttle,
        load=load,
        busiest=heavy,
    )
    documents = [
        info,
        throttle,
        load,
        cpu_temperature(root),
        *heavy,
        *zones,
        *policies,
        *cooling_devices(root),
        *found,
    ]
    return json.dumps([document.as_dict() for document in documents], allow_nan=False)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\0\x80", b"-1", b"0-", b"nan", "²-٣".encode()])
def test_senseless_content(board: str, content: bytes, request: pytest.FixtureRequest) -> None:
    root: Path = request.getfixturevalue(board)
    for file in some_files(root):
        original = file.read_bytes()
        file.write_bytes(content)
        read_everything(root)
        file.write_bytes(original)


@pytest.mark.parametrize("board", BOARDS)
def test_missing_files_and_directories(board: str, request: pytest.FixtureRequest) -> None:
    root: Path = request.getfixturevalue(board)
    for file in some_files(root):
        original = file.read_bytes()
        file.unlink()
        read_everything(root)
        file.mkdir()  # an error other than absence, even for root
        read_everything(root)
        file.rmdir()
        file.write_bytes(original)
    for directory in ("sys", "proc"):
        shutil.rmtree(root / directory)
        read_everything(root)


def test_reasons_name_the_file(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    assert read_text(absent).reason == f"cannot read {absent}: No such file or directory"
    assert read_integer(absent).reason == read_words(absent).reason == read_text(absent).reason
    (tmp_path / "text").write_text("soon\n")
    assert "'soon'" in (read_integer(tmp_path / "text").reason or "")


def test_children_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("zone10", "zone9", "zone1", "other"):
        (tmp_path / name).touch()
    assert [path.name for path in children(tmp_path, "zone*")] == ["zone1", "zone9", "zone10"]
    assert children(tmp_path / "absent", "*") == []


def test_this_machine_in_full() -> None:
    assert read_everything(Path("/"))


def test_this_machines_cpus_agree_with_the_system_call() -> None:
    assert set(allowed_cpus()) == os.sched_getaffinity(0)
    cpus = fastest_cluster().cpus
    assert cpus
    assert set(cpus) <= os.sched_getaffinity(0)


def test_this_machine_is_plausible() -> None:
    info = host_info()
    assert info.cpu.architecture == os.uname().machine
    assert info.cpu.logical_cpus >= len(info.cpu.allowed_cpus) >= 1
    assert info.system.kernel == os.uname().release
    assert info.memory.total_bytes is not None
    assert 1 << 24 < info.memory.total_bytes < 1 << 50
    assert info.memory.available_bytes is not None
    assert info.memory.available_bytes <= info.memory.total_bytes
    assert info.load.uptime_s is not None
    assert info.load.uptime_s > 0
    assert info.virtualisation.emulation == "none"


def test_snapshots_of_this_machine() -> None:
    before = snapshot()
    begin = time.process_time_ns()
    while time.process_time_ns() - begin < 60_000_000:
        pass
    after = snapshot()
    own = os.getpid()
    assert own in before.processes
    assert own not in {one.pid for one in busiest(before, after)}
    assert own in {one.pid for one in busiest(before, after, top=10_000, own=[])}
    load = machine_load(before, after)
    assert load.busy_share is None or 0 <= (load.other_share or 0) <= load.busy_share <= 1
