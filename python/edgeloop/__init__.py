"""Measure how fast a neural network is in each runtime, and how much of the time is Python."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "bench",
    "compare",
    "compare_folders",
    "convert",
    "coverage",
    "evaluate",
    "get_include",
    "inspect",
    "overhead",
    "profile",
    "quantize",
]


def get_include() -> str:
    """Return the folder that makes `#include <edgeloop/engine_v1.h>` work, for a compiler's -I."""
    from pathlib import Path

    here = Path(__file__).resolve().parent
    installed = here / "include"
    # In a checkout that is not installed, the header is where its source is.
    return str(installed if installed.is_dir() else here.parents[1] / "cpp" / "include")


def __getattr__(name: str) -> Any:
    """Import the API on first use, so that `edgeloop --version` imports nothing."""
    if name in __all__:
        return getattr(import_module("edgeloop.api"), name)
    raise AttributeError(f"module 'edgeloop' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names alone, which are imported on their first use."""
    return sorted(__all__)
