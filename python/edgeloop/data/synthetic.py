"""Seeded random inputs in each tensor's own range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgeloop.spec.load import TensorSpec


def random_inputs(specs: Sequence[TensorSpec], seed: int) -> list[npt.NDArray[Any]]:
    """Return one array per input.

    Floats are uniform in [-1, 1] and never denormal. Quantised and 8-bit integers span their whole
    dtype. Other integers are indices or masks as a rule, so they are 0 or 1, valid in every table.
    """
    generator = np.random.default_rng(seed)
    return [_random_array(generator, spec) for spec in specs]


def _random_array(generator: np.random.Generator, spec: TensorSpec) -> npt.NDArray[Any]:
    dtype = np.dtype(spec.dtype)
    if dtype.kind == "f":
        values = generator.uniform(-1.0, 1.0, spec.shape).astype(dtype)
        # A denormal operand costs many times a normal one on some cores: none is wanted.
        return np.where(np.abs(values) < np.finfo(dtype).tiny, dtype.type(0.5), values)
    if dtype.kind == "b":
        return generator.integers(0, 2, spec.shape).astype(dtype)
    if spec.scales or dtype.itemsize == 1:
        limits = np.iinfo(dtype)
        return generator.integers(limits.min, limits.max, spec.shape, dtype=dtype, endpoint=True)
    return generator.integers(0, 2, spec.shape).astype(dtype)
