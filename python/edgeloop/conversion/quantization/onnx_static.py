"""ONNX to int8: QDQ pairs with ranges from calibration, by onnxruntime.quantization."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

from edgeloop.conversion.quantization._base import QuantizeRequest, feeds, refused
from edgeloop.conversion.quantization.onnx_opsets import strip_unused_opsets
from edgeloop.models.identity import model_files

# TensorRT takes symmetric scales only, and quantises biases itself.
_TENSORRT = {
    "ActivationSymmetric": True,
    "WeightSymmetric": True,
    "QuantizeBias": False,
    "AddQDQPairToWeight": False,
}


def quantize(request: QuantizeRequest) -> list[str]:
    """Write `request.target`; return what was left in float, one sentence each."""
    import onnx
    import onnxruntime
    from onnxruntime import quantization

    onnxruntime.disable_telemetry_events()
    asymmetric = request.activations == "asymmetric"
    with tempfile.TemporaryDirectory(prefix="edgeloop-quantize-") as folder:
        prepared = prepare(request, folder)
        names = input_names(prepared)
        try:
            quantization.quantize_static(
                prepared,
                request.target,
                _reader(quantization, feeds(request.samples, names)),
                quant_format=quantization.QuantFormat.QDQ,
                per_channel=True,
                reduce_range=request.reduce_range,
                activation_type=quantization.QuantType.QUInt8
                if asymmetric
                else quantization.QuantType.QInt8,
                weight_type=quantization.QuantType.QInt8,
                calibrate_method=quantization.CalibrationMethod.MinMax,
                # CalibMaxIntermediateOutputs stays away: onnxruntime 1.31 forgets samples with it.
                extra_options={
                    "CalibMovingAverage": False,
                    **({} if asymmetric else _TENSORRT),
                },
            )
        except Exception as error:
            raise refused(request, "onnxruntime.quantization", error) from error
    model = onnx.load(request.target)
    strip_unused_opsets(model)
    onnx.save(model, request.target)
    return float_nodes(model)


def prepare(request: QuantizeRequest, folder: str) -> str:
    """Fold what can be folded and infer the shapes, as quantisation needs it; return the file."""
    import onnx
    from onnxruntime.quantization.shape_inference import quant_pre_process

    source, prepared = request.source, str(Path(folder) / "prepared.onnx")
    try:
        if len(model_files(source)) > 1:  # it would look for weights beside a copy of its own
            source = str(Path(folder) / "whole.onnx")
            onnx.save(onnx.load(request.source), source)
        # The symbolic inference wants sympy, and models with fixed shapes have no use for it.
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
    except Exception as error:
        raise refused(request, "onnxruntime.quantization", error) from error
    return prepared


def input_names(path: str) -> list[str]:
    """Return the names of the inputs that a caller has to give."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return [entry.name for entry in session.get_inputs()]


def float_nodes(model: Any) -> list[str]:
    """Say which convolutions and matrix products still take float values."""
    dequantized = {
        output
        for node in model.graph.node
        if node.op_type == "DequantizeLinear"
        for output in node.output
    }
    return [
        f"{node.op_type} '{node.name}' was left in float"
        for node in model.graph.node
        if node.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul")
        and not dequantized & set(node.input)
    ]


def _reader(quantization: Any, runs: Iterator[dict[str, Any]]) -> Any:
    """Return the samples as onnxruntime wants to ask for them."""

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc, unused-ignore]
        def get_next(self) -> Optional[dict[str, Any]]:
            return next(runs, None)

    return Reader()
