"""Managed environments: what can be set up, where they lie, and which are complete."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Optional

from edgeloop.envs.lock import environment_names, lock_for_this_machine
from edgeloop.errors import NotAvailableError
from edgeloop.host.user_folders import data_folder

PURPOSES = {
    "convert": "conversions between PyTorch, ONNX, TensorFlow and TFLite; quantisation (3.7 GB)",
    "onnx2tf": "ONNX to TFLite alone, without TensorFlow (0.7 GB)",
    "ncnn": "ncnn, and ONNX to ncnn by pnnx (0.3 GB)",
    "openvino": "OpenVINO, without its telemetry (0.3 GB)",
    "tensorflow": "TensorFlow itself, which is not needed to convert (1.6 GB)",
    "tflite-runtime": "models in the old tflite-runtime package, which needs numpy below 2",
}

# Written last, so that an environment without it is one whose installation was interrupted.
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


@dataclass(frozen=True)
class EnvironmentState:
    """One environment, library or engine on this machine."""

    name: str
    state: str
    """"complete", "incomplete", "absent" or "not for this machine"."""
    folder: str
    """Its folder; the file of a library or an engine."""
    purpose: str
    python: Optional[str] = None

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return asdict(self)


def environments() -> list[EnvironmentState]:
    """Return the state of every managed environment."""
    return [_state(name) for name in environment_names()]


def _state(name: str) -> EnvironmentState:
    folder, python = folder_of(name), python_of(name)
    state = "complete" if python is not None else "incomplete" if folder.is_dir() else "absent"
    try:
        lock_for_this_machine(name)
    except NotAvailableError:
        state = "not for this machine"
    return EnvironmentState(name, state, str(folder), PURPOSES.get(name, ""), python)
