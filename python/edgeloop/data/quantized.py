"""Real values to stored integers and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgeloop.errors import ModelError

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgeloop.spec.load import TensorSpec

_PIECE_ELEMENTS = 1 << 19


def quantize(values: npt.NDArray[Any], spec: TensorSpec) -> npt.NDArray[Any]:
    """Return real values as the tensor stores them: scale, round half to even, shift, clip.

    `values` may have more leading dimensions than the tensor. A tensor that is not quantised is
    only cast; numbers that an integer cannot hold are clipped, never wrapped.
    Raises ModelError for values that are not numbers and for an invalid scale.
    """
    return _store(values, spec)[0]


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


def fit_and_count(values: npt.NDArray[Any], spec: TensorSpec) -> tuple[npt.NDArray[Any], int]:
    """Return samples (n, ...) as `fit` does, and how many values the tensor could not hold.

    A few samples are treated at a time: as real values they take 8 bytes an element, several times
    over.
    """
    dtype = np.dtype(spec.dtype)
    if values.dtype == dtype:
        return values, 0
    stored = np.empty(values.shape, dtype=dtype)
    clipped = 0
    step = max(1, _PIECE_ELEMENTS // max(1, values[:1].size))
    for start in range(0, len(values), step):
        stored[start : start + step], more = _store(values[start : start + step], spec)
        clipped += more
    return stored, clipped


def _store(values: npt.NDArray[Any], spec: TensorSpec) -> tuple[npt.NDArray[Any], int]:
    """Return real values as they are stored, and how many had to be clipped."""
    dtype: np.dtype[Any] = np.dtype(spec.dtype)
    if dtype.kind not in "iu":
        return values.astype(dtype), 0
    low: float
    high: float
    if not spec.scales and values.dtype.kind in "iu":
        unclipped: npt.NDArray[Any] = values
        low, high = _shared_limits(values.dtype, dtype)
    else:
        unclipped = _unclipped(values, spec)
        low, high = _float_limits(dtype)
    clipped = int(np.count_nonzero((unclipped < low) | (unclipped > high)))
    return unclipped.clip(low, high).astype(dtype), clipped


def _unclipped(values: npt.NDArray[Any], spec: TensorSpec) -> npt.NDArray[np.float64]:
    """Return what an integer tensor would store if it had no limits."""
    real: npt.NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    if np.isnan(real).any():
        raise ModelError(
            f"the data for input '{spec.name}' holds NaN, which {spec.dtype} cannot store"
        )
    if not spec.scales:
        return np.rint(real)
    scale, zero_point = _broadcast(spec)
    if not np.all(scale > 0):
        raise ModelError(f"input '{spec.name}' has a scale that is not positive: {spec.scales}")
    unclipped: npt.NDArray[np.float64] = np.rint(real / scale) + zero_point
    return unclipped


def _float_limits(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Return the limits of an integer as floats that cast back to it without a wrap."""
    limits = np.iinfo(dtype)
    high = float(limits.max)
    if high > limits.max:  # 2^63 − 1 has no float64 of its own: rounding up would wrap
        high = float(np.nextafter(high, 0.0))
    return float(limits.min), high


def _shared_limits(source: np.dtype[Any], target: np.dtype[Any]) -> tuple[int, int]:
    """Return the limits that both integers can hold."""
    a, b = np.iinfo(source), np.iinfo(target)
    return max(int(a.min), int(b.min)), min(int(a.max), int(b.max))


def _broadcast(spec: TensorSpec) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    scale = np.asarray(spec.scales, dtype=np.float64)
    # TFLite and ONNX leave zero points out where all are 0.
    zero_point = np.asarray(spec.zero_points or (0,), dtype=np.float64)
    if scale.size == 1:
        return scale.reshape(()), zero_point.reshape(())
    zero_point = np.broadcast_to(zero_point, scale.shape)
    # Counted from the end, so that leading sample dimensions broadcast.
    trailing = (scale.size,) + (1,) * (len(spec.shape) - spec.axis - 1)
    return scale.reshape(trailing), zero_point.reshape(trailing)
