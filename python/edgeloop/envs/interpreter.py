"""Which interpreter does a piece of work: this one, the one that was named, or a managed one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from edgeloop.envs.managed import python_of
from edgeloop.envs.packages import missing_packages
from edgeloop.errors import EdgeloopError, NotAvailableError

_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Interpreter:
    """Where the packages are; `python` is None where they are nowhere."""

    python: Optional[str]
    place: str
    """In words: "this environment", "the managed environment convert", a path."""
    reason: Optional[str] = None
    """Why there is none, and the command that mends it."""


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
        None, "nowhere", f"{_lacks('this environment', missing)}{_mend(environment, hint)}"
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
        reason = f"{_lacks(python, answer['missing'])}{_mend(environment, hint)}"
        return Interpreter(None, python, reason)
    return Interpreter(python, python)


def _lacks(place: str, missing: Sequence[str]) -> str:
    return f"{place} lacks {', '.join(missing)}"


def _mend(environment: Optional[str], hint: str) -> str:
    if hint:
        return f"; {hint}"
    return "" if environment is None else f"; run 'edgeloop setup {environment}'"
