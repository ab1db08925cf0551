"""TensorFlow SavedModel to TensorFlow Lite, by TensorFlow's own converter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeloop.conversion.edge import ConversionOptions, Converted
from edgeloop.conversion.tensorflow_source import (
    TensorflowSource,
    frozen,
    import_tensorflow,
    load_source,
    ordered,
    write_saved_model,
)
from edgeloop.conversion.tflite_names import rename_interface


def import_packages() -> None:
    """Import TensorFlow."""
    import_tensorflow()


def convert(source: str, target: str, options: ConversionOptions) -> Converted:
    """Write a float .tflite whose tensors have the signature's names, in the order to keep."""
    model = load_source(options.load_options(source))
    inputs = ordered([spec.name for spec in model.inputs], options.input_names)
    outputs = ordered(model.outputs, options.output_names)
    content = converter_of(model).convert()
    content = rename_interface(content, list(zip(inputs, inputs)), list(zip(outputs, outputs)))
    Path(target).write_bytes(content)
    return Converted(
        notes=model.notes, inputs=inputs, outputs=outputs, parameters=model.parameters or None
    )


def converter_of(model: TensorflowSource) -> Any:
    """Return TensorFlow's converter for a model, by a frozen copy in the working directory."""
    tensorflow = import_tensorflow()
    write_saved_model(frozen(model.function, model.inputs, model.outputs), "frozen")
    return tensorflow.lite.TFLiteConverter.from_saved_model("frozen")
