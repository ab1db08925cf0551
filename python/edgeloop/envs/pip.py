"""pip, run as a program: its own reason is what an error says."""

from __future__ import annotations

import glob
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import metadata
from pathlib import Path
from typing import BinaryIO, Optional
from urllib.parse import unquote

from edgeloop.errors import CannotWriteError, NotAvailableError

_QUIET = ("--disable-pip-version-check", "--no-input")
# How an exception of urllib3 prints: its class, the object that it is about, and the reason.
_EXCEPTION = re.compile(r"^\w+\(['\"]?(?:<[^>]*>: )?(.*?)['\"]?\)$")
# What a compiler or CMake says of a build that failed: file:line:column: error: …
_COMPILER = re.compile(r":\d+(:\d+)?: (fatal )?error: |^CMake Error")
_MOST_QUOTED = 3
# A download, as pip announces it: name or address, size.
_DOWNLOADING = re.compile(r"Downloading (\S+) \(([\d.]+) (bytes|kB|MB|GB)\)$")
_UNITS = {"bytes": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9}
_LOOK_S = 0.5
_MOST_OUTPUT = 1 << 24
_FULL = ("No space left on device", "Disk quota exceeded")

Watch = Callable[[str], None]
"""Gets what changes while a program runs: a line that the next one replaces."""


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
    watch: Optional[Watch] = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command of pip under an interpreter; `keep_open` are descriptors that it inherits.

    `watch` gets twice a second what pip does. Raises NotAvailableError where it cannot start or
    does not end.
    """
    command = [python, "-m", "pip", arguments[0], *_QUIET, *arguments[1:]]
    try:
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgeloop-")))
            out = stack.enter_context((scratch / "out").open("w+b"))
            err = stack.enter_context((scratch / "err").open("w+b"))
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                pass_fds=keep_open,
                # There its downloads grow, and nobody else's.
                env={**os.environ, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"},
            )

            def look() -> None:
                if watch is not None:
                    watch(pip_progress(_text(out), scratch))

            status = _wait(process, timeout_s, look)
            return subprocess.CompletedProcess(command, status, _text(out), _text(err))
    except subprocess.TimeoutExpired as error:
        raise NotAvailableError(
            f"pip did not finish within {timeout_s:g} s; run it again"
        ) from error
    except OSError as error:
        raise NotAvailableError(f"pip could not be run: {error}; try again") from error


def _wait(process: subprocess.Popen[bytes], timeout_s: float, look: Callable[[], None]) -> int:
    """Wait for a process and look at it meanwhile; it is killed where the time is over."""
    deadline_s = time.monotonic() + timeout_s
    with process:
        try:
            while True:
                try:
                    return process.wait(min(_LOOK_S, max(0.0, deadline_s - time.monotonic())))
                except subprocess.TimeoutExpired:
                    if time.monotonic() >= deadline_s:
                        raise
                    look()
        except BaseException:
            process.kill()
            raise


def _text(file: BinaryIO) -> str:
    # The process writes at the same offset: it must not move.
    return os.pread(file.fileno(), _MOST_OUTPUT, 0).decode(errors="replace")


def pip_progress(said: str, scratch: Path) -> str:
    """Return what pip does by what it has said; `scratch` is its folder of temporary files.

    A download is a file that grows to the size that pip announced. Every version of pip tells so
    much; its own machine-readable progress is new in 24.1, and Python 3.11 brings 23.
    """
    line = next((one.strip() for one in reversed(said.splitlines()) if one.strip()), "starting")
    found = _DOWNLOADING.match(line)
    if found is None:
        return line
    name, size, unit = unquote(found[1].rpartition("/")[2]), float(found[2]), found[3]
    here = next(scratch.glob(f"pip-*/{glob.escape(name)}"), None)
    total = size * _UNITS[unit]
    if here is None or not total:
        return f"{name}, {found[2]} {unit}"
    return f"{min(100.0, 100 * here.stat().st_size / total):.0f} % of {found[2]} {unit}, {name}"


def require_pip(
    python: str,
    arguments: Sequence[str],
    doing: str,
    timeout_s: float,
    keep_open: Sequence[int] = (),
    watch: Optional[Watch] = None,
) -> None:
    """Run a command of pip that has to succeed.

    Raises NotAvailableError with pip's own reason, CannotWriteError where the disk is full.
    """
    done = run_pip(python, arguments, timeout_s, keep_open, watch)
    if done.returncode == 0:
        return
    reason = pip_reason(done)
    if any(word in done.stderr for word in _FULL):
        raise CannotWriteError(f"{doing}: pip says: {reason}; make room and run it again")
    raise NotAvailableError(
        f"{doing}: pip says: {reason}; what is installed so far is kept: run it again to resume"
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
