"""TensorFlow SavedModel to ONNX, by tf2onnx."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from edgeloop.conversion.edge import ConversionOptions, Converted
from edgeloop.conversion.tensorflow_source import frozen, import_tensorflow, load_source, ordered
from edgeloop.conversion.tf2onnx_call import import_tf2onnx
from edgeloop.errors import ModelError

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


def rename_interface(model: Any, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Give the inputs and outputs of a ModelProto these names, by position, everywhere."""
    graph = model.graph
    constants = {item.name for item in graph.initializer}
    given = [item for item in graph.input if item.name not in constants]
    for what, old, new in (("inputs", given, inputs), ("outputs", graph.output, outputs)):
        if len(old) != len(new):
            raise ModelError(f"the converter wrote {len(old)} {what} where {len(new)} are wanted")
    renamed = dict(zip((item.name for item in given), inputs))
    renamed.update(zip((item.name for item in graph.output), outputs))
    taken = {name for graph in _graphs(graph) for node in graph.node for name in node.output}
    taken -= set(renamed)
    # A tensor within that bears one of the names makes way.
    for name in {*inputs, *outputs} & taken:
        renamed[name] = f"{name}_within"
    for part in _graphs(graph):
        _rename(part, renamed)


def reorder(items: Any, names: Sequence[str]) -> None:
    """Put the inputs or outputs of a graph into the order of the names."""
    by_name = {item.name: item for item in items}
    rest = [item for item in items if item.name not in names]
    kept = [by_name[name] for name in names] + rest
    copies = [type(item).FromString(item.SerializeToString()) for item in kept]
    del items[:]
    items.extend(copies)


def _rename(graph: Any, renamed: dict[str, str]) -> None:
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    for items in (graph.input, graph.output, graph.value_info, graph.initializer):
        for item in items:
            item.name = renamed.get(item.name, item.name)


def _graphs(graph: Any) -> Iterator[Any]:
    """Yield a graph and those within its branches and loops."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(
                attribute.graphs
            ):
                yield from _graphs(inner)
