"""The job that says what a model takes, in the runtime that runs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgeloop.conversion.samples import load_model
from edgeloop.spec.load import LoadOptions


def run(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Load a model in `runtime` with `options` and describe its inputs, all dimensions fixed."""
    loaded, _ = load_model(arguments["runtime"], LoadOptions(**arguments["options"]))
    return {"inputs": [spec.as_dict() for spec in loaded.inputs]}
