"""Keras models (.keras, .h5) to TensorFlow SavedModel."""

from __future__ import annotations

from edgeloop.conversion.edge import ConversionOptions, Converted
from edgeloop.conversion.tensorflow_source import (
    frozen,
    import_tensorflow,
    load_source,
    write_saved_model,
)


def import_packages() -> None:
    """Import TensorFlow and Keras."""
    import_tensorflow()
    import keras  # noqa: F401


def convert(source: str, target: str, options: ConversionOptions) -> Converted:
    """Write a SavedModel with fixed shapes and frozen variables, under Keras' names."""
    model = load_source(options.load_options(source))
    write_saved_model(frozen(model.function, model.inputs, model.outputs), target)
    return Converted(
        inputs=tuple(spec.name for spec in model.inputs),
        outputs=model.outputs,
        parameters=model.parameters,
    )
