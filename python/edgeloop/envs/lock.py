"""Lock files: the packages of an environment on one machine, each with the hashes it may have.

A lock file is a pip requirements file, written by `python -m edgeloop.envs.lock_maker`. Comments
that begin with `#:` say what pip cannot: the Pythons and the least C library for which all hashes
are there, and the package that is installed by version alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from edgeloop.envs import machine as this_machine
from edgeloop.errors import NotAvailableError

_FOLDER = Path(__file__).parent / "locks"
_PYTHONS = re.compile(r"^#: python (.+)$", re.MULTILINE)
_GLIBC = re.compile(r"^#: glibc (\d+)\.(\d+)$", re.MULTILINE)
_UNLOCKED = re.compile(r"^#: cpu-build (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Lock:
    """One lock file."""

    name: str
    machine: str
    pythons: tuple[str, ...]
    """Versions as "3.11", the favourite first."""
    glibc: tuple[int, int]
    """The least version of the GNU C library that all packages have a wheel for."""
    requirements: tuple[str, ...]
    """Lines of pip, each NAME==VERSION with its hashes."""
    cpu_build: Optional[str] = None
    """A requirement without hashes: PyTorch, whose CPU build has another hash on each index."""


def lock_of(name: str, machine: str) -> Lock:
    """Read the lock file of an environment. Raises NotAvailableError where there is none."""
    path = path_of(name, machine)
    if not path.is_file():
        machines = sorted(item.stem.rpartition("-")[2] for item in _FOLDER.glob(f"{name}-*.txt"))
        raise NotAvailableError(
            f"the environment {name} has no packages for {machine}, only for {', '.join(machines)}"
        )
    text = path.read_text(encoding="utf-8")
    pythons, glibc, cpu_build = _PYTHONS.search(text), _GLIBC.search(text), _UNLOCKED.search(text)
    assert pythons is not None
    assert glibc is not None
    lines = text.replace("\\\n", " ").splitlines()
    return Lock(
        name=name,
        machine=machine,
        pythons=tuple(pythons[1].split()),
        glibc=(int(glibc[1]), int(glibc[2])),
        requirements=tuple(
            " ".join(line.split()) for line in lines if line and not line.startswith("#")
        ),
        cpu_build=None if cpu_build is None else cpu_build[1],
    )


def lock_for_this_machine(name: str) -> Lock:
    """Read the lock file that fits. Raises NotAvailableError where this machine has none."""
    lock = lock_of(name, this_machine.architecture())
    here = this_machine.too_old_for(lock.glibc)
    if here is not None:
        raise NotAvailableError(
            f"the packages of the environment {name} need glibc {lock.glibc[0]}.{lock.glibc[1]} on "
            f"{lock.machine}, and this machine has {here}; use a newer system, or do this step on "
            "another machine"
        )
    return lock


def path_of(name: str, machine: str) -> Path:
    """Return where the lock file of an environment is, or would be."""
    return _FOLDER / f"{name}-{machine}.txt"


def environment_names() -> tuple[str, ...]:
    """Return the environments that have a lock file for any machine."""
    return tuple(sorted({path.stem.rpartition("-")[0] for path in _FOLDER.glob("*.txt")}))
