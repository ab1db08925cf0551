"""Make a managed environment from its lock file; an interrupted one is resumed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

import edgeloop
from edgeloop.envs.lock import Lock, lock_for_this_machine
from edgeloop.envs.managed import folder_of, forget_marker, marker, write_marker
from edgeloop.envs.own_package import install_own_package
from edgeloop.envs.pip import Watch, pip_reason, require_pip, requirements_file, run_pip
from edgeloop.envs.search import find_interpreter
from edgeloop.errors import CannotWriteError, InterruptedRunError, NotAvailableError, UsageError

# Each run of pip keeps what it installed, so that a broken download costs one of these at most.
_BATCH = 12
_TIMEOUT_S = 3600.0  # 600 MB over a slow line; pip itself gives up sooner on a dead one

# PyTorch's own index of builds without CUDA, whose packages would be gigabytes of no use here.
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
_CUDA_PREFIXES = ("nvidia-", "cuda-")

_SITE = "lib/python*/site-packages"


def create(
    name: str,
    *,
    python: Optional[str] = None,
    wheels: Optional[str] = None,
    progress: Callable[[str], None],
    watch: Optional[Watch] = None,
) -> Path:
    """Install an environment, or what is missing of it, and return its folder.

    `python` names the interpreter it is made with, `wheels` a folder with edgeloop's own wheel,
    which is reinstalled where the rest is complete. `progress` gets lines that stay, `watch`
    what pip does.
    Raises NotAvailableError with pip's own reason, CannotWriteError where the disk is full,
    UsageError where another setup works on it or `wheels` is not a folder,
    InterruptedRunError for Ctrl-C.
    """
    if wheels is not None and not Path(wheels).is_dir():
        raise UsageError(f"there is no folder {wheels}; name the one with edgeloop's wheel")
    lock = lock_for_this_machine(name)
    with alone(name) as held:
        try:
            return _create(lock, python, wheels, progress, watch, held)
        except KeyboardInterrupt:
            raise InterruptedRunError(
                f"interrupted; what is installed of {name} so far is kept: run it again to resume"
            ) from None


def _create(
    lock: Lock,
    python: Optional[str],
    wheels: Optional[str],
    progress: Callable[[str], None],
    watch: Optional[Watch],
    held: int,
) -> Path:
    name, folder = lock.name, folder_of(lock.name)
    own = str(folder / "bin" / "python")
    wanted = {"name": name, "lock": _digest(lock), "edgeloop": edgeloop.__version__}
    if marker(name) == wanted and Path(own).exists():
        if wheels is not None:
            install_own_package(own, wheels, (held,), watch)
        progress(f"{name}: {folder} is already complete")
        return folder
    if not (Path(own).exists() and _has_pip(folder)):
        base = find_interpreter(lock.pythons, python, name)
        progress(f"{name}: a new environment of {base}")
        _make_venv(base, folder)
    try:
        forget_marker(name)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    _forget_half_installed(folder)
    # What is likeliest to fail goes first: the rest may be gigabytes.
    progress(f"{name}: edgeloop {edgeloop.__version__}")
    install_own_package(own, wheels, (held,), watch)
    if lock.cpu_build is not None:
        progress(f"{name}: {lock.cpu_build}, its build without CUDA")
        _install_cpu_build(lock.cpu_build, own, held, watch)
    _install_locked(lock, own, progress, held, watch)
    try:
        write_marker(name, wanted)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    progress(f"{name}: {folder} is complete")
    return folder


def remove(name: str) -> bool:
    """Delete an environment; return whether there was one.

    Raises CannotWriteError, UsageError where a setup is working on it.
    """
    folder = folder_of(name)
    if not folder.is_dir():
        return False
    with alone(name):
        try:
            forget_marker(name)
            shutil.rmtree(folder)
        except OSError as error:
            raise CannotWriteError(f"{folder} cannot be deleted: {error.strerror}") from error
    return True


def _cannot_write(folder: Path, error: OSError) -> CannotWriteError:
    return CannotWriteError(f"{folder} cannot be written: {error.strerror}")


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


def _has_pip(folder: Path) -> bool:
    """Return whether the environment got as far as its pip, which comes last."""
    return any(_is_whole(found) for found in folder.glob(f"{_SITE}/pip-*.dist-info"))


def _forget_half_installed(folder: Path) -> None:
    """Delete the record of packages whose unpacking was interrupted, so that pip does it again."""
    for information in folder.glob(f"{_SITE}/*.dist-info"):
        if not _is_whole(information):
            shutil.rmtree(information, ignore_errors=True)


def _is_whole(information: Path) -> bool:
    """Tell from its .dist-info whether pip has unpacked all of a package.

    INSTALLER is written when all files are there; RECORD may come early, out of the wheel.
    """
    return all((information / name).is_file() for name in ("INSTALLER", "RECORD"))


def _install_locked(
    lock: Lock,
    python: str,
    progress: Callable[[str], None],
    held: int,
    watch: Optional[Watch],
) -> None:
    total = len(lock.requirements)
    for start in range(0, total, _BATCH):
        batch = lock.requirements[start : start + _BATCH]
        names = ", ".join(line.partition("==")[0] for line in batch)
        progress(f"{lock.name}: packages {start + 1} to {start + len(batch)} of {total}: {names}")
        with requirements_file(batch) as path:
            arguments = ["install", "--no-deps", "--require-hashes", "--only-binary=:all:"]
            require_pip(
                python,
                [*arguments, "--requirement", path],
                f"installing {lock.name}",
                _TIMEOUT_S,
                (held,),
                watch,
            )


def _install_cpu_build(requirement: str, python: str, held: int, watch: Optional[Watch]) -> None:
    """Install a build without CUDA: from pip's own index if that has one, else from PyTorch's."""
    done = run_pip(python, ["install", "--dry-run", "--report", "-", "-q", requirement], _TIMEOUT_S)
    where, doing = [], f"installing {requirement}"
    if done.returncode != 0 or _brings_cuda(done.stdout):
        where = ["--index-url", CPU_INDEX]
        doing += (
            f" from {CPU_INDEX} (pip's own index offers no build without CUDA; where that one "
            "cannot be reached, name a folder with the wheel in PIP_FIND_LINKS)"
        )
    require_pip(
        python,
        ["install", "--no-deps", "--only-binary=:all:", *where, requirement],
        doing,
        _TIMEOUT_S,
        (held,),
        watch,
    )


def _brings_cuda(report: str) -> bool:
    try:
        items: list[dict[str, Any]] = json.loads(report)["install"]
        names = [item["metadata"]["name"].lower() for item in items]
    except (ValueError, KeyError, TypeError):
        return True
    return any(name.startswith(_CUDA_PREFIXES) for name in names)


@contextmanager
def alone(name: str) -> Iterator[int]:
    """Hold the environment; yield the descriptor that holds it.

    A pip that inherits the descriptor holds the environment until it ends, whoever started it:
    pip goes on where only its parent was killed, and two at a time would break each other's files.
    Raises UsageError where another holds it, CannotWriteError where its folder cannot be made.
    """
    path = folder_of(name).with_name(f".{name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise CannotWriteError(
            f"{path.parent} cannot be written ({error.strerror}); choose another data folder with "
            "XDG_DATA_HOME"
        ) from error
    try:
        _lock(held, name)
        yield held
    finally:
        os.close(held)


def _lock(held: int, name: str) -> None:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(
            f"another setup, or the pip that a killed one left, is working on {name}; wait until "
            "it ends"
        ) from None
    except OSError:  # a file system without locks
        return
