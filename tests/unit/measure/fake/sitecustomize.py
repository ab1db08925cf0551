"""Runs first in a worker whose PYTHONPATH leads here: it adds the runtime that misbehaves."""

from __future__ import annotations

import atexit
import os
import sys
from pathlib import Path

import edgeloop.runtimes

edgeloop.runtimes.RUNTIME_NAMES += ("misbehaving",)
edgeloop.runtimes.__path__.append(str(Path(__file__).parent / "runtimes"))


def write_modules(path: str = os.environ.get("EDGELOOP_TEST_MODULES", "")) -> None:
    """Write what this process has imported, for the test that asks."""
    if path:
        Path(path).write_text("\n".join(sys.modules), encoding="utf-8")


atexit.register(write_modules)
