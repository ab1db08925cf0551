"""The last step of .ci/wheels.sh: the same members in fewer bytes, and the same bytes each time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "recompress.py"
EXECUTABLE = 0o100755 << 16


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "some-1-py3-none-any.whl"
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        archive.writestr("some/", "")
        archive.writestr("some/text.py", "".join(f"x{n} = {n * n}\n" for n in range(2000)))
        archive.writestr("some/empty.py", "")
        script = ZipInfo("some/bin/caf\u00e9", (2026, 11, 25, 13, 14, 16))
        script.external_attr = EXECUTABLE
        archive.writestr(script, bytes(range(256)), ZIP_DEFLATED)
    return path


def recompress(path):
    subprocess.run([sys.executable, SCRIPT, path], check=True, capture_output=True, timeout=60)


def members(path):
    with ZipFile(path) as archive:
        assert archive.testzip() is None
        return [
            (info.filename, info.date_time, info.external_attr, archive.read(info))
            for info in archive.infolist()
            if not info.is_dir()
        ]


def test_the_same_members_in_fewer_bytes(wheel):
    before, bytes_before = members(wheel), wheel.stat().st_size
    recompress(wheel)
    assert members(wheel) == before
    assert wheel.stat().st_size < bytes_before
    assert list(wheel.parent.iterdir()) == [wheel]


def test_again_changes_nothing(wheel):
    recompress(wheel)
    once = wheel.read_bytes()
    recompress(wheel)
    assert wheel.read_bytes() == once
