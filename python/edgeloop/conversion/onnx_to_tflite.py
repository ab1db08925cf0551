"""ONNX to TensorFlow Lite without TensorFlow, by onnx2tf 2.x: float only.

Its quantised files are broken for convolutions (2.6.9), so none are asked for.
"""

from __future__ import annotations

from pathlib import Path

from edgeloop.conversion.edge import ConversionOptions, Converted
from edgeloop.conversion.onnx2tf_call import run_onnx2tf
from edgeloop.conversion.onnx_source import fix_shapes, fold_constants
from edgeloop.errors import ModelError

_MODEL = "model.onnx"
_OUTPUT = "onnx2tf"


def import_packages() -> None:
    """Import onnx2tf."""
    import onnx2tf  # noqa: F401


def convert(source: str, target: str, options: ConversionOptions) -> Converted:
    """Write a float .tflite with the names and the layout of the ONNX file."""
    model = fix_shapes(source, "fixed.onnx", options)
    fold_constants("fixed.onnx", _MODEL)
    run_onnx2tf(_MODEL, _OUTPUT, model)
    written = Path(_OUTPUT) / "model_float32.tflite"
    if not written.is_file():
        raise ModelError(f"onnx2tf wrote no {written.name}; its log says why")
    written.rename(target)
    return Converted(
        inputs=tuple(spec.name for spec in model.inputs),
        outputs=tuple(model.outputs),
        parameters=model.parameters,
    )
