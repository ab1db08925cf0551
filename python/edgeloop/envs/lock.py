"""Lock files: the packages of an environment on one machine, each with the hashes it may have.

A lock file is a pip requirements file. Comments that begin with `#:` say what pip cannot: the
Pythons for which all hashes are there, and the packages that are installed by version alone.
Written by `python -m edgeloop.envs.lock NAME MACHINE REPORT...` from what
`pip install --dry-run --no-deps --report` found for each of the Pythons.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from edgeloop.errors import NotAvailableError

_FOLDER = Path(__file__).parent / "locks"
_PYTHONS = re.compile(r"^#: python (.+)$", re.MULTILINE)
_UNLOCKED = re.compile(r"^#: cpu-build (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Lock:
    """One lock file."""

    name: str
    machine: str
    pythons: tuple[str, ...]
    """Versions as "3.11", the favourite first."""
    requirements: tuple[str, ...]
    """Lines of pip, each NAME==VERSION with its hashes."""
    cpu_build: Optional[str] = None
    """A requirement without hashes: PyTorch, whose CPU build has another hash on each index."""


def lock_of(name: str, machine: str) -> Lock:
    """Read the lock file of an environment. Raises NotAvailableError where there is none."""
    path = _FOLDER / f"{name}-{machine}.txt"
    if not path.is_file():
        machines = sorted(item.stem.rpartition("-")[2] for item in _FOLDER.glob(f"{name}-*.txt"))
        raise NotAvailableError(
            f"the environment {name} has no packages for {machine}, only for {', '.join(machines)}"
        )
    text = path.read_text(encoding="utf-8")
    pythons, cpu_build = _PYTHONS.search(text), _UNLOCKED.search(text)
    lines = text.replace("\\\n", " ").splitlines()
    return Lock(
        name=name,
        machine=machine,
        pythons=tuple(pythons[1].split()) if pythons else (),
        requirements=tuple(
            " ".join(line.split()) for line in lines if line and not line.startswith("#")
        ),
        cpu_build=None if cpu_build is None else cpu_build[1],
    )


def environment_names() -> tuple[str, ...]:
    """Return the environments that have a lock file for any machine."""
    return tuple(sorted({path.stem.rpartition("-")[0] for path in _FOLDER.glob("*.txt")}))


def lock_text(pythons: Sequence[str], reports: Iterable[Any], cpu_build: Optional[str]) -> str:
    """Return a lock file from pip's reports, one for each Python.

    Raises ValueError where they disagree on a version.
    """
    versions: dict[str, str] = {}
    hashes: dict[str, set[str]] = {}
    for report in reports:
        for item in report["install"]:
            name, version = item["metadata"]["name"].lower(), item["metadata"]["version"]
            if versions.setdefault(name, version) != version:
                raise ValueError(f"{name} is {versions[name]} and {version}")
            digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
            hashes.setdefault(name, set()).add(digest)
    lines = [f"#: python {' '.join(pythons)}"]
    if cpu_build is not None:
        lines.append(f"#: cpu-build {cpu_build}")
    for name in sorted(versions):
        options = [f"    --hash=sha256:{digest}" for digest in sorted(hashes[name])]
        lines.append(" \\\n".join([f"{name}=={versions[name]}", *options]))
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Write the lock file NAME-MACHINE.txt from PYTHON=REPORT pairs, and PACKAGE== to leave out."""
    name, machine, *rest = arguments
    cpu_build = next((item for item in rest if "==" in item), None)
    pairs = [item.partition("=") for item in rest if "==" not in item]
    reports = [json.loads(Path(path).read_text(encoding="utf-8")) for _, _, path in pairs]
    text = lock_text([python for python, _, _ in pairs], reports, cpu_build)
    (_FOLDER / f"{name}-{machine}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
