"""Managed environments: where they lie, and whether one is complete."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Optional

from edgeloop.host.user_folders import data_folder

# Written last, so that an environment without it is one whose installation was broken off.
_MARKER = "edgeloop-environment.json"


def folder_of(name: str) -> Path:
    """Return where the environment lies: under EDGELOOP_ENVS, else in the data folder."""
    own = os.environ.get("EDGELOOP_ENVS")
    if own:
        return Path(own).resolve() / name
    return data_folder() / "envs" / name


def python_of(name: str) -> Optional[str]:
    """Return the interpreter of a complete environment, None where there is none."""
    python = folder_of(name) / "bin" / "python"
    return str(python) if marker(name) is not None and python.exists() else None


def marker(name: str) -> Optional[dict[str, Any]]:
    """Return what the installation wrote when it was complete; None where it is not."""
    try:
        content = json.loads((folder_of(name) / _MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write_marker(name: str, content: dict[str, Any]) -> None:
    """Declare the environment complete."""
    path = folder_of(name) / _MARKER
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def forget_marker(name: str) -> None:
    """Declare the environment incomplete, before anything in it changes. Raises OSError."""
    (folder_of(name) / _MARKER).unlink(missing_ok=True)
