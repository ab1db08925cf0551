"""Lock files: every requirement has hashes, and what pip cannot say is in the comments."""

from __future__ import annotations

import re

import pytest

from edgeloop.conversion.graph import EDGES, environments_of_route
from edgeloop.envs import machine as this_machine
from edgeloop.envs.lock import environment_names, lock_for_this_machine, lock_of
from edgeloop.envs.managed import PURPOSES
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
    assert lock.glibc >= (2, 17)
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
    with pytest.raises(UsageError, match="unknown format 'onxx'; did you mean 'onnx'"):
        environments_of_route("onxx", "tflite")
    with pytest.raises(UsageError, match="unknown format 'tflit'; did you mean 'tflite'"):
        environments_of_route("onnx", "tflit")


def test_an_older_c_library_is_told_before_anything_is_downloaded(monkeypatch):
    monkeypatch.setattr(this_machine, "architecture", lambda: "aarch64")
    monkeypatch.setattr(this_machine, "glibc", lambda: (2, 31))
    assert lock_for_this_machine("convert").machine == "aarch64"
    with pytest.raises(NotAvailableError, match=r"need glibc 2\.34 on aarch64, .* has glibc 2\.31"):
        lock_for_this_machine("tflite-runtime")


def test_a_32_bit_python_on_a_64_bit_kernel_has_no_packages(monkeypatch):
    monkeypatch.setattr(this_machine, "architecture", lambda: "armv7l")
    with pytest.raises(NotAvailableError, match="no packages for armv7l, only for aarch64, x86_64"):
        lock_for_this_machine("convert")
