"""pip's own reason, without what only a programmer reads."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path

import pytest

from edgeloop.envs.pip import has_pip, pip_progress, pip_reason, requirements_file, run_pip
from edgeloop.errors import NotAvailableError

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


WHEEL = "slow-1.0-py3-none-any.whl"


def slow_wheel(folder: Path) -> bytes:
    """A wheel of 3 MB: pip has read a part of it long before the rest is sent."""
    information = "slow-1.0.dist-info"
    with zipfile.ZipFile(folder / WHEEL, "w") as archive:
        archive.writestr("slow.bin", bytes(3_000_000))
        archive.writestr(
            f"{information}/METADATA", "Metadata-Version: 2.1\nName: slow\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{information}/RECORD", "")
    return (folder / WHEEL).read_bytes()


@pytest.fixture
def seen() -> threading.Event:
    """Set when a part of the download was told."""
    return threading.Event()


@pytest.fixture
def address(tmp_path: Path, seen: threading.Event) -> Iterator[str]:
    """A server whose wheel comes in two parts, the second when the first was told."""
    content = slow_wheel(tmp_path)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: 2 * len(content) // 3])
            self.wfile.flush()
            seen.wait(60)
            self.wfile.write(content[2 * len(content) // 3 :])

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    digest = hashlib.sha256(content).hexdigest()
    yield f"http://127.0.0.1:{server.server_port}/{WHEEL}#sha256={digest}"
    server.shutdown()
    server.server_close()


def test_a_download_tells_its_share_and_its_megabytes(
    address: str, seen: threading.Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    told: list[str] = []

    def watch(text: str) -> None:
        told.append(text)
        # The announcement comes first, then the file grows.
        if re.match(r"[1-9]\d? % of 3\.0 MB, slow", text):
            seen.set()

    with requirements_file([f"slow @ {address}"]) as path:
        arguments = ["download", "--no-deps", "--requirement", path, "--dest", str(tmp_path / "to")]
        done = run_pip(sys.executable, arguments, 120, watch=watch)
    assert done.returncode == 0, done.stderr
    assert seen.is_set(), told
    assert (tmp_path / "to" / WHEEL).is_file()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("", "starting"),
        ("Collecting a\n  Downloading a.whl.metadata (1.2 kB)\nCollecting b\n\n", "Collecting b"),
        ("  Downloading https://x.org/t%2Bcpu-1.whl (2.0 kB)\n", "40 % of 2.0 kB, t+cpu-1.whl"),
        ("Downloading other.whl (20.5 MB)\n", "other.whl, 20.5 MB"),
        ("Downloading empty.whl (0 bytes)\n", "empty.whl, 0 bytes"),
    ],
)
def test_progress_is_read_from_what_pip_says(said: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "pip-unpack-x1").mkdir()
    (tmp_path / "pip-unpack-x1" / "t+cpu-1.whl").write_bytes(bytes(800))
    assert pip_progress(said, tmp_path) == told


def test_a_pip_that_does_not_end_is_killed(tmp_path: Path) -> None:
    sleeper = tmp_path / "python"
    sleeper.write_text("#!/bin/sh\nexec sleep 600\n")
    sleeper.chmod(0o755)
    with pytest.raises(NotAvailableError, match=r"did not finish within 0\.1 s"):
        run_pip(str(sleeper), ["download"], 0.1)
