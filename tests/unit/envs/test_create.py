"""Managed environments made from tiny wheels: complete, interrupted, resumed, removed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from edgeloop.envs import create, lock, search
from edgeloop.envs.create import alone
from edgeloop.envs.interpreter import interpreter_for, look_for, missing_packages
from edgeloop.envs.lock import Lock
from edgeloop.envs.managed import folder_of, marker, python_of
from edgeloop.errors import NotAvailableError, UsageError


def make_wheel(folder: Path, name: str, module: str = "") -> str:
    """Write a wheel of one module and return its requirement with the hash."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    information = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{module or name}.py", "")
        archive.writestr(
            f"{information}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{information}/RECORD", "")
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


@pytest.fixture
def said():
    return []


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder of wheels that is all pip knows; edgeloop itself is not installed by these tests."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("EDGELOOP_ENVS", str(tmp_path / "envs"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setattr(create, "install_own_package", lambda python, wheels, held, watch: None)
    return folder


@pytest.fixture
def use_lock(monkeypatch):
    def use(*requirements):
        made = Lock("small", "any", search_versions(), (2, 17), tuple(requirements))
        monkeypatch.setattr(create, "lock_for_this_machine", lambda name: made)

    return use


def search_versions():
    return (".".join(str(part) for part in sys.version_info[:2]),)


def test_an_environment_is_made_used_and_removed(index, use_lock, said):
    use_lock(make_wheel(index, "edgelooptestsmall"))
    assert python_of("small") is None
    folder = create.create("small", progress=said.append)
    assert folder == folder_of("small")
    assert marker("small")["name"] == "small"
    assert missing_packages(["edgelooptestsmall"]) == ["edgelooptestsmall"]  # not in this one
    found = look_for(["edgelooptestsmall"], "small")
    assert found.python == str(folder / "bin" / "python")
    said.clear()
    create.create("small", progress=said.append)
    assert "already complete" in said[0]
    assert create.remove("small")
    assert not create.remove("small")
    with pytest.raises(NotAvailableError, match="run 'edgeloop setup small'"):
        interpreter_for(["edgelooptestsmall"], "small")


def test_a_broken_download_fails_with_pips_reason_and_is_gone_on_with(
    index, use_lock, said, monkeypatch
):
    monkeypatch.setattr(create, "_BATCH", 1)
    first, second = make_wheel(index, "edgelooptesta"), make_wheel(index, "edgelooptestb")
    whole = (index / "edgelooptestb-1.0-py3-none-any.whl").read_bytes()
    (index / "edgelooptestb-1.0-py3-none-any.whl").write_bytes(whole[: len(whole) // 2])
    use_lock(first, second)
    with pytest.raises(NotAvailableError, match=r"pip says: .*(HASHES|hash)"):
        create.create("small", progress=said.append)
    assert python_of("small") is None  # it is not taken for complete
    (index / "edgelooptesta-1.0-py3-none-any.whl").unlink()  # installed already: not needed again
    (index / "edgelooptestb-1.0-py3-none-any.whl").write_bytes(whole)
    create.create("small", progress=said.append)
    assert python_of("small") is not None


@pytest.mark.parametrize("missing", ["RECORD", "INSTALLER"])
def test_what_was_half_unpacked_is_unpacked_again(index, use_lock, said, missing):
    use_lock(make_wheel(index, "edgelooptestsmall"))
    folder = create.create("small", progress=said.append)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "edgelooptestsmall.py").unlink()
    (site / "edgelooptestsmall-1.0.dist-info" / missing).unlink()
    (folder / "edgeloop-environment.json").unlink()
    create.create("small", progress=said.append)
    assert (site / "edgelooptestsmall.py").is_file()


def test_an_environment_whose_making_was_broken_off_is_made_anew(index, use_lock, said):
    """The interpreter is there from the beginning, its pip comes last."""
    use_lock(make_wheel(index, "edgelooptestsmall"))
    folder = folder_of("small")
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    assert create.create("small", progress=said.append) == folder
    assert python_of("small") is not None


def test_an_environment_that_is_being_changed_is_not_complete(index, use_lock, said):
    use_lock(make_wheel(index, "edgelooptestsmall"))
    create.create("small", progress=said.append)
    use_lock(f"edgelooptestnone==1.0 --hash=sha256:{'0' * 64}")
    with pytest.raises(NotAvailableError):
        create.create("small", progress=said.append)
    assert python_of("small") is None


def test_the_pip_that_a_killed_setup_left_is_waited_for(index, use_lock, said):
    use_lock(make_wheel(index, "edgelooptestsmall"))
    create.create("small", progress=said.append)
    with alone("small") as held:
        left = subprocess.Popen(["sleep", "60"], pass_fds=(held,))
    try:
        with pytest.raises(UsageError, match="a killed one left, is working on small"):
            create.create("small", progress=said.append)
        with pytest.raises(UsageError, match="working on small"):
            create.remove("small")
    finally:
        left.kill()
        left.wait()
    assert create.remove("small")


def test_a_folder_of_wheels_that_is_not_there_is_said_at_once(index, use_lock, said):
    use_lock(make_wheel(index, "edgelooptestsmall"))
    with pytest.raises(UsageError, match="there is no folder /nowhere"):
        create.create("small", wheels="/nowhere", progress=said.append)
    assert not folder_of("small").exists()


def test_a_package_that_is_nowhere_is_pips_reason(index, use_lock, said):
    use_lock(f"edgelooptestnone==1.0 --hash=sha256:{'0' * 64}")
    with pytest.raises(NotAvailableError, match="No matching distribution found for edgelooptestn"):
        create.create("small", progress=said.append)


def test_no_fitting_python_is_said_with_the_command(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    with pytest.raises(NotAvailableError, match=r"sudo apt install python3\.99-venv"):
        search.find_interpreter(("3.99",), None, "convert")


def test_a_python_that_was_named_must_fit():
    with pytest.raises(NotAvailableError, match=r"needs Python 3\.99"):
        search.find_interpreter(("3.99",), shutil.which("python3"), "convert")
    with pytest.raises(NotAvailableError, match="/nowhere is not a Python"):
        search.find_interpreter(("3.11",), "/nowhere", "convert")


def test_cuda_packages_are_told_from_a_cpu_build():
    def item(name):
        return {"metadata": {"name": name}}

    def report(*names):
        import json

        return json.dumps({"install": [item(name) for name in names]})

    assert not create._brings_cuda(report("torch", "sympy"))
    assert create._brings_cuda(report("torch", "nvidia-cublas-cu12"))
    assert create._brings_cuda("not json")


def test_the_folder_of_locks_is_in_the_package():
    assert lock.environment_names()
