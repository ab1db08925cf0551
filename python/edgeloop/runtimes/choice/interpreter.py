"""Which interpreter runs a runtime: this one, else the managed environment of its name."""

from __future__ import annotations

import sys
from typing import Optional

from edgeloop.envs.managed import python_of
from edgeloop.errors import EdgeloopError
from edgeloop.runtimes import runtime


def interpreter_of(name: str, library: Optional[str], said: list[str]) -> str:
    """Return the interpreter that has the runtime; `said` gets a sentence where it is another.

    Raises what the runtime says, where it is nowhere.
    """
    try:
        runtime(name).find(library)
    except EdgeloopError:
        managed = python_of(name)
        if managed is None or library is not None:
            raise
        said.append(f"{name}: in the managed environment {name}")
        return managed
    return sys.executable
