"""Jobs: what a worker does once, beside measuring, in an interpreter that has the packages for it.

A job is a module with `run(arguments) -> result`, both JSON-able. The worker takes its name from
this table and nowhere else: a message can never name what is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

from edgeloop.errors import UsageError

JOBS: Mapping[str, str] = {
    "compare-layers": "edgeloop.conversion.quantization.layers",
    "convert": "edgeloop.conversion.job",
    "describe-inputs": "edgeloop.conversion.inputs_job",
    "run-samples": "edgeloop.conversion.samples",
    "provider-devices": "edgeloop.runtimes._onnx_plugins",
    "packages": "edgeloop.envs.interpreter",
    "quantize": "edgeloop.conversion.quantization.job",
}


def run_job(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Run one job of the table. Raises UsageError for a name that is not in it."""
    if name not in JOBS:
        raise UsageError(f"unknown job '{name}'; known: {', '.join(JOBS)}")
    return cast("dict[str, Any]", import_module(JOBS[name]).run(arguments))
