"""Work out small constant tensors in an ONNX graph, for shape inference only.

The PyTorch exporter writes the sizes of a padding as a chain of ten operators over constants,
through which the onnx package does not infer: everything behind it would have no shape. Only
operators that move or add a few numbers are evaluated, by the reference implementation in the
onnx package, and only on tensors so small that no file can make it expensive.
"""

from __future__ import annotations

import math
from typing import Any

from edgeloop.models.onnx_values import onnx_package

_FOLDABLE = frozenset(
    {
        "Add",
        "Cast",
        "Concat",
        "ConstantOfShape",
        "Gather",
        "Identity",
        "Mul",
        "Neg",
        "Reshape",
        "Slice",
        "Squeeze",
        "Sub",
        "Transpose",
        "Unsqueeze",
    }
)
_MAX_ELEMENTS = 256  # of one tensor; shapes, pads and axes have a few
_MAX_INPUTS = 64  # of one node
_MAX_FOLDS = 10_000  # nodes evaluated, each some 0.1 ms


def fold(model: Any) -> None:
    """Replace nodes of the main graph that only depend on small constants by their results."""
    graph = model.graph
    known = _small_constants(graph)
    opsets = {item.domain: item.version for item in model.opset_import}
    kept, folded = [], 0
    for node in graph.node:
        array = None
        if folded < _MAX_FOLDS and _is_foldable(node, known):
            array = _evaluate(node, known, opsets)
        if array is None:
            kept.append(node)
            continue
        folded += 1
        name = node.output[0]
        known[name] = array
        graph.initializer.append(onnx_package().numpy_helper.from_array(array, name))
    if folded:
        kept = [type(node).FromString(node.SerializeToString()) for node in kept]
        del graph.node[:]
        graph.node.extend(kept)


def _is_foldable(node: Any, known: dict[str, Any]) -> bool:
    if node.domain or node.op_type not in _FOLDABLE or len(node.output) != 1:
        return False
    names = [name for name in node.input if name]
    if not 0 < len(names) <= _MAX_INPUTS or any(name not in known for name in names):
        return False
    if node.op_type == "ConstantOfShape":
        return _elements(known[names[0]].reshape(-1).tolist()) <= _MAX_ELEMENTS
    return True


def _elements(shape: list[Any]) -> float:
    sizes = [size for size in shape if isinstance(size, int) and size >= 0]
    return math.prod(sizes) if len(sizes) == len(shape) else math.inf


def _evaluate(node: Any, known: dict[str, Any], opsets: dict[str, int]) -> Any:
    import numpy as np
    from onnx.reference import ReferenceEvaluator

    onnx = onnx_package()
    feeds = {name: known[name] for name in node.input if name}
    inputs = [
        onnx.helper.make_tensor_value_info(
            name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
        )
        for name, array in feeds.items()
    ]
    outputs = [onnx.ValueInfoProto(name=node.output[0])]
    graph = onnx.helper.make_graph([node], "fold", inputs, outputs)
    try:
        with np.errstate(all="ignore"):
            (result,) = ReferenceEvaluator(graph, opsets=opsets).run(None, feeds)
    except Exception:  # a node that cannot be evaluated stays as it is, its shape unknown
        return None
    array = np.asarray(result)
    return array if array.size <= _MAX_ELEMENTS else None


def _small_constants(graph: Any) -> dict[str, Any]:
    import numpy as np

    found = {}
    for tensor in graph.initializer:
        found[tensor.name] = _array(tensor)
    for node in graph.node:
        if node.op_type != "Constant" or len(node.output) != 1:
            continue
        for attribute in node.attribute:
            if attribute.name == "value":
                found[node.output[0]] = _array(attribute.t)
            elif attribute.name == "value_int":
                found[node.output[0]] = np.array(attribute.i, np.int64)
            elif attribute.name == "value_ints" and len(attribute.ints) <= _MAX_ELEMENTS:
                found[node.output[0]] = np.array(attribute.ints, np.int64)
    return {name: array for name, array in found.items() if array is not None}


def _array(tensor: Any) -> Any:
    if tensor.external_data or _elements([int(d) for d in tensor.dims]) > _MAX_ELEMENTS:
        return None
    try:
        return onnx_package().numpy_helper.to_array(tensor)
    except Exception:  # data that do not fit the shape; protobuf and numpy raise what they like
        return None
