"""The shapes to which a model's inputs are fixed: the rule of cpp/src/shape.cpp, for frameworks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional

from edgeloop.errors import UsageError
from edgeloop.spec.load import LoadOptions


def shape_text(shape: Sequence[Optional[int]]) -> str:
    """Write a shape as 1x3x224x224, an open dimension as ?."""
    return "x".join("?" if dim is None else str(dim) for dim in shape) or "scalar"


def asked_shapes(inputs: Sequence[str], options: LoadOptions) -> dict[str, tuple[int, ...]]:
    """Return the user's shapes by input name; "" became the name of the only input.

    Raises UsageError for a name that the model does not have, and for "" among several inputs.
    """
    known = ", ".join(f"'{name}'" for name in inputs)
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in options.shapes.items():
        if not name and name not in inputs:
            if len(inputs) != 1:
                raise UsageError(
                    f"--shape {shape_text(shape)} names no input, and the model has "
                    f"{len(inputs)}: {known}; write --shape NAME=AxBxC"
                )
            shapes.setdefault(inputs[0], tuple(shape))
        elif name not in inputs:
            raise UsageError(
                f"--shape {name}={shape_text(shape)}: the model has no such input; "
                f"its inputs are {known}"
            )
        else:
            shapes[name] = tuple(shape)
    return shapes


def fixed_shapes(
    declared: Mapping[str, Sequence[Optional[int]]], options: LoadOptions
) -> dict[str, tuple[int, ...]]:
    """Return every input's shape; `declared` has None for a dimension that the model leaves open.

    Raises UsageError where a dimension stays open or the rank differs.
    """
    asked = asked_shapes(list(declared), options)
    return {
        name: _asked_shape(name, shape, asked[name])
        if name in asked
        else _default_shape(name, shape, options.batch_size)
        for name, shape in declared.items()
    }


def _asked_shape(
    name: str, declared: Sequence[Optional[int]], asked: tuple[int, ...]
) -> tuple[int, ...]:
    if len(asked) != len(declared):
        raise UsageError(
            f"--shape {name}={shape_text(asked)} has {len(asked)} dimensions, but the model's "
            f"input is {shape_text(declared)}"
        )
    return asked


def _default_shape(
    name: str, declared: Sequence[Optional[int]], batch_size: int
) -> tuple[int, ...]:
    first = declared[0] if declared else None
    batch = batch_size or (1 if first is None else first)
    dims = [batch, *declared[1:]] if declared else []
    fixed = [dim for dim in dims if dim is not None]
    if len(fixed) != len(dims):
        raise UsageError(
            f"the model leaves the shape of input '{name}' open ({shape_text(declared)}); "
            f"fix it with --shape {name}=AxBxC"
        )
    return tuple(fixed)
