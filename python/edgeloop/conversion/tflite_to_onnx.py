"""TensorFlow Lite to ONNX, by tf2onnx, as far as it knows the operators."""

from __future__ import annotations

from pathlib import Path

from edgeloop.conversion.edge import ConversionOptions, Converted
from edgeloop.conversion.tf2onnx_call import import_tf2onnx
from edgeloop.errors import UsageError
from edgeloop.models.tflite_reader import read_model

DEFAULT_OPSET = 17


def import_packages() -> None:
    """Import tf2onnx, which imports TensorFlow."""
    import_tf2onnx()


def convert(source: str, target: str, options: ConversionOptions) -> Converted:
    """Write an .onnx with the file's tensor names; int8 becomes pairs of (de)quantisation."""
    if options.batch_size or options.shapes:
        raise UsageError(
            "the shapes of a .tflite file are fixed: for another --batch-size or "
            "--shape convert the model that it was made from"
        )
    opset = options.opset or DEFAULT_OPSET
    graph = read_model(Path(source)).subgraphs[0]
    import_tf2onnx().from_tflite(source, opset=opset, output_path=target)
    return Converted(
        notes=(f"opset {opset}, by tf2onnx",),
        inputs=tuple(graph.tensors[index].name for index in graph.inputs),
        outputs=tuple(graph.tensors[index].name for index in graph.outputs),
    )
