"""Make a managed environment from its lock file; what was broken off is gone on with."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, Optional
from urllib.parse import unquote, urlparse

import edgeloop
from edgeloop.envs.lock import Lock, lock_of
from edgeloop.envs.managed import folder_of, marker, write_marker
from edgeloop.envs.pip import pip_reason, require_pip, run_pip
from edgeloop.envs.search import find_interpreter
from edgeloop.errors import CannotWriteError, NotAvailableError

# Each run of pip keeps what it installed, so that a broken download costs one of these at most.
_BATCH = 12
_TIMEOUT_S = 3600.0  # 600 MB over a slow line; pip itself gives up sooner on a dead one

# PyTorch's own index of builds without CUDA, whose packages would be gigabytes of no use here.
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
_CUDA_PREFIXES = ("nvidia-", "cuda-")


def create(
    name: str,
    *,
    python: Optional[str] = None,
    wheels: Optional[str] = None,
    progress: Callable[[str], None],
) -> Path:
    """Install an environment, or what is missing of it, and return its folder.

    `python` names the interpreter it is made with, `wheels` a folder with edgeloop's own wheel,
    which is installed anew where the rest is complete.
    Raises NotAvailableError with pip's own reason, CannotWriteError where the disk is full.
    """
    lock = lock_of(name, platform.machine())
    folder = folder_of(name)
    wanted = {"name": name, "lock": _digest(lock), "edgeloop": edgeloop.__version__}
    if marker(name) == wanted and (folder / "bin" / "python").exists():
        if wheels is not None:
            _install_edgeloop(str(folder / "bin" / "python"), wheels)
        progress(f"{name}: {folder} is complete already")
        return folder
    if not (folder / "bin" / "python").exists():
        _make_venv(find_interpreter(lock.pythons, python, name), folder)
    own = str(folder / "bin" / "python")
    _forget_half_installed(folder)
    _install_locked(lock, own, progress)
    if lock.cpu_build is not None:
        progress(f"{name}: {lock.cpu_build}, its build without CUDA")
        _install_cpu_build(lock.cpu_build, own)
    progress(f"{name}: edgeloop {edgeloop.__version__}")
    _install_edgeloop(own, wheels)
    try:
        write_marker(name, wanted)
    except OSError as error:
        raise CannotWriteError(f"{folder} cannot be written: {error.strerror}") from error
    progress(f"{name}: {folder} is complete")
    return folder


def remove(name: str) -> bool:
    """Delete an environment; return whether there was one. Raises CannotWriteError."""
    folder = folder_of(name)
    if not folder.is_dir():
        return False
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise CannotWriteError(f"{folder} cannot be deleted: {error.strerror}") from error
    return True


def _digest(lock: Lock) -> str:
    text = "\n".join((*lock.requirements, lock.cpu_build or ""))
    return hashlib.sha256(text.encode()).hexdigest()


def _make_venv(python: str, folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [python, "-m", "venv", "--clear", str(folder)],
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotWriteError(f"{folder} cannot be made: {error}") from error
    if done.returncode != 0:
        raise NotAvailableError(f"{python} cannot make {folder}: {pip_reason(done)}")


def _forget_half_installed(folder: Path) -> None:
    """Delete the record of packages whose unpacking was broken off: pip writes RECORD last."""
    for information in folder.glob("lib/python*/site-packages/*.dist-info"):
        if not (information / "RECORD").is_file():
            shutil.rmtree(information, ignore_errors=True)


def _install_locked(lock: Lock, python: str, progress: Callable[[str], None]) -> None:
    total = len(lock.requirements)
    for start in range(0, total, _BATCH):
        batch = lock.requirements[start : start + _BATCH]
        names = ", ".join(line.partition("==")[0] for line in batch)
        progress(f"{lock.name}: packages {start + 1} to {start + len(batch)} of {total}: {names}")
        with _requirements(batch) as path:
            arguments = ["install", "--no-deps", "--require-hashes", "--only-binary=:all:"]
            require_pip(
                python,
                [*arguments, "--requirement", path],
                f"installing {lock.name}",
                _TIMEOUT_S,
            )


@contextmanager
def _requirements(lines: Sequence[str]) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="edgeloop-") as folder:
        path = Path(folder) / "requirements.txt"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        yield str(path)


def _install_cpu_build(requirement: str, python: str) -> None:
    """Install a build without CUDA: from pip's own index if that has one, else from PyTorch's."""
    done = run_pip(python, ["install", "--dry-run", "--report", "-", "-q", requirement], _TIMEOUT_S)
    where = (
        [] if done.returncode == 0 and not _brings_cuda(done.stdout) else ["--index-url", CPU_INDEX]
    )
    require_pip(
        python,
        ["install", "--no-deps", "--only-binary=:all:", *where, requirement],
        f"installing {requirement}",
        _TIMEOUT_S,
    )


def _brings_cuda(report: str) -> bool:
    try:
        items: list[dict[str, Any]] = json.loads(report)["install"]
        names = [item["metadata"]["name"].lower() for item in items]
    except (ValueError, KeyError, TypeError):
        return True
    return any(name.startswith(_CUDA_PREFIXES) for name in names)


def _install_edgeloop(python: str, wheels: Optional[str]) -> None:
    """Put this very version in, from the first of its origins that has it."""
    requirement = f"edgeloop=={edgeloop.__version__}"
    origins = []
    if wheels is not None:
        origins.append(["--no-index", "--find-links", wheels, requirement])
    else:
        origin = _origin()
        origins += [[origin]] if origin is not None else []
        origins.append([requirement])
    reasons = []
    for origin_arguments in origins:
        arguments = ["install", "--no-deps", "--force-reinstall", *origin_arguments]
        done = run_pip(python, arguments, _TIMEOUT_S)
        if done.returncode == 0:
            return
        reasons.append(f"{origin_arguments[-1]}: {pip_reason(done)}")
    raise NotAvailableError(
        f"edgeloop {edgeloop.__version__} itself could not be installed there: "
        f"{'; '.join(reasons)}; name a folder with its wheel with --wheel-dir or EDGELOOP_WHEELS"
    )


def _origin() -> Optional[str]:
    """Return the wheel or source folder that this edgeloop was installed from, where it is here."""
    try:
        text = metadata.distribution("edgeloop").read_text("direct_url.json")
        url = json.loads(text)["url"] if text else ""
    except (metadata.PackageNotFoundError, ValueError, KeyError):
        return None
    parsed = urlparse(url)
    path = unquote(parsed.path)
    return path if parsed.scheme == "file" and Path(path).exists() else None
