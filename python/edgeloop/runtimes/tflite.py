"""TensorFlow Lite through its C library, wherever a libtensorflowlite_c.so comes from."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Optional

from edgeloop import _core
from edgeloop.envs.tflite_c import LIBRARY_NAME, library_path
from edgeloop.errors import NotAvailableError
from edgeloop.runtimes._external_delegates import TfliteDelegates, external_delegates
from edgeloop.runtimes._package_library import PackageLibrary, on_loader_path
from edgeloop.runtimes._plan_profiler import STAMPED, PlanProfiler
from edgeloop.runtimes.protocol import Framework, Installation, OperatorProfiler, engine_shapes
from edgeloop.spec.load import LoadOptions

_LIBRARY = PackageLibrary(variable="EDGELOOP_TFLITE_LIBRARY")
_NO_FRAMEWORK = (
    "the C library has no Python API; measure litert or tflite-runtime for the same model in Python"
)

# Runs in an interpreter of its own: a foreign library may crash, and one that is mapped already
# would make the load look cheaper than it is.
_ASK_VERSION = """
import ctypes, os, sys
answer = os.dup(1)
os.dup2(2, 1)  # a library may print
try:
    version = ctypes.CDLL(sys.argv[1]).TfLiteVersion
except (OSError, AttributeError) as error:
    sys.exit(str(error))
version.restype = ctypes.c_char_p
os.write(answer, version())
"""
_ASK_TIMEOUT_S = 60  # a Pi Zero starts an interpreter in less than 2 s


class TfliteRuntime(TfliteDelegates):
    """TFLite models on the C library, with its delegates applied explicitly."""

    name = "tflite"
    formats: Mapping[str, Optional[int]] = {"tflite": 2, "edgetpu": 1}
    loops = ("native", "binding")
    missing_loops: Mapping[str, str] = {
        "callable": _NO_FRAMEWORK,
        "framework": _NO_FRAMEWORK,
        "framework-io": _NO_FRAMEWORK,
    }
    timed_region: Mapping[str, str] = {
        "native": "TfLiteInterpreterInvoke",
        "binding": "_core.Engine.run(): TfLiteInterpreterInvoke",
    }
    rest_runs_on = "the library's built-in kernels"
    profiled_loop = "native"
    install_hint = "edgeloop setup tflite-c"

    def find(self, library: Optional[str] = None) -> Installation:
        """Locate the library. Raises NotAvailableError that says where we looked."""
        named = _LIBRARY.named(library)
        if named is not None:
            return _installation(*named)
        places = list(_places())
        for path, origin in places:
            if path.is_file():
                return _installation(path, origin)
        looked = ", ".join(str(path) for path, _ in places)
        raise NotAvailableError(
            f"no {LIBRARY_NAME} was found (looked for {looked} and in the loader's cache); install "
            f"one with '{self.install_hint}', or name one with --library or {_LIBRARY.variable}"
        )

    def load_engine(self, options: LoadOptions, framework: Optional[Framework]) -> _core.Engine:
        """Load the model for the native loop."""
        del framework
        installation = self.find(options.library)
        assert installation.library is not None
        return _core.create_engine(
            "tflite",
            library=installation.library,
            model=options.model,
            threads=options.threads,
            batch_size=options.batch_size,
            shapes=engine_shapes(options),
            settings={**options.settings, "xnnpack": str(int(options.xnnpack))},
            delegates=external_delegates(options),
            probe=options.probe,
            profile=options.profile is not None,
        )

    def operator_profiler(
        self, engine: Optional[_core.Engine], framework: Optional[Framework]
    ) -> OperatorProfiler:
        """Return the library's telemetry, which records when operators begin and end."""
        del framework
        assert engine is not None
        return PlanProfiler(engine, engine.placement(), STAMPED)


def _installation(path: Path, origin: str) -> Installation:
    status = path.stat()
    version = _version_of(str(path), status.st_size, status.st_mtime_ns)
    return Installation(version=version, library=str(path), origin=origin)


@cache
def _version_of(path: str, size: int, mtime_ns: int) -> str:
    """Ask the library for its version; raises NotAvailableError where it is not TFLite."""
    del size, mtime_ns  # parts of the key: another file at the same place is asked again
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _ASK_VERSION, path],
            capture_output=True, text=True, errors="replace", check=False, timeout=_ASK_TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise NotAvailableError(
            f"the library {path} did not report its version within {_ASK_TIMEOUT_S} s; name "
            "another one with --library"
        ) from error
    if done.returncode != 0 or not done.stdout:
        raise NotAvailableError(
            f"the library {path} cannot be used: {_why(done)}; name a {LIBRARY_NAME} that is built "
            "for this machine"
        )
    return done.stdout.strip()


def _why(done: subprocess.CompletedProcess[str]) -> str:
    """Return why a process failed: the signal that ended it, or its last words."""
    if done.returncode < 0:
        return f"it crashed ({signal.strsignal(-done.returncode)})"
    output = done.stderr.strip()
    return (
        output.splitlines()[-1] if output else f"it ended the process with code {done.returncode}"
    )


def _places() -> Iterator[tuple[Path, str]]:
    """Yield where the library may be, in the order in which it is sought, and how it came there."""
    if _core.default_tflite_library:
        yield Path(_core.default_tflite_library), "the default of this build"
    yield library_path(), "edgeloop setup tflite-c"
    yield from ((path, "the loader's path") for path in on_loader_path(LIBRARY_NAME))


RUNTIME = TfliteRuntime()
