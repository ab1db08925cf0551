"""ONNX to float16, with inputs and outputs that stay float32."""

from __future__ import annotations

from typing import Any

from edgeloop.conversion.quantization._base import QuantizeRequest, refused
from edgeloop.conversion.quantization.onnx_opsets import strip_unused_opsets


def quantize(request: QuantizeRequest) -> list[str]:
    """Write `request.target`; return which operators were left in float32."""
    import onnx
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    model: Any = onnx.load(request.source)
    try:
        model = convert_float_to_float16(model, keep_io_types=True)
    except Exception as error:
        hint = "the model can only be used in float32"
        raise refused(request, "onnxruntime.transformers", error, hint) from error
    # The casts of the inputs were appended behind the nodes that take them.
    OnnxModel(model).topological_sort()
    strip_unused_opsets(model)
    onnx.save(model, request.target)
    return []
