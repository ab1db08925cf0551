"""ONNX to TensorFlow Lite without TensorFlow, by onnx2tf 2.x: float only.

Its quantised files are broken for convolutions (2.6.9), so none are asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from edgeloop.conversion.edge import ConversionOptions, Converted
from edgeloop.conversion.onnx2tf_call import run_onnx2tf
from edgeloop.conversion.onnx_source import OnnxSource, fix_shapes, fold_constants
from edgeloop.errors import ModelError

_FIXED = "fixed.onnx"
_FOLDED = "folded.onnx"
_INSTEAD = "go through TensorFlow with --via savedmodel"


def import_packages() -> None:
    """Import onnx2tf and the interpreter that tries its files."""
    import ai_edge_litert.interpreter  # noqa: F401
    import onnx2tf  # noqa: F401


def convert(source: str, target: str, options: ConversionOptions) -> Converted:
    """Write a float .tflite with the names and the layout of the ONNX file.

    Raises ModelError where onnx2tf writes none that runs.
    """
    model = fix_shapes(source, _FIXED, options)
    _write(model).rename(target)
    return Converted(
        inputs=tuple(spec.name for spec in model.inputs),
        outputs=tuple(model.outputs),
        parameters=model.parameters,
    )


def _write(model: OnnxSource) -> Path:
    """Convert the model as it is, else with its constants folded.

    onnx2tf 2.6.9 fails on some chains of constants, and where they are folded it writes a
    network with a tensor that nothing computes for a Slice before a Pad (ResNet20).
    """
    try:
        return _try(_FIXED, model)
    except ModelError:
        fold_constants(_FIXED, _FOLDED)
        return _try(_FOLDED, model)


def _try(path: str, model: OnnxSource) -> Path:
    stem = Path(path).stem
    run_onnx2tf(path, stem, model)
    written = Path(stem) / f"{stem}_float32.tflite"
    if not written.is_file():
        raise ModelError(f"onnx2tf wrote no {written.name}; its log has the reason; or {_INSTEAD}")
    reason = _why_not_run(written)
    if reason is not None:
        raise ModelError(f"onnx2tf wrote a file that does not run ({reason}); {_INSTEAD}")
    return written


def _why_not_run(path: Path) -> Optional[str]:
    """Run the file once; whether its values are right is for the verification to say."""
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(str(path), num_threads=1)
        interpreter.allocate_tensors()
        interpreter.invoke()
    except (RuntimeError, ValueError) as error:
        return str(error)
    return None
