"""Where LiteRT's CompiledModel cannot be used from Python."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from edgeloop.host.cpuinfo import cpu_entries
from edgeloop.runtimes import litert
from edgeloop.runtimes._package_library import PackageLibrary
from edgeloop.spec.load import LoadOptions

BOARDS = Path(__file__).parents[2] / "integration" / "arm"


@pytest.mark.parametrize(
    ("board", "machine", "gpu_library", "usable"),
    [
        ("pi3", "aarch64", True, False),  # Cortex-A53
        ("pi3", "aarch64", False, True),  # a package without it
        ("pi5", "aarch64", True, True),  # Cortex-A76
        ("pi3", "armv7l", True, True),  # the library is built for 64 bits
        (None, "x86_64", True, True),
    ],
)
def test_the_gpu_library_needs_atomics(monkeypatch, tmp_path, board, machine, gpu_library, usable):
    root = tmp_path / "root"
    (root / "proc").mkdir(parents=True)
    text = "processor : 0\nflags : fpu sse2\n"
    if board is not None:
        text = (BOARDS / f"cpuinfo.{board}").read_text()
    (root / "proc" / "cpuinfo").write_text(text)
    if gpu_library:
        (tmp_path / "libLiteRtWebGpuAccelerator.so").touch()
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(litert, "cpu_entries", lambda: cpu_entries(root))
    monkeypatch.setattr(PackageLibrary, "folder", lambda _: tmp_path)
    reason = litert._why_no_compiled_model(LoadOptions(model="m"))
    assert (reason is None) == usable
    if not usable:
        assert "libLiteRtWebGpuAccelerator.so, which this CPU cannot run" in reason


def test_external_delegates_need_the_classic_interpreter():
    reason = litert._why_no_compiled_model(LoadOptions(model="m", delegates=("some.so",)))
    assert reason == "a CompiledModel takes no external delegate in Python"
