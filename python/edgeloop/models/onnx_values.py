"""What is known about one value of an ONNX graph, and the package that reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Union

from edgeloop.errors import NotAvailableError

Dim = Union[int, str, None]  # a size, the name of a dynamic one, or nothing known
STANDARD_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training")

_MAX_RANK = 64  # dimensions; the product of more takes long

_NAMES = {
    "float": "float32",
    "double": "float64",
    "undefined": "unknown",
}


@dataclass(frozen=True)
class Value:
    """Type and shape of one tensor; `shape` is None where even the rank is unknown."""

    dtype: str
    shape: Optional[tuple[Dim, ...]]


def onnx_package() -> Any:
    """Import onnx; raises NotAvailableError where it is not installed or does not load."""
    try:
        import onnx
        import onnx.numpy_helper
        import onnx.shape_inference
    except ImportError as error:
        raise NotAvailableError(
            f"inspecting an ONNX model needs the package onnx, which does not import ({error}); "
            "run: pip install 'edgeloop[onnx]'"
        ) from error
    return onnx


def dtype_name(number: int) -> str:
    """Return the NumPy-like name of an ONNX element type."""
    onnx = onnx_package()
    known: dict[int, str] = {v: k for k, v in onnx.TensorProto.DataType.items()}
    name = known.get(number, f"type {number}").lower()
    return _NAMES.get(name, name)


def value_of(type_proto: Any) -> Value:
    """Return dtype and shape of a TypeProto; sequences and the like are 'unknown'."""
    if not type_proto.HasField("tensor_type"):
        return Value("unknown", None)
    tensor = type_proto.tensor_type
    if not tensor.HasField("shape"):
        return Value(dtype_name(tensor.elem_type), None)
    dims = tensor.shape.dim
    known = len(dims) <= _MAX_RANK
    return Value(dtype_name(tensor.elem_type), tuple(map(dim_of, dims)) if known else None)


def shape_of(dims: Any) -> Optional[tuple[int, ...]]:
    """Return the sizes of a constant; None where there are more than any kernel takes."""
    return tuple(int(size) for size in dims) if len(dims) <= _MAX_RANK else None


def dim_of(dim: Any) -> Dim:
    """Return the size, name or None of one dimension."""
    if dim.HasField("dim_value"):
        return int(dim.dim_value) if dim.dim_value >= 0 else None
    return str(dim.dim_param) or None
