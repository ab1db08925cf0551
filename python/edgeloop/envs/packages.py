"""Which packages an interpreter has: looked up, never imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any


def missing_packages(modules: Sequence[str]) -> list[str]:
    """Return the modules that this interpreter does not have, in their order."""
    return [name for name in modules if not _is_here(name)]


def run(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Say, as a worker's job, which of `modules` are missing."""
    return {"missing": missing_packages(arguments["modules"])}


def _is_here(module: str) -> bool:
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None  # no origin: a folder of this name
