"""A float .tflite to int8 or 16x8, by ai-edge-quantizer; TensorFlow is not needed."""

from __future__ import annotations

import warnings
from pathlib import Path

from edgeloop.conversion.quantization._base import QuantizeRequest, feeds, refused
from edgeloop.conversion.quantization.ranges import Ranges, widen
from edgeloop.conversion.quantization.tflite_edit import (
    as_written_today,
    with_names_of,
    with_uint8_io,
)
from edgeloop.errors import ModelError

_TOOL = "ai-edge-quantizer"


def quantize(request: QuantizeRequest) -> list[str]:
    """Write `request.target` with the inputs and outputs that `request.io` names."""
    from ai_edge_quantizer import qtyping, quantizer, recipe

    wide = request.precision == "int16x8"
    source = as_written_today(Path(request.source).read_bytes())
    quantiser = quantizer.Quantizer(
        source, recipe.static_wi8_ai16() if wide else recipe.static_wi8_ai8()
    )
    if request.io == "float32":
        for name in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
            quantiser.update_quantization_recipe(".*", name, algorithm_key="no_quantize")
    try:
        ranges = calibrate(source, request)
        result = quantiser.quantize(ranges, enable_progress_report=False)
    except ModelError:
        raise
    except Exception as error:
        raise refused(request, _TOOL, error) from error
    content = bytes(result.quantized_model)
    if request.io == "uint8":
        content = with_uint8_io(content)
    if request.io == "float32":
        content = with_names_of(content, source)
    Path(request.target).write_bytes(content)
    return []


def calibrate(source: bytes, request: QuantizeRequest) -> dict[str, Ranges]:
    """Return tensor name → least and greatest value over all samples.

    The tool's own default is a moving average, which forgets the extremes: outputs saturate.
    """
    from ai_edge_quantizer import calibrator

    with warnings.catch_warnings():
        # It warns of the memory that keeping every tensor takes, which is what is wanted here.
        warnings.simplefilter("ignore", UserWarning)
        calibration = calibrator.CalibrationInterpreter(
            source, mode=calibrator.CalibrationMode.CALIBRATION, qsv_update_func=widen
        )
    signatures = calibration.get_signature_list()
    if len(signatures) != 1:
        raise ModelError(
            f"{request.source} has {len(signatures)} signatures ({', '.join(signatures)}), and "
            "only models of one can be quantised; export one of them alone"
        )
    signature = calibration.get_signature_runner()
    # The samples go by the names of the tensors; a signature has names of its own for them.
    keys = {entry["name"]: key for key, entry in signature.get_input_details().items()}
    for feed in feeds(request.samples, list(keys)):
        signature(**{keys[name]: values for name, values in feed.items()})
    found: dict[str, Ranges] = calibration.get_calibration_results()
    return found
