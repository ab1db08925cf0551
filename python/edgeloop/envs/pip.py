"""pip, run as a program: its own reason is what an error says."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from edgeloop.errors import CannotWriteError, NotAvailableError

_QUIET = ("--disable-pip-version-check", "--no-input")
# How an exception of urllib3 prints: its class, the object that it is about, and the reason.
_EXCEPTION = re.compile(r"^\w+\(['\"]?(?:<[^>]*>: )?(.*?)['\"]?\)$")
# What a compiler or CMake says of a build that failed: file:line:column: error: …
_COMPILER = re.compile(r":\d+(:\d+)?: (fatal )?error: |^CMake Error")
_MOST_QUOTED = 3
_FULL = ("No space left on device", "Disk quota exceeded")


def has_pip() -> bool:
    """Return whether this interpreter has pip.

    Asked of the installed packages: who looks for it as a module, in a process that goes on to
    import setuptools, makes that import fail (setuptools takes it for pip itself).
    """
    try:
        metadata.version("pip")
    except metadata.PackageNotFoundError:
        return False
    return True


@contextmanager
def requirements_file(lines: Sequence[str]) -> Iterator[str]:
    """Write the lines to a file for pip's --requirement; yield its path."""
    with tempfile.TemporaryDirectory(prefix="edgeloop-") as folder:
        path = Path(folder) / "requirements.txt"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        yield str(path)


def run_pip(
    python: str,
    arguments: Sequence[str],
    timeout_s: float,
    keep_open: Sequence[int] = (),
) -> subprocess.CompletedProcess[str]:
    """Run a command of pip under an interpreter; `keep_open` are descriptors that it inherits.

    Raises NotAvailableError where it cannot start or does not end.
    """
    command = [python, "-m", "pip", arguments[0], *_QUIET, *arguments[1:]]
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
            pass_fds=keep_open,
        )
    except subprocess.TimeoutExpired as error:
        raise NotAvailableError(f"pip did not end within {timeout_s:g} s; run it again") from error
    except OSError as error:
        raise NotAvailableError(f"pip could not be run: {error}; try again") from error


def require_pip(
    python: str,
    arguments: Sequence[str],
    doing: str,
    timeout_s: float,
    keep_open: Sequence[int] = (),
) -> None:
    """Run a command of pip that has to succeed.

    Raises NotAvailableError with pip's own reason, CannotWriteError where the disk is full.
    """
    done = run_pip(python, arguments, timeout_s, keep_open)
    if done.returncode == 0:
        return
    reason = pip_reason(done)
    if any(word in done.stderr for word in _FULL):
        raise CannotWriteError(f"{doing}: pip says: {reason}; make room and run it again")
    raise NotAvailableError(
        f"{doing}: pip says: {reason}; what is installed by now is kept: run it again to go on"
    )


def pip_reason(done: subprocess.CompletedProcess[str]) -> str:
    """Return a compiler's errors, else pip's, else its last line."""
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    compiler = [
        # CMake's own words stand on the next line.
        f"{line} {after}" if line.startswith("CMake Error") else line
        for line, after in zip(lines, [*lines[1:], ""])
        if _COMPILER.search(line)
    ]
    if compiler:
        return "; ".join(compiler[:_MOST_QUOTED])
    # Without a network the errors only say that there is no such version.
    broken = re.findall(r"connection broken by '(.+)':", done.stderr)[-1:]
    errors = [line[len("ERROR:") :].strip() for line in lines if line.startswith("ERROR:")]
    plain = [_EXCEPTION.sub(r"\1", reason) for reason in broken]
    return "; ".join(plain or errors or lines[-1:] or [f"exit status {done.returncode}"])
