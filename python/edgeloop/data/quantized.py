"""Real values to stored integers and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgeloop.runtimes._base import TensorSpec


def quantize(values: npt.NDArray[Any], spec: TensorSpec) -> npt.NDArray[Any]:
    """Return real values as the tensor stores them: scale, round half to even, shift, clip.

    `values` may have more leading dimensions than the tensor. A tensor that is not quantised is
    only cast; integers that it cannot hold are clipped, never wrapped.
    """
    dtype = np.dtype(spec.dtype)
    real = np.asarray(values, dtype=np.float64)
    if spec.scales:
        scale, zero_point = _broadcast(spec)
        real = np.rint(real / scale) + zero_point
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        real = np.clip(np.rint(real), limits.min, limits.max)
    return real.astype(dtype)


def dequantize(stored: npt.NDArray[Any], spec: TensorSpec) -> npt.NDArray[np.float64]:
    """Return the real values of a stored tensor: scale × (stored − zero_point)."""
    real = np.asarray(stored, dtype=np.float64)
    if not spec.scales:
        return real
    scale, zero_point = _broadcast(spec)
    dequantized: npt.NDArray[np.float64] = scale * (real - zero_point)
    return dequantized


def fit(values: npt.NDArray[Any], spec: TensorSpec) -> npt.NDArray[Any]:
    """Return data as the tensor takes it.

    Data of the tensor's own dtype is taken as stored already; any other dtype is real values.
    """
    if values.dtype == np.dtype(spec.dtype):
        return values
    return quantize(values, spec)


def _broadcast(spec: TensorSpec) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    scale = np.asarray(spec.scales, dtype=np.float64)
    zero_point = np.asarray(spec.zero_points, dtype=np.float64)
    if scale.size == 1:
        return scale.reshape(()), zero_point.reshape(())
    # Counted from the end, so that leading sample dimensions broadcast.
    trailing = (scale.size,) + (1,) * (len(spec.shape) - spec.axis - 1)
    return scale.reshape(trailing), zero_point.reshape(trailing)
