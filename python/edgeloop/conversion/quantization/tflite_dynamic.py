"""A float .tflite to int8 weights, with activations that are quantised while the model runs."""

from __future__ import annotations

from pathlib import Path

from edgeloop.conversion.quantization._base import QuantizeRequest, refused
from edgeloop.conversion.quantization.tflite_edit import as_written_today


def quantize(request: QuantizeRequest) -> list[str]:
    """Write `request.target`; inputs and outputs stay float32."""
    from ai_edge_quantizer import quantizer, recipe

    content = Path(request.source).read_bytes()
    try:
        quantiser = quantizer.Quantizer(as_written_today(content), recipe.dynamic_wi8_afp32())
        result = quantiser.quantize(enable_progress_report=False)
    except Exception as error:
        raise refused(request, "ai-edge-quantizer", error, "try --method fp16") from error
    Path(request.target).write_bytes(result.quantized_model)
    return []
