"""Write a lock file: look up the hash of every package for every Python, on any machine.

    python -m edgeloop.envs.lock_maker NAME MACHINE [--python 3.11]... [--glibc 2.28]
        [--cpu-build torch==2.13.0] [PACKAGE==VERSION]...

What is not given stays as it is in the lock file; a package that is given is changed or added.
Only the index is asked, nothing is installed, so that the machine may be another one than this.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Optional

from edgeloop.envs.lock import Lock, lock_of, path_of
from edgeloop.envs.pip import pip_reason, requirements_file, run_pip
from edgeloop.errors import NotAvailableError

_TIMEOUT_S = 900.0

# The oldest glibc of a manylinux tag, and the names that the tags had before they named the glibc.
_OLDEST = {"x86_64": 5, "aarch64": 17}
_OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


def platform_tags(machine: str, glibc: tuple[int, int]) -> list[str]:
    """Return the tags of the wheels that run on a machine with this C library, the best first.

    pip takes a --platform word for word: an older tag that the machine runs as well is its own.
    """
    tags = []
    for minor in range(glibc[1], _OLDEST[machine] - 1, -1):
        tags.append(f"manylinux_2_{minor}_{machine}")
        if minor in _OLD_NAMES:
            tags.append(f"{_OLD_NAMES[minor]}_{machine}")
    return [*tags, f"linux_{machine}"]


def look_up(
    requirements: Sequence[str], machine: str, python: str, glibc: tuple[int, int]
) -> list[dict[str, Any]]:
    """Return what pip would install of these lines there, as its report has it.

    Raises NotAvailableError with pip's own reason, where a package or its hash is not found.
    """
    with requirements_file(requirements) as path:
        arguments = [
            *("install", "--dry-run", "--quiet", "--report", "-", "--ignore-installed"),
            *("--no-deps", "--only-binary=:all:", "--python-version", python),
            *("--implementation", "cp", "--target", f"{path}.never-written"),
            *(part for tag in platform_tags(machine, glibc) for part in ("--platform", tag)),
            *("--requirement", path),
        ]
        done = run_pip(sys.executable, arguments, _TIMEOUT_S)
    if done.returncode != 0:
        raise NotAvailableError(
            f"Python {python} on {machine} with glibc {glibc[0]}.{glibc[1]}: {pip_reason(done)}"
        )
    items: list[dict[str, Any]] = json.loads(done.stdout)["install"]
    return items


def lock_text(
    pythons: Sequence[str],
    glibc: tuple[int, int],
    reports: Iterable[Sequence[dict[str, Any]]],
    cpu_build: Optional[str],
) -> str:
    """Return a lock file from pip's reports, one for each Python.

    Raises ValueError where they disagree on a version.
    """
    versions: dict[str, str] = {}
    hashes: dict[str, set[str]] = {}
    for report in reports:
        for item in report:
            name, version = item["metadata"]["name"].lower(), item["metadata"]["version"]
            if versions.setdefault(name, version) != version:
                raise ValueError(f"{name} is {versions[name]} and {version}")
            digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
            hashes.setdefault(name, set()).add(digest)
    lines = [f"#: python {' '.join(pythons)}", f"#: glibc {glibc[0]}.{glibc[1]}"]
    if cpu_build is not None:
        lines.append(f"#: cpu-build {cpu_build}")
    for name in sorted(versions):
        options = [f"    --hash=sha256:{digest}" for digest in sorted(hashes[name])]
        lines.append(" \\\n".join([f"{name}=={versions[name]}", *options]))
    return "\n".join(lines) + "\n"


def canonical_name(name: str) -> str:
    """Return a package's name as the index compares names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins_of(lock: Optional[Lock], given: Sequence[str]) -> list[str]:
    """Return NAME==VERSION of every package: those of the lock file, changed by those given."""
    lines = [] if lock is None else [line.split()[0] for line in lock.requirements]
    pins = {canonical_name(line.partition("==")[0]): line for line in (*lines, *given)}
    return [pins[name] for name in sorted(pins)]


def main(arguments: Sequence[str]) -> None:
    """Write the lock file NAME-MACHINE.txt."""
    parser = argparse.ArgumentParser(description="Write a lock file.")
    parser.add_argument("name")
    parser.add_argument("machine", choices=sorted(_OLDEST))
    parser.add_argument("packages", nargs="*", metavar="PACKAGE==VERSION")
    parser.add_argument("--python", action="append", metavar="3.11", help="the favourite first")
    parser.add_argument("--glibc", metavar="2.28")
    parser.add_argument("--cpu-build", metavar="PACKAGE==VERSION")
    given = parser.parse_args(arguments)
    path = path_of(given.name, given.machine)
    old = lock_of(given.name, given.machine) if path.is_file() else None
    if old is None and not (given.python and given.glibc and given.packages):
        parser.error(f"{path.name} is new: it needs packages, --python and --glibc")
    pythons = tuple(given.python or (old.pythons if old else ()))
    major, _, minor = (given.glibc or "").partition(".")
    glibc = (int(major), int(minor)) if given.glibc else old.glibc if old else (0, 0)
    cpu_build = given.cpu_build or (old.cpu_build if old else None)
    pins = pins_of(old, given.packages)
    reports = [look_up(pins, given.machine, python, glibc) for python in pythons]
    path.write_text(lock_text(pythons, glibc, reports, cpu_build), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
