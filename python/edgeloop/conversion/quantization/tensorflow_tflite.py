"""A SavedModel or Keras model to a quantised .tflite, by TensorFlow's converter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edgeloop.conversion.quantization._base import QuantizeRequest, feeds, refused
from edgeloop.conversion.savedmodel_to_tflite import converter_of
from edgeloop.conversion.tensorflow_source import import_tensorflow, load_source
from edgeloop.conversion.tflite_names import rename_interface
from edgeloop.spec.load import LoadOptions

_TOOL = "TensorFlow's converter"

# What it says of an operator without a 16x8 kernel.
_NO_16X8 = "not yet supported for op"


def quantize(request: QuantizeRequest) -> list[str]:
    """Write `request.target`; calibration takes the least and the greatest value of all samples."""
    tensorflow = import_tensorflow()
    model = load_source(LoadOptions(model=request.source))
    names = [spec.name for spec in model.inputs]
    converter = converter_of(model)
    converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
    if request.precision == "fp16":
        converter.target_spec.supported_types = [tensorflow.float16]
    if request.samples:
        converter.representative_dataset = lambda: _runs(request.samples, names)
    notes: list[str] = []
    sets = tensorflow.lite.OpsSet
    wide = sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    if request.precision == "int16x8":
        converter.target_spec.supported_ops = [wide]
    elif request.precision == "int8":
        converter.target_spec.supported_ops = [sets.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = getattr(tensorflow, request.io)
        converter.inference_output_type = converter.inference_input_type
    try:
        content = converter.convert()
    except Exception as error:
        if _NO_16X8 not in str(error):
            raise refused(request, _TOOL, error) from error
        converter.target_spec.supported_ops = [wide, sets.TFLITE_BUILTINS]
        content = _with_float_operators(converter, request)
        notes.append(f"left in float32, as there is no 16x8 kernel: {_operator(error)}")
    content = rename_interface(content, _kept(names), _kept(model.outputs))
    Path(request.target).write_bytes(content)
    return notes


def _kept(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, name) for name in names]


def _runs(samples: str, names: list[str]) -> Iterator[Any]:
    """Yield one input as a list, as the converter wants it, and several by their names."""
    for run in feeds(samples, names):
        yield list(run.values()) if len(run) == 1 else run


def _with_float_operators(converter: Any, request: QuantizeRequest) -> Any:
    try:
        return converter.convert()
    except Exception as error:
        raise refused(request, _TOOL, error) from error


def _operator(error: Exception) -> str:
    """Return the operator that the converter names: … not yet supported for op: 'HARD_SWISH'."""
    return str(error).rpartition("for op:")[2].strip().strip(".'\"").splitlines()[0][:60]
