"""Which interpreter does a piece of work: this one, the one that was named, or a managed one."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Optional

from edgeloop.envs.managed import python_of
from edgeloop.errors import EdgeloopError, NotAvailableError

_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Interpreter:
    """Where the packages are; `python` is None where they are nowhere."""

    python: Optional[str]
    place: str
    """In words: "this environment", "the managed environment convert", a path."""
    reason: Optional[str] = None
    """Why there is none, and the command that fixes it."""


def look_for(
    packages: Sequence[str],
    environment: Optional[str],
    python: Optional[str] = None,
    hint: str = "",
) -> Interpreter:
    """Find an interpreter with the modules: `python` if it is named, else this, else managed."""
    if python is not None:
        return _named(packages, environment, python, hint)
    missing = missing_packages(packages)
    if not missing:
        return Interpreter(sys.executable, "this environment")
    managed = None if environment is None else python_of(environment)
    if managed is not None:
        return Interpreter(managed, f"the managed environment {environment}")
    return Interpreter(
        None, "nowhere", f"{_lacks('this environment', missing)}{_fix(environment, hint)}"
    )


def interpreter_for(
    packages: Sequence[str], environment: Optional[str], python: Optional[str] = None
) -> str:
    """Return the path of an interpreter that has the modules. Raises NotAvailableError."""
    found = look_for(packages, environment, python)
    if found.python is None:
        raise NotAvailableError(found.reason)
    return found.python


def _named(
    packages: Sequence[str], environment: Optional[str], python: str, hint: str
) -> Interpreter:
    from edgeloop.worker.client import WorkerClient

    try:
        with WorkerClient(python, _TIMEOUT_S) as worker:
            answer = worker.job("packages", {"modules": list(packages)}, "looking for packages")
    except EdgeloopError as error:
        return Interpreter(None, python, str(error))
    if answer["missing"]:
        reason = f"{_lacks(python, answer['missing'])}{_fix(environment, hint)}"
        return Interpreter(None, python, reason)
    return Interpreter(python, python)


def _lacks(place: str, missing: Sequence[str]) -> str:
    return f"{place} lacks {', '.join(missing)}"


def _fix(environment: Optional[str], hint: str) -> str:
    if hint:
        return f"; {hint}"
    return "" if environment is None else f"; run 'edgeloop setup {environment}'"


def missing_packages(modules: Sequence[str]) -> list[str]:
    """Return the modules that this interpreter does not have, in their order."""
    return [name for name in modules if not _is_here(name)]


def run(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Say, as a worker's job, which of `modules` are missing."""
    return {"missing": missing_packages(arguments["modules"])}


def _is_here(module: str) -> bool:
    """Look for a module; of a dotted name only the first part's folder is looked into."""
    top, *rest = module.split(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return False
    if spec is None or spec.origin is None:  # no origin: a folder of this name
        return False
    if not rest:
        return True
    inside = [Path(folder, *rest) for folder in spec.submodule_search_locations or ()]
    return any(path.is_dir() or path.with_suffix(".py").is_file() for path in inside)
