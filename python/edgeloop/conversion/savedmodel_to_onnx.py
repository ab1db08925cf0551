"""TensorFlow SavedModel to ONNX, by tf2onnx."""

from __future__ import annotations

from edgeloop.conversion.edge import ConversionOptions, Converted
from edgeloop.conversion.onnx_names import rename_interface, reorder
from edgeloop.conversion.tensorflow_source import frozen, import_tensorflow, load_source, ordered
from edgeloop.conversion.tf2onnx_call import import_tf2onnx

DEFAULT_OPSET = 17  # of what tf2onnx 1.17 writes, what ONNX Runtime 1.12 and later read


def import_packages() -> None:
    """Import TensorFlow and tf2onnx."""
    import_tf2onnx()


def convert(source: str, target: str, options: ConversionOptions) -> Converted:
    """Write an .onnx with fixed shapes whose tensors have the signature's names."""
    import onnx

    tensorflow = import_tensorflow()
    opset = options.opset or DEFAULT_OPSET
    model = load_source(options.load_options(source))
    function = frozen(model.function, model.inputs, model.outputs)

    def positional(*tensors: object) -> list[object]:
        result = function(**{spec.name: item for spec, item in zip(model.inputs, tensors)})
        return [result[name] for name in model.outputs]

    signature = [tensorflow.TensorSpec(spec.shape, spec.dtype) for spec in model.inputs]
    written, _ = import_tf2onnx().from_function(
        tensorflow.function(positional, input_signature=signature), signature, opset=opset
    )
    names = [spec.name for spec in model.inputs]
    rename_interface(written, names, model.outputs)
    inputs = ordered(names, options.input_names)
    outputs = ordered(model.outputs, options.output_names)
    reorder(written.graph.input, inputs)
    reorder(written.graph.output, outputs)
    onnx.save(written, target)
    return Converted(
        notes=(*model.notes, f"opset {opset}, by tf2onnx"),
        inputs=inputs,
        outputs=outputs,
        parameters=model.parameters or None,
    )
