"""How one array of a data set becomes the values of one input: scaled, and in its layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.data.quantized import dequantize
from edgeloop.data.source import ArraySpec
from edgeloop.errors import ModelError, UsageError
from edgeloop.spec.inputs import Preprocess

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgeloop.spec.load import TensorSpec

# Layout of the data → the axes that bring a batch of it into the other layout.
TO_OTHER = {"nhwc": (0, 3, 1, 2), "nchw": (0, 2, 3, 1)}


@dataclass(frozen=True)
class Fitting:
    """One array's way into one input."""

    key: str
    shape: tuple[int, ...]
    """Of one sample in the model."""
    axes: Optional[tuple[int, ...]]
    """Transposition of a batch into the model's layout; None: it has it."""
    preprocess: Preprocess
    channel_axis: int
    """Of the data, where mean or std has a value for each channel."""
    stored_as: Optional[TensorSpec] = None
    """Whose scale and zero point the data's integers have, where it is not the input itself."""

    def apply(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return samples (k, *shape)."""
        if self.preprocess.changes_values:
            values = self._scaled(values)
        elif self.stored_as is not None:
            values = dequantize(values, self.stored_as).astype(np.float32)
        if self.axes is not None:
            values = values.transpose(self.axes)
        return values.reshape((len(values), *self.shape))

    def _scaled(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        real = values.astype(np.float32)
        if self.preprocess.scale is not None:
            real *= np.float32(self.preprocess.scale)
        if self.preprocess.mean:
            real -= self._per_channel(self.preprocess.mean, real.ndim)
        if self.preprocess.std:
            real /= self._per_channel(self.preprocess.std, real.ndim)
        return real

    def _per_channel(self, numbers: Sequence[float], ndim: int) -> npt.NDArray[np.float32]:
        values = np.asarray(numbers, dtype=np.float32)
        if values.size == 1:
            return values
        shape = [1] * ndim
        shape[self.channel_axis] = values.size
        return values.reshape(shape)


def fit_array(
    path: str,
    key: str,
    array: ArraySpec,
    spec: TensorSpec,
    layout: Optional[str],
    preprocess: Preprocess,
) -> Fitting:
    """Return how an array becomes an input, transposed only where `layout` (its own) says so.

    Dimensions of 1 may be missing or stand elsewhere: 28x28 is 1x28x28, and no number moves.
    Raises ModelError that names the array and both shapes where it does not fit.
    """
    if array.dtype.kind not in "biuf":
        raise ModelError(
            f"{path}: the array '{key}' has dtype {array.dtype}, which no model input takes; "
            "numbers are wanted"
        )
    wanted = tuple(spec.shape[1:])
    if array.shape == tuple(spec.shape) and array.shape != wanted:
        wanted = array.shape  # one sample is the whole input: the model has no batch dimension
    axes: Optional[tuple[int, ...]] = None
    if _without_ones(array.shape) != _without_ones(wanted):
        if layout is None or _transposed(array.shape, layout) != wanted:
            raise ModelError(
                f"{path}: a sample of '{key}' has shape {_text(array.shape)}, but the model's "
                f"input '{spec.name}' wants samples of {_text(wanted)}"
                f"{_layout_hint(array.shape, wanted)}"
            )
        axes = TO_OTHER[layout]
    channel_axis = _channel_axis(path, array.shape, layout, preprocess)
    return Fitting(key, wanted, axes, preprocess, channel_axis)


def _channel_axis(
    path: str, shape: tuple[int, ...], layout: Optional[str], preprocess: Preprocess
) -> int:
    """Return the axis of a batch that has one value of mean and std for each of its elements."""
    counts = {len(numbers) for numbers in (preprocess.mean, preprocess.std)} - {0, 1}
    if not counts:
        return -1
    if len(counts) > 1:
        raise UsageError("--mean and --std have different numbers of values; give one per channel")
    count = counts.pop()
    ndim = len(shape) + 1
    places = {"nhwc": ndim - 1, "nchw": 1}
    candidates = {axis for axis in places.values() if 0 < axis < ndim and shape[axis - 1] == count}
    if layout is not None:
        candidates &= {places[layout]}
    if len(candidates) != 1:
        raise UsageError(
            f"{path}: --mean and --std have {count} values, and samples of {_text(shape)} "
            + ("have no dimension of that size" if not candidates else "have two such "
               "dimensions: give --data-layout nhwc or nchw")
        )  # fmt: skip
    return candidates.pop()


def _without_ones(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def _transposed(shape: tuple[int, ...], layout: str) -> Optional[tuple[int, ...]]:
    if len(shape) != 3:
        return None
    return tuple(shape[axis - 1] for axis in TO_OTHER[layout][1:])


def _layout_hint(shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    return "".join(
        f"; if it is {layout.upper()}, give --data-layout {layout}"
        for layout in TO_OTHER
        if _transposed(shape, layout) == wanted
    )


def _text(shape: Sequence[int]) -> str:
    return "x".join(str(dim) for dim in shape) or "scalar"
