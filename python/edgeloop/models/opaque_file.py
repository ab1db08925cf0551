"""Summarise what only its own framework can inspect: Keras, TensorRT plans."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeloop.errors import ModelError
from edgeloop.models.formats import TENSORRT_MAGIC, ModelFormat
from edgeloop.models.identity import identity_of, model_bytes
from edgeloop.models.summary import ModelSummary

_READERS = {
    "keras": "Keras",
    "tensorrt": "TensorRT of the version that built it, on the same GPU",
}
# Header of a plan of serialization version 0 (TensorRT samples/common/sampleEngines.cpp).
_PLAN_HEADER = 28
_PLAN_SERIALIZATION = slice(4, 8)
_PLAN_VERSION = slice(24, 28)


def summarise(path: Path, found: ModelFormat) -> ModelSummary:
    """Summarise size and identity, and say who knows more."""
    reader = _READERS[found.format]
    reason = f"known only to {reader}"
    note = f"tensors, operators, parameters and MACs are {reason}"
    if found.format == "keras":
        note += "; convert it to a SavedModel, .tflite or .onnx and inspect that"
    return ModelSummary(
        path=str(path),
        format=found.format,
        kind=found.kind,
        bytes=model_bytes(path),
        sha256=identity_of(path),
        precision=None,
        precision_reason=reason,
        inputs=None,
        outputs=None,
        operators=None,
        parameters=None,
        parameters_reason=reason,
        parameter_bytes=None,
        macs=None,
        macs_reason=reason,
        metadata=_plan(path) if found.format == "tensorrt" else {},
        notes=(note,),
    )


def _plan(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            header = stream.read(_PLAN_HEADER)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(header) < _PLAN_HEADER or not header.startswith(TENSORRT_MAGIC):
        raise ModelError(f"{path} is a TensorRT plan that is cut short; build it again")
    version = plan_version(header)
    return {} if version is None else {"tensorrt_version": version}


def plan_version(plan: bytes) -> str | None:
    """Return the version of TensorRT that made a plan; None where its header has another layout."""
    if len(plan) < _PLAN_HEADER or any(plan[_PLAN_SERIALIZATION]):
        return None
    return ".".join(str(part) for part in plan[_PLAN_VERSION])
