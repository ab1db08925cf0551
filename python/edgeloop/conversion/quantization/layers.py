"""The job that finds the layers where a quantised model departs most from the float one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any, Optional

PACKAGES = {
    "onnx": ("onnxruntime", "onnx"),
    "tflite": ("ai_edge_litert",),
}
"""Format → the modules that comparing its layers needs."""

# Runs whose tensors are all held at a time; more would change the ratios little.
RUNS = 16

_MODULES = {
    "onnx": "edgeloop.conversion.quantization.onnx_layers",
    "tflite": "edgeloop.conversion.quantization.tflite_layers",
}


@dataclass(frozen=True)
class LayerError:
    """One tensor between the layers, over all samples."""

    name: str
    operator: str
    """The operator that makes it."""
    snr_db: Optional[float]
    """Against the float model, with what the layers before added; None where nothing differs."""


def run(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Compare `quantised` with `float`, both of `format`, on the `samples`; worst layers first."""
    from edgeloop.conversion.offline import refuse_network

    refuse_network()
    module = import_module(_MODULES[arguments["format"]])
    found = module.compare(arguments["float"], arguments["quantised"], arguments["samples"])
    return {"layers": [asdict(layer) for layer in sorted(found, key=_error)]}


def _error(layer: LayerError) -> float:
    return float("inf") if layer.snr_db is None else layer.snr_db
