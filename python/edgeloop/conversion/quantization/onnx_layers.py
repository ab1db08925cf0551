"""Layer errors of a QDQ model: its tensors and the float model's, made outputs of both."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from edgeloop.conversion.quantization._base import QuantizeRequest, feeds
from edgeloop.conversion.quantization.layers import RUNS, LayerError
from edgeloop.conversion.quantization.onnx_static import input_names, prepare
from edgeloop.metrics.snr import Snr, finite_or_none


def compare(source: str, quantised: str, samples: str) -> list[LayerError]:
    """Return one entry for each tensor that the quantised model rounds."""
    import onnx
    from onnxruntime.quantization import qdq_loss_debug as debug

    with tempfile.TemporaryDirectory(prefix="edgeloop-layers-") as folder:
        # The tensors have the names that the preparation gave them, so it is done again.
        prepared = prepare(QuantizeRequest(source, "", "int8"), folder)
        names = input_names(prepared)
        # The inferred shapes are written beside the model, where this worker may not write.
        rounded = str(Path(folder) / "rounded.onnx")
        onnx.save(onnx.load(quantised), rounded)

        def activations(model: str, name: str) -> dict[str, Any]:
            augmented = str(Path(folder) / name)
            debug.modify_model_output_intermediate_tensors(model, augmented)
            found: dict[str, Any] = debug.collect_activations(
                augmented, islice(feeds(samples, names), RUNS)
            )
            return found

        matched = debug.create_activation_matching(
            activations(rounded, "quantised.onnx"), activations(prepared, "float.onnx")
        )
        makers = {
            output: node.op_type
            for node in onnx.load(prepared).graph.node
            for output in node.output
        }
    return [
        _error(name, makers[name], values)
        for name, values in matched.items()
        if name in makers and values.get("float") is not None
    ]


def _error(name: str, operator: str, values: Mapping[str, Any]) -> LayerError:
    snr = Snr()
    for real, rounded in zip(values["float"], values["post_qdq"]):
        snr.add(real, rounded)
    return LayerError(name, operator, finite_or_none(snr.db))
