"""ONNX to int8 weights, with activations that are quantised while the model runs."""

from __future__ import annotations

import tempfile

from edgeloop.conversion.quantization._base import QuantizeRequest, refused, strip_unused_opsets
from edgeloop.conversion.quantization.onnx_static import prepare
from edgeloop.errors import ModelError

# ConvInteger runs 3 to 11 times slower than a float convolution in ONNX Runtime on CPUs.
_OPERATORS = ["MatMul", "Gemm"]


def quantize(request: QuantizeRequest) -> list[str]:
    """Write `request.target`; return what was left in float.

    Raises ModelError where the model has nothing that could be quantised this way.
    """
    import onnx
    import onnxruntime
    from onnxruntime import quantization

    onnxruntime.disable_telemetry_events()
    with tempfile.TemporaryDirectory(prefix="edgeloop-quantize-") as folder:
        prepared = prepare(request, folder)
        _forget_shapes_of_weights(prepared)
        try:
            quantization.quantize_dynamic(
                prepared,
                request.target,
                op_types_to_quantize=_OPERATORS,
                per_channel=True,
                reduce_range=request.reduce_range,
                weight_type=quantization.QuantType.QInt8,
            )
        except Exception as error:
            raise refused(request, "onnxruntime.quantization", error) from error
    model = onnx.load(request.target)
    kinds = [node.op_type for node in model.graph.node]
    if not any(kind in ("MatMulInteger", "DynamicQuantizeLinear") for kind in kinds):
        raise ModelError(
            f"{request.source} has no MatMul or Gemm with constant weights, and dynamic "
            "quantisation of ONNX does nothing else; use --method int8 with "
            "--representative-data, or fp16"
        )
    strip_unused_opsets(model)
    onnx.save(model, request.target)
    convolutions = sum(kind in ("Conv", "ConvTranspose") for kind in kinds)
    if not convolutions:
        return []
    kernel = "their dynamic kernel (ConvInteger) is several times slower than the float one"
    return [f"{convolutions} convolution(s) were left in float: {kernel}"]


def _forget_shapes_of_weights(path: str) -> None:
    """Drop what torch.onnx notes beside each weight: a Gemm's are transposed, and that is not."""
    import onnx

    model = onnx.load(path)
    weights = {tensor.name for tensor in model.graph.initializer}
    kept = [value for value in model.graph.value_info if value.name not in weights]
    if len(kept) < len(model.graph.value_info):
        del model.graph.value_info[:]
        model.graph.value_info.extend(kept)
        onnx.save(model, path)
