"""Which wheels this machine can use."""

from __future__ import annotations

import sys

import pytest

from edgeloop.envs import machine


@pytest.mark.parametrize(
    ("machine_name", "bits", "architecture"),
    [("x86_64", 64, "x86_64"), ("aarch64", 64, "aarch64"), ("aarch64", 32, "armv7l"),
     ("armv7l", 32, "armv7l"), ("armv6l", 32, "armv6l"), ("riscv64", 64, "riscv64")],
)  # fmt: skip
def test_the_architecture_is_the_interpreters(monkeypatch, machine_name, bits, architecture):
    monkeypatch.setattr(machine.platform, "machine", lambda: machine_name)
    monkeypatch.setattr(machine.struct, "calcsize", lambda code: bits // 8)

    assert machine.architecture() == architecture


@pytest.mark.parametrize(
    ("here", "said"),
    [((2, 36), None), ((2, 28), None), ((2, 27), "glibc 2.27"), (None, "another C library")],
)
def test_an_older_c_library_is_said(monkeypatch, here, said):
    monkeypatch.setattr(machine, "glibc", lambda: here)
    assert machine.too_old_for((2, 28)) == said


def test_the_glibc_of_this_machine_is_read():
    assert sys.platform != "linux" or machine.glibc() is None or machine.glibc() >= (2, 17)
