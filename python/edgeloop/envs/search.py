"""Find a Python of a wanted version on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Optional

from edgeloop.errors import NotAvailableError

_PROBE = (
    "import sys, venv, ensurepip; "
    "print('%d.%d' % sys.version_info[:2] if sys.version_info[3] == 'final' else '')"
)
_TIMEOUT_S = 30.0


def find_interpreter(versions: Sequence[str], named: Optional[str], environment: str) -> str:
    """Return a Python of one of the versions that can make environments.

    `named` is the user's choice and must fit. Raises NotAvailableError with the exact command.
    """
    if named is not None:
        found = _version_of(named)
        if found in versions:
            return named
        have = f"is Python {found}" if found else "is not a Python that can make environments"
        raise NotAvailableError(
            f"{named} {have}, and {environment} needs Python {' or '.join(versions)}"
        )
    for candidate in _candidates(versions):
        if _version_of(candidate) in versions:
            return candidate
    first = versions[0]
    raise NotAvailableError(
        f"{environment} needs Python {' or '.join(versions)} with venv, and none was found (looked "
        f"on PATH, in pyenv and in uv); install one, for instance 'sudo apt install "
        f"python{first}-venv', 'pyenv install {first}' or 'uv python install {first}', or name "
        "one with --python"
    )


def _candidates(versions: Sequence[str]) -> Iterator[str]:
    """Yield paths that may be such a Python: this one, PATH, pyenv, uv."""
    yield str(getattr(sys, "_base_executable", None) or sys.executable)
    for version in versions:
        on_path = shutil.which(f"python{version}")
        if on_path is not None:
            yield on_path
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for version in versions:
        yield from map(str, sorted(root.glob(f"versions/{version}.*/bin/python"), reverse=True))
    uv = shutil.which("uv")
    if uv is not None:
        for version in versions:
            found = _output([uv, "python", "find", "--no-python-downloads", version])
            if found:
                yield found


def _version_of(python: str) -> Optional[str]:
    return _output([python, "-I", "-c", _PROBE]) or None


def _output(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
