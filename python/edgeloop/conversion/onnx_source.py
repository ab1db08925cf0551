"""An ONNX model as the converters take it: one file, every dimension of its inputs fixed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from edgeloop.conversion.edge import ConversionOptions
from edgeloop.errors import ModelError, one_line
from edgeloop.runtimes.shape import fixed_shapes
from edgeloop.spec.load import TensorSpec


@dataclass(frozen=True)
class OnnxSource:
    """What the file says of its interface."""

    inputs: Sequence[TensorSpec]
    outputs: Mapping[str, Optional[Sequence[Optional[int]]]]
    """Name → shape, as far as shape inference finds it."""
    parameters: int


def fix_shapes(path: str, fixed: str, options: ConversionOptions) -> OnnxSource:
    """Write a copy with fixed input shapes and its weights inside; describe it.

    Raises ModelError where the file is damaged, UsageError where a dimension stays open.
    """
    import onnx

    try:
        model = onnx.load(path)
    except Exception as error:
        # protobuf and the file system raise errors of many classes.
        raise ModelError(f"{path} cannot be read as ONNX: {error}") from error
    constants = {item.name for item in model.graph.initializer}
    inputs = [item for item in model.graph.input if item.name not in constants]
    declared = {item.name: _shape(item, path) for item in inputs}
    shapes = fixed_shapes(declared, options.load_options(path))
    for item in inputs:
        for dim, size in zip(item.type.tensor_type.shape.dim, shapes[item.name]):
            dim.dim_value = size  # takes the place of a name
    if any(declared[name] != list(shape) for name, shape in shapes.items()):
        _forget_inferred_shapes(model)
    onnx.save(onnx.shape_inference.infer_shapes(model), fixed)
    return OnnxSource(
        [TensorSpec(item.name, _dtype(onnx, item, path), shapes[item.name]) for item in inputs],
        {item.name: _known_shape(item) for item in model.graph.output},
        _count(model),
    )


def fold_constants(path: str, folded: str) -> None:
    """Write a copy in which all that does not depend on the inputs is computed already.

    Exporters leave chains of nodes that compute paddings and shapes; converters that look for
    constants there fail on them. ONNX Runtime's basic level keeps to ONNX's own operators.
    """
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = folded
    options.log_severity_level = 3
    try:
        onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # The runtime's own errors are of a dozen private classes.
        said = one_line(str(error), 400)
        raise ModelError(f"ONNX Runtime refuses the model: {said}") from error
    model = onnx.load(folded)
    used = {node.domain for node in model.graph.node}
    kept = [item for item in model.opset_import if item.domain in used or not item.domain]
    del model.opset_import[:]
    model.opset_import.extend(kept)  # it declares every domain that it knows
    onnx.save(onnx.shape_inference.infer_shapes(model), folded)


def _shape(item: Any, path: str) -> list[Optional[int]]:
    tensor = item.type.tensor_type
    if not item.type.HasField("tensor_type") or not tensor.HasField("shape"):
        raise ModelError(f"{path}: input '{item.name}' is not a tensor of known rank")
    return [dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim]


def _known_shape(item: Any) -> Optional[list[Optional[int]]]:
    if not item.type.tensor_type.HasField("shape"):
        return None
    return [
        dim.dim_value if dim.HasField("dim_value") else None
        for dim in item.type.tensor_type.shape.dim
    ]


def _forget_inferred_shapes(model: Any) -> None:
    """Drop what was inferred for other shapes: inference would only confirm it."""
    del model.graph.value_info[:]
    for item in model.graph.output:
        item.type.tensor_type.ClearField("shape")


def _dtype(onnx: Any, item: Any, path: str) -> str:
    code = item.type.tensor_type.elem_type
    try:
        return str(onnx.helper.tensor_dtype_to_np_dtype(code).name)
    except (KeyError, TypeError) as error:
        raise ModelError(f"{path}: input '{item.name}' has a dtype that NumPy lacks") from error


def _count(model: Any) -> int:
    total = 0
    for item in model.graph.initializer:
        size = 1
        for dim in item.dims:
            size *= dim
        total += size if item.dims else 0
    return total
