"""Load an ONNX model without its weights and infer the shapes and types in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeloop.errors import ModelError
from edgeloop.models.onnx_contrib import stand_in
from edgeloop.models.onnx_folding import fold
from edgeloop.models.onnx_values import Value, dim_of, dtype_name, onnx_package, value_of
from edgeloop.spec.plain_text import plain

_MAX_BYTES = 2**31 - 1  # of one protobuf message; larger models keep their weights outside
# Constants up to this size stay in memory, because shape inference reads axes, shapes and splits.
_KEPT_BYTES = 4096
_TEXT = (str, bytes)
_NOT_INFERRED = "shapes were not inferred, because the onnx package crashes on this model"
_MAX_NESTING = 64  # graphs within graphs; protobuf itself stops reading at 100 messages


@dataclass(frozen=True)
class OnnxGraph:
    """The main graph with everything that is known about its values.

    `nodes` are those of the main graph, functions expanded; `nested` those of the branches and
    loop bodies below it. `problem` says what shape inference stumbled over, if it did.
    """

    nodes: tuple[Any, ...]
    nested: tuple[Any, ...]
    values: Mapping[str, Value]
    constants: Mapping[str, Any]
    producers: Mapping[str, Any]
    batch_inputs: tuple[str, ...]
    problem: str | None


def load(path: Path) -> Any:
    """Return the ModelProto of a file, weights kept in other files left out."""
    onnx = onnx_package()
    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise ModelError(
                f"{path} has {size:,} bytes, more than a protobuf can hold; save the model with "
                "external data"
            )
        model = onnx.ModelProto()
        model.ParseFromString(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    except MemoryError as error:
        raise ModelError(f"{path} does not fit into the memory of this machine") from error
    except Exception as error:  # protobuf has one error type for each of its implementations
        raise ModelError(
            f"{path} is damaged or cut short ({plain(str(error))}); fetch or export it again"
        ) from error
    if not _is_text(model):
        raise ModelError(f"{path} is damaged: it holds a name that is not UTF-8. Export it again")
    if not model.graph.node and not model.graph.output:
        raise ModelError(f"{path} is an ONNX model without a graph; export it again")
    return model


def _is_text(message: Any) -> bool:
    """Say whether all strings are UTF-8; protobuf hands out others as bytes."""
    if message.DESCRIPTOR.name == "TensorProto":  # its weights would be copied by ListFields
        return isinstance(message.name, str) and all(map(_is_text, message.external_data))
    for field, value in message.ListFields():
        items = value if isinstance(value, Iterable) and not isinstance(value, _TEXT) else (value,)
        if field.type == field.TYPE_STRING and not all(isinstance(item, str) for item in items):
            return False
        if field.type == field.TYPE_MESSAGE and not all(map(_is_text, items)):
            return False
    return True


def analyse(model: Any, *, infer: bool) -> OnnxGraph:
    """Infer what each value is; changes `model`, whose weights are dropped on the way.

    Without `infer` only what the file states is known.
    """
    model, problem = _expanded(model) if infer else (model, _NOT_INFERRED)
    batch_inputs = _fix_batch(model.graph)
    _drop_weights(model.graph)
    nodes = tuple(model.graph.node)
    inferred, failed = _inferred(model) if infer else (model, None)
    constants = _constants(model.graph)
    return OnnxGraph(
        nodes=nodes,
        nested=tuple(nested_nodes(nodes)),
        values=_values(inferred.graph, constants),
        constants=constants,
        producers={name: node for node in nodes for name in node.output if name},
        batch_inputs=batch_inputs,
        problem=problem or failed,
    )


def subgraphs(node: Any) -> Iterator[Any]:
    """Yield the graphs that a control-flow node carries."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def nested_nodes(nodes: Any, depth: int = 0) -> Iterator[Any]:
    """Yield the nodes of all graphs below `nodes`."""
    if depth > _MAX_NESTING:
        return
    for node in nodes:
        for graph in subgraphs(node):
            yield from graph.node
            yield from nested_nodes(graph.node, depth + 1)


def _expanded(model: Any) -> tuple[Any, str | None]:
    if not model.functions:
        return model, None
    try:
        import onnx.inliner

        return onnx.inliner.inline_local_functions(model), None
    except Exception as error:  # a foreign compiler raises what it likes
        return model, f"its functions could not be expanded ({plain(str(error))})"


def _fix_batch(graph: Any) -> tuple[str, ...]:
    constants = {initializer.name for initializer in graph.initializer}
    fixed = []
    for item in graph.input:
        dims = item.type.tensor_type.shape.dim
        if item.name not in constants and len(dims) and not isinstance(dim_of(dims[0]), int):
            dims[0].dim_value = 1
            fixed.append(item.name)
    return tuple(fixed)


def _drop_weights(graph: Any) -> None:
    onnx = onnx_package()
    for initializer in graph.initializer:
        if initializer.ByteSize() > _KEPT_BYTES:
            shell = onnx.TensorProto(
                name=initializer.name,
                dims=initializer.dims,
                data_type=initializer.data_type,
                data_location=onnx.TensorProto.EXTERNAL,
            )
            initializer.CopyFrom(shell)


def _inferred(model: Any) -> tuple[Any, str | None]:
    onnx = onnx_package()
    shadow = onnx.ModelProto()
    shadow.CopyFrom(model)
    for node in shadow.graph.node:
        stand_in(node)
    fold(shadow)
    try:
        return onnx.shape_inference.infer_shapes(shadow, data_prop=True), None
    except Exception as error:  # the checker raises several unrelated types
        return model, f"shape inference failed ({plain(str(error))})"


def _constants(graph: Any) -> dict[str, Any]:
    constants = {initializer.name: initializer for initializer in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.output:
            for attribute in node.attribute:
                if attribute.name == "value" and attribute.HasField("t"):
                    constants[node.output[0]] = attribute.t
    return constants


def _values(graph: Any, constants: Mapping[str, Any]) -> dict[str, Value]:
    values = {
        item.name: value_of(item.type) for item in (*graph.value_info, *graph.output, *graph.input)
    }
    for name, tensor in constants.items():
        values[name] = Value(dtype_name(tensor.data_type), tuple(int(d) for d in tensor.dims))
    return values
