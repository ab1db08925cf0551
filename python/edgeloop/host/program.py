"""Run a program for a reading, find a compiler, set a variable for a while."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from edgeloop.errors import NotAvailableError
from edgeloop.host.pseudofile import Reading

_CANDIDATES = ("g++", "clang++")


def run_program(
    words: Sequence[str], name: str, timeout_s: float
) -> Reading[subprocess.CompletedProcess[str]]:
    """Return what ended, whatever its exit code; the reason, where none did, begins with `name`."""
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Reading(None, f"{name} did not answer within {timeout_s:g} s")
    except (OSError, UnicodeDecodeError) as error:
        return Reading(None, f"{name} gave nothing: {error}")
    return Reading(done)


@contextmanager
def environment_variable(name: str, value: str) -> Iterator[None]:
    """Set the variable, and restore it or take it away afterwards."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def require_cxx_compiler(what: str) -> str:
    """Return the path of the compiler. Raises NotAvailableError with the command that installs one.

    CXX names another than the usual ones, as for PyTorch.
    """
    named = os.environ.get("CXX")
    found = next(filter(None, map(shutil.which, (named,) if named else _CANDIDATES)), None)
    if found is None:
        looked = f"CXX={named}" if named else ", ".join(_CANDIDATES)
        raise NotAvailableError(
            f"{what} needs a C++ compiler, and none is on PATH (looked for {looked}); install one "
            "with 'sudo apt-get install g++'"
        )
    return found
