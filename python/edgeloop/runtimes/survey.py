"""Which runtimes are installed, each asked in a process of its own: one may crash on this CPU."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Optional

from edgeloop.errors import EdgeloopError, NotAvailableError
from edgeloop.runtimes import known_names, runtime
from edgeloop.runtimes.choice.runtimes import interpreter_of
from edgeloop.worker.client import WorkerClient
from edgeloop.worker.requests import Find, Import


@dataclass(frozen=True)
class RuntimeStatus:
    """One runtime on this machine."""

    name: str
    state: str
    """"found", "missing" or "broken"."""
    version: Optional[str] = None
    library: Optional[str] = None
    origin: Optional[str] = None
    reason: Optional[str] = None
    """Why it is missing or broken."""
    fix: Optional[str] = None
    """The command that fixes it."""

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return asdict(self)


def survey(
    python: Optional[str] = None,
    timeout_s: float = 60.0,
    doing: Callable[[str], None] = lambda _: None,
) -> list[RuntimeStatus]:
    """Look for every runtime in `python`, by default in the interpreter that would measure it.

    `doing` gets a line before each. A plugin is nowhere until its path is named, so it is not among
    them.
    """
    names = [name for name in known_names() if not _named_by_path(name)]
    found = []
    for number, name in enumerate(names, start=1):
        doing(f"looking for {name} ({number} of {len(names)})")
        found.append(probe(name, python or _interpreter(name), timeout_s))
    return found


def _interpreter(name: str) -> str:
    """Return this interpreter, or that of the managed environment which has the runtime."""
    try:
        return interpreter_of(name, None, [])
    except EdgeloopError:  # it is nowhere, which the probe reports
        return sys.executable


def _named_by_path(name: str) -> bool:
    try:
        return runtime(name).named_by_path
    except NotAvailableError:  # of a package that is broken, which the probe reports
        return False


def probe(name: str, python: str, timeout_s: float) -> RuntimeStatus:
    """Find one runtime, load its library and import its package, in a process of its own."""
    try:
        hint = runtime(name).install_hint
    except NotAvailableError as error:
        return RuntimeStatus(name, "broken", reason=str(error))
    try:
        with WorkerClient(python, timeout_s) as worker:
            found = worker.request(Find(name), f"looking for {name}").body["installation"]
            try:
                worker.request(Import(name), f"importing {name}")
            except EdgeloopError as error:
                return RuntimeStatus(name, "broken", **found, reason=str(error), fix=hint)
    except NotAvailableError as error:
        return RuntimeStatus(name, "missing", reason=str(error), fix=hint)
    except EdgeloopError as error:
        return RuntimeStatus(name, "broken", reason=str(error), fix=hint)
    if python != sys.executable:
        found["origin"] = f"{found['origin']} of {python}"
    return RuntimeStatus(name, "found", **found)
