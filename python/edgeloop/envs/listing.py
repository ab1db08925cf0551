"""What `edgeloop setup` can install, and what is there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Optional

from edgeloop.envs.lock import environment_names, lock_for_this_machine
from edgeloop.envs.managed import folder_of, python_of
from edgeloop.errors import NotAvailableError

PURPOSES = {
    "convert": "conversions between PyTorch, ONNX, TensorFlow and TFLite; quantisation (3.7 GB)",
    "onnx2tf": "ONNX to TFLite alone, without TensorFlow (0.7 GB)",
    "tflite-runtime": "models in the old tflite-runtime package, which needs numpy below 2",
}


@dataclass(frozen=True)
class EnvironmentState:
    """One environment on this machine."""

    name: str
    state: str
    """"complete", "incomplete", "absent" or "not for this machine"."""
    folder: str
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
