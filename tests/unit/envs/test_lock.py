"""Lock files: every requirement has hashes, and what pip cannot say is in the comments."""

from __future__ import annotations

import re

import pytest

from edgeloop.conversion.graph import EDGES
from edgeloop.envs.listing import PURPOSES, environments_of_route
from edgeloop.envs.lock import environment_names, lock_of, lock_text
from edgeloop.errors import NotAvailableError, UsageError

LOCKS = [
    ("convert", "x86_64"),
    ("convert", "aarch64"),
    ("onnx2tf", "x86_64"),
    ("tflite-runtime", "x86_64"),
    ("tflite-runtime", "aarch64"),
]


@pytest.mark.parametrize(("name", "machine"), LOCKS)
def test_every_requirement_is_pinned_and_hashed(name, machine):
    lock = lock_of(name, machine)
    assert lock.pythons
    assert lock.requirements
    for line in lock.requirements:
        assert re.fullmatch(r"[\w.-]+==[\w.]+( --hash=sha256:[0-9a-f]{64})+", line), line


def test_pytorch_is_pinned_without_a_hash_because_each_index_has_another_build():
    lock = lock_of("convert", "x86_64")
    assert lock.cpu_build == "torch==2.13.0"
    assert not any(line.startswith("torch==") for line in lock.requirements)


def test_what_has_no_wheel_for_arm_is_not_asked_for_there():
    names = {line.partition("==")[0] for line in lock_of("convert", "aarch64").requirements}
    assert not names & {"litert-torch", "litert-converter", "tensorflow-cpu", "tensorflow_cpu"}
    assert "tensorflow" in names


def test_a_machine_without_a_lock_is_told_which_there_are():
    with pytest.raises(NotAvailableError, match="no packages for riscv64, only for aarch64"):
        lock_of("convert", "riscv64")


def test_every_environment_of_an_edge_has_a_lock_for_its_machines_and_a_purpose():
    assert set(environment_names()) == set(PURPOSES)
    for edge in EDGES:
        if edge.environment is not None:
            for machine in edge.machines:
                lock_of(edge.environment, machine)


def test_a_route_names_its_environments():
    assert environments_of_route("torch", "tflite") == ["convert"]
    assert environments_of_route("keras", "onnx") == ["convert"]
    with pytest.raises(UsageError, match="no way leads"):
        environments_of_route("aotinductor", "onnx")


def report(version, digest):
    return {
        "install": [
            {
                "metadata": {"name": "Small", "version": version},
                "download_info": {"archive_info": {"hashes": {"sha256": digest}}},
            }
        ]
    }


def test_a_lock_has_the_hashes_of_every_python():
    text = lock_text(["3.11", "3.12"], [report("1.0", "b" * 64), report("1.0", "a" * 64)], None)
    assert text.splitlines()[0] == "#: python 3.11 3.12"
    assert text.count("--hash") == 2
    with pytest.raises(ValueError, match=r"small is 1\.0 and 1\.1"):
        lock_text(["3.11", "3.12"], [report("1.0", "b" * 64), report("1.1", "a" * 64)], None)
