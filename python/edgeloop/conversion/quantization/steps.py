"""The steps of a quantisation that run in workers, where their packages are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Optional

from edgeloop.conversion.quantization._base import QuantizeRequest
from edgeloop.conversion.quantization.layers import PACKAGES, LayerError
from edgeloop.conversion.quantization.methods import Method
from edgeloop.conversion.verification import judges
from edgeloop.envs.interpreter import interpreter_for
from edgeloop.spec.load import LoadOptions, TensorSpec
from edgeloop.worker.client import WorkerClient

_ENVIRONMENT = "convert"


def describe_inputs(
    model: str, format_name: str, python: Optional[str], timeout_s: float
) -> list[TensorSpec]:
    """Return what the float model takes, all dimensions fixed."""
    runtime, needs = judges()[format_name]
    arguments = {"runtime": runtime, "options": asdict(LoadOptions(model=model))}
    with WorkerClient(
        interpreter_for(needs.packages, needs.environment, python), timeout_s
    ) as worker:
        answer = worker.job("describe-inputs", arguments, "looking at the inputs")
        worker.stop()
    return [TensorSpec.from_dict(spec) for spec in answer["inputs"]]


def run_method(
    method: Method,
    request: QuantizeRequest,
    scratch: str,
    python: Optional[str],
    timeout_s: float,
) -> tuple[dict[str, Any], str]:
    """Write the quantised file; return the job's answer, and what the tool printed."""
    arguments = {"method": method.name, "request": request.as_dict(), "scratch": scratch}
    chosen = interpreter_for(method.packages, method.environment, python)
    with WorkerClient(chosen, timeout_s, repeatable=True) as worker:
        answer = worker.job("quantize", arguments, f"quantising with {method.tool}")
        worker.stop()
        worker.said()
        return answer, worker.log.text()


def compare_layers(
    format_name: str,
    baseline: str,
    quantised: str,
    samples: str,
    python: Optional[str],
    timeout_s: float,
) -> tuple[LayerError, ...]:
    """Return the tensors between the layers, the one with the largest error first."""
    arguments = {
        "format": format_name,
        "float": baseline,
        "quantised": quantised,
        "samples": samples,
    }
    chosen = interpreter_for(PACKAGES[format_name], _ENVIRONMENT, python)
    with WorkerClient(chosen, timeout_s) as worker:
        answer: Mapping[str, Any] = worker.job("compare-layers", arguments, "comparing the layers")
        worker.stop()
    return tuple(LayerError(**layer) for layer in answer["layers"])
