"""A float .tflite to float16 weights, which are made float32 again where they are used."""

from __future__ import annotations

from pathlib import Path

from edgeloop.conversion.quantization._base import QuantizeRequest, refused
from edgeloop.conversion.quantization.tflite_edit import as_written_today


def quantize(request: QuantizeRequest) -> list[str]:
    """Write `request.target`; inputs, outputs and activations stay float32."""
    from ai_edge_quantizer import qtyping, quantizer

    config = qtyping.OpQuantizationConfig(
        weight_tensor_config=qtyping.TensorQuantizationConfig(
            num_bits=16, dtype=qtyping.TensorDataType.FLOAT
        ),
        compute_precision=qtyping.ComputePrecision.FLOAT,
        explicit_dequantize=True,
    )
    content = Path(request.source).read_bytes()
    try:
        quantiser = quantizer.Quantizer(as_written_today(content))
        quantiser.update_quantization_recipe(
            ".*", qtyping.TFLOperationName.ALL_SUPPORTED, config, algorithm_key="float_casting"
        )
        result = quantiser.quantize(enable_progress_report=False)
    except Exception as error:
        hint = "the model can only be used in float32"
        raise refused(request, "ai-edge-quantizer", error, hint) from error
    Path(request.target).write_bytes(result.quantized_model)
    return []
