"""Paths that tests share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import hypothesis
import pytest

from edgeloop.envs.managed import folder_of, python_of
from edgeloop.errors import NotAvailableError
from edgeloop.runtimes import runtime

# No test may depend on how fast or quiet the machine is.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real models and data, beside the repository."""
    if not SHARED.is_dir():
        pytest.skip("the folder ../shared/data with the real models is not here")
    return SHARED


@pytest.fixture(scope="session")
def tflite_runtime_python() -> str:
    """An interpreter that has tflite-runtime and edgeloop; run.sh makes it."""
    path = os.environ.get("EDGELOOP_TEST_TFLITE_RUNTIME_PYTHON")
    if not path or not Path(path).exists():
        pytest.skip("EDGELOOP_TEST_TFLITE_RUNTIME_PYTHON names no interpreter (see tests/run.sh)")
    return path


@pytest.fixture(scope="session")
def convert_python() -> str:
    """The interpreter of the environment that has the converters; run.sh makes it."""
    path = python_of("convert")
    if path is None:
        pytest.skip("the environment with the converters is not here: edgeloop setup convert")
    return path


class CommandLine:
    """Runs `python -m edgeloop` as a user would, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = dict(os.environ, XDG_DATA_HOME=str(folder / "data"))
        self.environment.setdefault("EDGELOOP_ENVS", str(folder_of("convert").parent))
        # Results go to the test's own folder; what `setup tflite-c` installed stays in reach.
        with suppress(NotAvailableError):
            library = runtime("tflite").find(None).library
            self.environment.setdefault("EDGELOOP_TFLITE_LIBRARY", str(library))

    def __call__(self, *arguments: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "edgeloop", *arguments],
            check=False,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let what a test starts be interrupted: started in the background, we ignore Ctrl-C, and so
    would every program of ours.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    """The command line, with its results under tmp_path."""
    return CommandLine(tmp_path)
