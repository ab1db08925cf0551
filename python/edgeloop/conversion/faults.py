"""What a converter can get wrong without a word, read from the file that it wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from edgeloop.errors import EdgeloopError
from edgeloop.models.formats import detect_format
from edgeloop.models.identity import model_bytes
from edgeloop.models.inspect import inspect_model

# Bytes that one parameter takes at least.
_PARAMETER_BYTES = {"fp32": 4, "fp16": 2, "int8": 1, "int16x8": 1, "dynamic": 1}

# Converters drop what is not used and fold batch normalisations, but not two thirds of the weights:
# a file whose variables were left out is a fifth of its size or less.
_LEAST_SHARE = 1 / 3

# Too small for a share to mean anything: the structure outweighs the weights.
_LEAST_PARAMETERS = 1000

_VARIABLES = frozenset(("VAR_HANDLE", "READ_VARIABLE"))


@dataclass(frozen=True)
class FileFacts:
    """What can be read from a model file without running it; None where the format hides it."""

    format: str
    bytes: int
    precision: Optional[str] = None
    parameters: Optional[int] = None
    opset: Optional[int] = None
    """Of ONNX's own operators."""
    operators: tuple[str, ...] = ()
    external_weights: bool = False


def facts_of(path: str) -> FileFacts:
    """Read a model file. Raises ModelError where it is none."""
    found = detect_format(path).format
    size = model_bytes(path)
    try:
        summary = inspect_model(path)
    except EdgeloopError:  # the package that reads the format is missing
        return FileFacts(found, size)
    return FileFacts(
        format=found,
        bytes=size,
        precision=summary.precision,
        parameters=summary.parameters,
        opset=summary.metadata.get("opset", {}).get("ai.onnx"),
        operators=tuple(operator.name for operator in summary.operators or ()),
        external_weights=any(note.startswith("weights are in ") for note in summary.notes),
    )


def file_faults(
    written: FileFacts,
    beside: Sequence[str],
    *,
    parameters: Optional[int] = None,
    opset: Optional[int] = None,
) -> list[str]:
    """Return what is wrong with a file that a converter wrote, one sentence each.

    `beside` names what it left next to the file, `parameters` is how many numbers the source
    computes with, `opset` the one that was asked for.
    """
    faults = []
    if opset is not None and written.opset is not None and written.opset != opset:
        faults.append(f"opset {opset} was asked for, but the file has opset {written.opset}")
    if written.external_weights or (written.format == "onnx" and beside):
        named = f" ({', '.join(beside)})" if beside else ""
        faults.append(f"weights were left in another file{named}, without which it does not load")
    variables = sorted(_VARIABLES.intersection(written.operators))
    if variables:
        faults.append(
            f"its variables are not frozen ({', '.join(variables)}): the file lacks the weights"
        )
    least = _least_bytes(written, parameters)
    if least is not None and written.bytes < least:
        faults.append(
            f"it has {written.bytes} bytes, which cannot hold the {parameters} parameters of the "
            "source: the weights are not in the file"
        )
    return faults


def _least_bytes(written: FileFacts, parameters: Optional[int]) -> Optional[float]:
    if parameters is None or parameters < _LEAST_PARAMETERS:
        return None
    each = _PARAMETER_BYTES.get(written.precision or "", 1)
    return parameters * each * _LEAST_SHARE


def facts_as_dict(facts: FileFacts) -> dict[str, Any]:
    """Return the JSON-able form that a worker answers."""
    return {**vars(facts), "operators": list(facts.operators)}


def facts_from_dict(document: dict[str, Any]) -> FileFacts:
    """Return the facts that `facts_as_dict` was called on."""
    return FileFacts(**{**document, "operators": tuple(document["operators"])})


def name_of_unverified(target: Path) -> Path:
    """Return the name under which a file is kept that failed its verification."""
    return target.with_name(f"{target.name}.unverified")
