"""What a model's input says of the pictures it takes: their size, and what their pixels become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Optional

import numpy as np

from edgeloop.data.images import PictureSize
from edgeloop.errors import ModelError, UsageError
from edgeloop.spec.inputs import Preprocess

if TYPE_CHECKING:
    from edgeloop.spec.load import TensorSpec

_CHANNELS = (1, 3)

# A quantised range's end lies this close to that of the values it was made for.
_NEAR = 0.1


def picture_size(specs: Sequence[TensorSpec], layout: Optional[str]) -> tuple[PictureSize, str]:
    """Return the size of the model's pictures, and the layout of its input ("nhwc", "nchw").

    Raises ModelError where the model takes none, and UsageError where only the user can know which
    dimension holds the channels.
    """
    if len(specs) != 1:
        raise ModelError(
            f"the model has {len(specs)} inputs, and pictures are one; give an .npz with an array "
            f"for each: {', '.join(spec.name for spec in specs)}"
        )
    shape = specs[0].shape[1:]
    if len(shape) == 2:
        return PictureSize(shape[0], shape[1], 1), "nhwc"
    fits = []
    if len(shape) == 3:
        sizes = {
            "nhwc": PictureSize(shape[0], shape[1], shape[2]),
            "nchw": PictureSize(shape[1], shape[2], shape[0]),
        }
        fits = [name for name, size in sizes.items() if size.channels in _CHANNELS]
        if layout in fits:
            fits = [layout]
    text = "x".join(map(str, specs[0].shape))
    if not fits:
        raise ModelError(
            f"the model's input '{specs[0].name}' of shape {text} does not take pictures: no "
            "dimension has 1 or 3 channels"
        )
    if len(fits) > 1:
        raise UsageError(
            f"the model's input of shape {text} may be NHWC or NCHW: give "
            "--data-layout nhwc or nchw"
        )
    return sizes[fits[0]], fits[0]


def with_pixel_values(
    preprocess: Preprocess, spec: TensorSpec, stated: Preprocess
) -> tuple[Preprocess, str]:
    """Return the preprocessing, with a default for pixels where the user gave none, and a note.

    A uint8 input takes them as they are. For others the model's own metadata counts (`stated`).
    Without it the quantisation of an int8 input shows which range of real values it holds: 0 to
    255, 0 to 1, or −1 to 1; a float input shows nothing.
    """
    if preprocess.changes_values:
        return preprocess, "pixels: (value × scale − mean) / std, as given"
    dtype = np.dtype(spec.dtype)
    if dtype == np.uint8:
        return preprocess, "pixels: as they are, in the model's own uint8"
    if stated.changes_values:
        mean, std = (", ".join(f"{one:.6g}" for one in each) for each in (stated.mean, stated.std))
        return (
            replace(preprocess, mean=stated.mean, std=stated.std),
            f"pixels: (value − {mean}) / {std}, as the model's own metadata says",
        )
    if dtype.kind not in "iu" or len(spec.scales) != 1:
        return preprocess, (
            f"pixels: NOT SCALED, 0 to 255 as they are: the model takes {spec.dtype} and does not "
            "say what it was trained on; give --scale, --mean and --std as in its training "
            "(for example --mean 127.5 --std 127.5, or --scale 1/255)"
        )
    return _by_range(preprocess, spec)


def _by_range(preprocess: Preprocess, spec: TensorSpec) -> tuple[Preprocess, str]:
    """Return what pixels become for a quantised input, from the real values it can hold."""
    limits = np.iinfo(np.dtype(spec.dtype))
    zero_point = (spec.zero_points or (0,))[0]
    low, high = (spec.scales[0] * (end - zero_point) for end in (limits.min, limits.max))
    words = f"the model's {spec.dtype} input holds {low:.4g} to {high:.4g}"
    if abs(high - 1) < _NEAR and abs(low) < _NEAR:
        return replace(preprocess, scale=1 / 255), f"pixels: value / 255, as {words}"
    if abs(high - 1) < _NEAR and abs(low + 1) < _NEAR:
        return (
            replace(preprocess, mean=(127.5,), std=(127.5,)),
            f"pixels: (value − 127.5) / 127.5, as {words}",
        )
    return preprocess, f"pixels: 0 to 255 as real values; {words}"
