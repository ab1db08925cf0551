"""pip's own reason, without what only a programmer reads."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest

from edgeloop.envs.pip import has_pip, pip_reason

BROKEN = "WARNING: Retrying (Retry(total=0)) after connection broken by '{}': /simple/six/\n"
NONE = "ERROR: No matching distribution found for six==1\n"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (BROKEN.format('NewConnectionError("[Errno 111] Connection refused")') + NONE,
         "[Errno 111] Connection refused"),
        (BROKEN.format("NewConnectionError('<pip._vendor.Connection object at 0x7f4>: Failed to "
                       "establish a new connection: [Errno -2] Name or service not known')") + NONE,
         "Failed to establish a new connection: [Errno -2] Name or service not known"),
        (BROKEN.format("SSLError(SSLCertVerificationError(1, 'unable to get issuer'))") + NONE,
         "SSLCertVerificationError(1, 'unable to get issuer')"),
        (NONE, "No matching distribution found for six==1"),
        ("something else\nlast line\n", "last line"),
        ("", "exit status 1"),
    ],
)  # fmt: skip
def test_the_reason_is_quoted(said, reason):
    assert pip_reason(subprocess.CompletedProcess([], 1, "", said)) == reason


def test_looking_for_pip_leaves_setuptools_importable() -> None:
    pytest.importorskip("setuptools", reason="pip install setuptools: what is at stake")
    code = "from edgeloop.envs.pip import has_pip; print(has_pip()); import setuptools"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True"]


def test_no_pip_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert not has_pip()


def test_what_the_compiler_said_comes_first() -> None:
    said = (
        "Building wheels for collected packages: edgeloop\n  error: subprocess-exited-with-error\n"
        "      CMake Error at CMakeLists.txt:93 (find_package):\n"
        "        Could NOT find Python (missing: Development.Module)\n"
        "      /x/engine.cpp:12:3: error: 'foo' was not declared\n"
        "  note: This error originates from a subprocess\nERROR: Failed building wheel\n"
    )
    assert pip_reason(subprocess.CompletedProcess([], 1, "", said)) == (
        "CMake Error at CMakeLists.txt:93 (find_package): Could NOT find Python (missing: "
        "Development.Module); /x/engine.cpp:12:3: error: 'foo' was not declared"
    )
