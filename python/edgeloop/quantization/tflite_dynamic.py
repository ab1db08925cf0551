"""A float .tflite to int8 weights, with activations that are quantised while the model runs."""

from __future__ import annotations

from pathlib import Path

from edgeloop.quantization._base import QuantizeRequest, refused


def quantize(request: QuantizeRequest) -> list[str]:
    """Write `request.target`; inputs and outputs stay float32."""
    from ai_edge_quantizer import quantizer, recipe

    try:
        quantiser = quantizer.Quantizer(request.source, recipe.dynamic_wi8_afp32())
        result = quantiser.quantize(enable_progress_report=False)
    except Exception as error:
        raise refused(request, "ai-edge-quantizer", error, "try --method fp16") from error
    Path(request.target).write_bytes(result.quantized_model)
    return []
