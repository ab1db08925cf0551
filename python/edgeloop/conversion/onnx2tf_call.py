"""The one call of onnx2tf, whose 1.x makes a Keras model and whose 2.x a TensorFlow Lite file."""

from __future__ import annotations

from typing import Any

from edgeloop.conversion.onnx_source import OnnxSource
from edgeloop.errors import ModelError


def run_onnx2tf(path: str, folder: str, model: OnnxSource, **options: Any) -> Any:
    """Return what onnx2tf returns; inputs keep the very shapes of the ONNX file.

    Raises ModelError where it gives up.
    """
    import onnx2tf

    try:
        return onnx2tf.convert(
            input_onnx_file_path=path,
            output_folder_path=folder,
            keep_shape_absolutely_input_names=[spec.name for spec in model.inputs],
            not_use_onnxsim=True,
            non_verbose=True,
            verbosity="error",
            **options,
        )
    except SystemExit as error:  # its way to say that it gives up
        raise ModelError(
            f"onnx2tf gave up (exit {error.code}) on an operator or a shape; its log names it"
        ) from error
