"""`edgeloop setup tflite-c`: a real pip, a made-up wheel, no network."""

from __future__ import annotations

import hashlib
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest

from edgeloop.envs import machine as this_machine
from edgeloop.envs import tflite_c
from edgeloop.envs.pip import has_pip
from edgeloop.errors import CannotWriteError, NotAvailableError

LIBRARY = b"\x7fELF not really a library"
TAG = "manylinux_2_35_x86_64"
MEMBER = "pymicro_wakeword/lib/libtensorflowlite_c.so"

needs_pip = pytest.mark.skipif(not has_pip(), reason="this interpreter has no pip")


def write_wheel(folder, members):
    """Write a wheel of the right name; return its sha256."""
    path = folder / f"pymicro_wakeword-2.5.0-py3-none-{TAG}.whl"
    info = "pymicro_wakeword-2.5.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, data in members.items():
            wheel.writestr(name, data)
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: pymicro-wakeword\nVersion: 2.5.0\n"
        )
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nTag: py3-none-{TAG}\n")
        wheel.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """An x86-64 machine whose only package index is a folder, and whose data folder is empty."""
    index = tmp_path / "index"
    index.mkdir()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setattr(this_machine, "architecture", lambda: "x86_64")
    monkeypatch.setattr(this_machine, "glibc", lambda: (2, 36))
    return index


def know(monkeypatch, wheel_sha256, library=LIBRARY):
    library_sha256 = hashlib.sha256(library).hexdigest()
    known = {"x86_64": tflite_c.PlatformWheel(TAG, wheel_sha256, library_sha256)}
    monkeypatch.setattr(tflite_c, "WHEELS", known)


@needs_pip
def test_only_the_library_is_unpacked(machine, monkeypatch, tmp_path):
    members = {MEMBER: LIBRARY, "../../evil.so": b"x", "pymicro_wakeword/__init__.py": b""}
    know(monkeypatch, write_wheel(machine, members))
    lines = []

    installed = tflite_c.install(lines.append)

    path = tmp_path / "data" / "edgeloop" / "lib" / "libtensorflowlite_c.so"
    assert Path(installed.path) == path == tflite_c.library_path()
    assert path.read_bytes() == LIBRARY
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [file.name for file in (tmp_path / "data").rglob("*") if file.is_file()] == [path.name]
    text = "\n".join(lines)
    assert "pymicro-wakeword 2.5.0" in text
    assert installed.version in text
    assert "Apache-2.0" in text


@needs_pip
def test_what_is_there_is_not_downloaded_again(machine, monkeypatch):
    know(monkeypatch, write_wheel(machine, {MEMBER: LIBRARY}))
    first = tflite_c.install(lambda line: None)
    monkeypatch.setattr(subprocess, "run", None)
    lines = []

    assert tflite_c.install(lines.append) == first
    assert "already" in lines[0]


@needs_pip
def test_another_file_at_the_place_is_replaced(machine, monkeypatch):
    know(monkeypatch, write_wheel(machine, {MEMBER: LIBRARY}))
    tflite_c.library_path().parent.mkdir(parents=True)
    tflite_c.library_path().write_bytes(b"half a libr")

    tflite_c.install(lambda line: None)

    assert tflite_c.library_path().read_bytes() == LIBRARY


@needs_pip
def test_a_wheel_with_another_hash_is_refused_in_the_words_of_pip(machine, monkeypatch):
    write_wheel(machine, {MEMBER: LIBRARY})
    know(monkeypatch, "0" * 64)

    with pytest.raises(NotAvailableError, match="DO NOT MATCH THE HASHES"):
        tflite_c.install(lambda line: None)
    assert not tflite_c.library_path().exists()


@needs_pip
def test_no_wheel_is_not_available(machine, monkeypatch):
    know(monkeypatch, "0" * 64)

    with pytest.raises(NotAvailableError, match="No matching distribution"):
        tflite_c.install(lambda line: None)


@needs_pip
def test_a_wheel_without_the_library_is_refused(machine, monkeypatch):
    know(monkeypatch, write_wheel(machine, {"pymicro_wakeword/__init__.py": b""}))

    with pytest.raises(NotAvailableError, match=r"holds no .*libtensorflowlite_c\.so"):
        tflite_c.install(lambda line: None)


@needs_pip
def test_another_library_in_the_right_wheel_is_refused(machine, monkeypatch):
    know(monkeypatch, write_wheel(machine, {MEMBER: LIBRARY}), library=b"another")

    with pytest.raises(NotAvailableError, match="nothing was installed"):
        tflite_c.install(lambda line: None)
    assert not tflite_c.library_path().exists()


@needs_pip
def test_a_data_folder_that_cannot_be_written(machine, monkeypatch, tmp_path):
    know(monkeypatch, write_wheel(machine, {MEMBER: LIBRARY}))
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))

    with pytest.raises(CannotWriteError, match="XDG_DATA_HOME"):
        tflite_c.install(lambda line: None)


def test_an_interpreter_without_pip_is_told(machine, monkeypatch):
    know(monkeypatch, "0" * 64)
    monkeypatch.setattr(tflite_c, "has_pip", lambda: False)

    with pytest.raises(NotAvailableError, match="has no pip"):
        tflite_c.install(lambda line: None)


@pytest.mark.parametrize("name", ["armv6l", "riscv64"])
def test_an_unknown_architecture_is_told_what_to_do(machine, monkeypatch, name):
    monkeypatch.setattr(this_machine, "architecture", lambda: name)

    with pytest.raises(NotAvailableError, match=rf"{name}.*EDGELOOP_TFLITE_LIBRARY"):
        tflite_c.install(lambda line: None)


@pytest.mark.parametrize(("glibc", "words"), [((2, 31), r"glibc 2\.31"), (None, "another C lib")])
def test_an_older_c_library_is_told(machine, monkeypatch, glibc, words):
    monkeypatch.setattr(this_machine, "glibc", lambda: glibc)

    with pytest.raises(NotAvailableError, match=words):
        tflite_c.install(lambda line: None)


def test_the_known_wheels_have_distinct_hashes():
    hashes = [
        h for wheel in tflite_c.WHEELS.values() for h in (wheel.wheel_sha256, wheel.library_sha256)
    ]
    assert len(set(hashes)) == 2 * len(tflite_c.WHEELS)
    assert all(len(h) == 64 for h in hashes)
