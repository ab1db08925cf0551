"""What `edgeloop setup` can install, and what is there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Optional

from edgeloop.conversion.graph import find_path
from edgeloop.envs.lock import environment_names, lock_for_this_machine
from edgeloop.envs.managed import folder_of, python_of
from edgeloop.errors import NotAvailableError, UsageError, canonical, nearest
from edgeloop.models.formats import FORMATS, ModelFormat

PURPOSES = {
    "convert": "conversions between PyTorch, ONNX, TensorFlow and TFLite; quantisation (3.7 GB)",
    "onnx2tf": "ONNX to TFLite alone, without TensorFlow (0.7 GB)",
    "tflite-runtime": "models in the old tflite-runtime package, which needs numpy below 2",
}

# What the converters of other tools call the formats.
_ALIASES = {"torch": "pytorch", "tf": "savedmodel", "tensorflow": "savedmodel", "trt": "tensorrt",
            "coral": "edgetpu", "litert": "tflite", "h5": "keras"}  # fmt: skip


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


def environments_of_route(source: str, target: str) -> list[str]:
    """Return the environments that the way from one format to another needs. Raises UsageError."""
    start = _ALIASES.get(canonical(source), canonical(source))
    if start not in FORMATS:
        raise UsageError(f"no format is called '{source}'; {nearest(source, FORMATS)}")
    way = find_path(ModelFormat(start), _ALIASES.get(canonical(target), target))
    missing = [edge for edge in way if edge.environment is None]
    if missing:
        raise NotAvailableError(
            f"{missing[0].source} to {missing[0].target} needs {missing[0].tool}, which no "
            f"environment can bring: {missing[0].install_hint}"
        )
    return list(dict.fromkeys(str(edge.environment) for edge in way))


def _state(name: str) -> EnvironmentState:
    folder, python = folder_of(name), python_of(name)
    state = "complete" if python is not None else "incomplete" if folder.is_dir() else "absent"
    try:
        lock_for_this_machine(name)
    except NotAvailableError:
        state = "not for this machine"
    return EnvironmentState(name, state, str(folder), PURPOSES.get(name, ""), python)
