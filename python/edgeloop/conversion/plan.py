"""The plan of a conversion: the way, and for every step where it runs and what is missing."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Optional

from edgeloop.conversion.edge import Edge
from edgeloop.conversion.graph import EDGES, find_path
from edgeloop.envs.interpreter import Interpreter, look_for
from edgeloop.errors import NotAvailableError
from edgeloop.models.formats import ModelFormat

# A step that this machine cannot do at all weighs more than any number that are not installed.
_OTHER_MACHINE = 100


@dataclass(frozen=True)
class Step:
    """One edge of the way, and where it would run."""

    edge: Edge
    python: Optional[str]
    """None: it cannot run here now; `missing` says why and what to do."""
    place: str
    missing: Optional[str] = None
    other_machine: Optional[str] = None
    """The machine on which the step has to run; None: this one will do."""

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        document = asdict(self)
        document["edge"] = self.edge.name
        document.update(source=self.edge.source, target=self.edge.target, tool=self.edge.tool)
        return document


@dataclass(frozen=True)
class Plan:
    """A way from a model to a format."""

    source: ModelFormat
    target: str
    machine: str
    steps: tuple[Step, ...]

    @property
    def runnable(self) -> bool:
        """Whether every step can run here and now."""
        return all(step.python is not None for step in self.steps)

    def require_runnable(self) -> None:
        """Raise NotAvailableError that names the first step that cannot run, and the remedy."""
        for step in self.steps:
            if step.python is None:
                raise NotAvailableError(
                    f"{step.edge.source} to {step.edge.target} needs {step.edge.tool}: "
                    f"{step.missing}"
                )

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {
            "source": asdict(self.source),
            "target": self.target,
            "machine": self.machine,
            "runnable": self.runnable,
            "steps": [step.as_dict() for step in self.steps],
        }


def make_plan(
    source: ModelFormat,
    target: str,
    *,
    via: Sequence[str] = (),
    python: Optional[str] = None,
    machine: Optional[str] = None,
    edges: Sequence[Edge] = EDGES,
    look: Callable[..., Interpreter] = look_for,
) -> Plan:
    """Choose the way: first what this machine can do at all, then what is installed, then short.

    `machine` is an architecture as platform.machine() gives it; None: this one.
    Raises UsageError where there is no way.
    """
    here = machine or platform.machine()
    steps: dict[str, Step] = {}

    def step(edge: Edge) -> Step:
        if edge.name not in steps:
            steps[edge.name] = _step(edge, here, python, look)
        return steps[edge.name]

    def cost(edge: Edge) -> int:
        if step(edge).other_machine is not None:
            return _OTHER_MACHINE
        return 0 if step(edge).python is not None else 1

    way = find_path(source, target, via=via, edges=edges, cost=cost)
    return Plan(source, way[-1].target, here, tuple(map(step, way)))


def _step(
    edge: Edge, machine: str, python: Optional[str], look: Callable[..., Interpreter]
) -> Step:
    if machine not in edge.machines:
        wanted = " or ".join(edge.machines)
        return Step(
            edge,
            None,
            f"a PC ({wanted})" if edge.machines else "another machine",
            missing=f"{edge.tool} has no package for {machine}: do this step on {wanted}, and "
            "copy its result here",
            other_machine=wanted,
        )
    program = next(filter(None, map(shutil.which, edge.programs)), None)
    if edge.programs and not edge.packages and program is None:
        names = " or ".join(edge.programs)
        return Step(
            edge, None, "nowhere", missing=f"{names} is not in the PATH; {edge.install_hint}"
        )
    found = look(edge.packages, edge.environment, python, edge.install_hint)
    if found.python is None and program is not None:
        return Step(edge, python or sys.executable, program)
    return Step(edge, found.python, found.place, missing=found.reason)
