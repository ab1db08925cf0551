"""How lock files are written; that they are right is asked of the index in tests/integration."""

from __future__ import annotations

import subprocess

import pytest

from edgeloop.envs import lock_maker
from edgeloop.envs.lock import Lock
from edgeloop.errors import NotAvailableError


def report(version, digest):
    return [
        {
            "metadata": {"name": "Small", "version": version},
            "download_info": {"archive_info": {"hashes": {"sha256": digest}}},
        }
    ]


def test_a_lock_has_the_hashes_of_every_python():
    reports = [report("1.0", "b" * 64), report("1.0", "a" * 64)]
    text = lock_maker.lock_text(["3.11", "3.12"], (2, 28), reports, "torch==2.13.0")
    assert text.splitlines()[:3] == [
        "#: python 3.11 3.12",
        "#: glibc 2.28",
        "#: cpu-build torch==2.13.0",
    ]
    assert text.count("--hash") == 2
    reports = [report("1.0", "b" * 64), report("1.1", "a" * 64)]
    with pytest.raises(ValueError, match=r"small is 1\.0 and 1\.1"):
        lock_maker.lock_text(["3.11", "3.12"], (2, 28), reports, None)


def test_an_older_wheel_runs_on_a_newer_c_library():
    tags = lock_maker.platform_tags("aarch64", (2, 28))
    assert tags[0] == "manylinux_2_28_aarch64"
    assert tags[-3:] == ["manylinux_2_17_aarch64", "manylinux2014_aarch64", "linux_aarch64"]
    tags = lock_maker.platform_tags("x86_64", (2, 17))
    assert {"manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"} < set(tags)
    assert not any("2_18" in tag for tag in tags)


def test_what_is_given_changes_or_adds_a_package():
    lock = Lock("any", "x86_64", ("3.11",), (2, 28), ("ml_dtypes==0.5 --hash=sha256:0", "six==1"))
    pins = lock_maker.pins_of(lock, ["ml-dtypes==0.6", "wheel==0.48.0"])
    assert pins == ["ml-dtypes==0.6", "six==1", "wheel==0.48.0"]


def test_a_new_lock_needs_everything(capsys):
    with pytest.raises(SystemExit):
        lock_maker.main(["edgelooptestnew", "aarch64", "six==1.17.0"])
    assert "is new: it needs packages, --python and --glibc" in capsys.readouterr().err


def test_the_reason_names_the_python_and_the_machine(monkeypatch):
    done = subprocess.CompletedProcess([], 1, "", "ERROR: No matching distribution found for a\n")
    monkeypatch.setattr(lock_maker, "run_pip", lambda *arguments: done)
    with pytest.raises(NotAvailableError, match=r"3\.11 on aarch64 with glibc 2\.28: No matching"):
        lock_maker.look_up(["a==1"], "aarch64", "3.11", (2, 28))
