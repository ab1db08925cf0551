"""Which packages an interpreter has: looked up, never imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any


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
