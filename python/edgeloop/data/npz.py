"""Samples and labels from an .npz or .npy file."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.data.quantized import fit
from edgeloop.errors import ModelError

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgeloop.runtimes._base import TensorSpec

X_KEY = "x_data"
Y_KEY = "y_data"

# Layout of the data → the axes that bring a batch of it into the other layout.
_TO_OTHER = {"nhwc": (0, 3, 1, 2), "nchw": (0, 2, 3, 1)}


@dataclass(frozen=True)
class Samples:
    """Data of `n` samples; `x` maps an input's name to (n, *sample shape)."""

    x: dict[str, npt.NDArray[Any]]
    y: Optional[npt.NDArray[Any]]
    n: int


def read_samples(
    path: str,
    specs: Sequence[TensorSpec],
    *,
    x_key: str = X_KEY,
    y_key: str = Y_KEY,
    layout: Optional[str] = None,
) -> Samples:
    """Read samples that fit the model's inputs.

    A model with one input takes the array `x_key`; one with several takes an array for each
    input's name. `layout` is that of the data ("nhwc", "nchw"): where its samples do not have the
    model's shape as they are, they are transposed to the other layout.
    Raises ModelError that names the array and both shapes where something does not fit.
    """
    arrays = _load(path)
    y = arrays.get(y_key)
    x = {}
    for spec in specs:
        key = x_key if len(specs) == 1 else spec.name
        if key not in arrays:
            raise ModelError(
                f"{path} has no array '{key}'; it has {', '.join(sorted(arrays))} "
                "(name the right one with --x-key)"
            )
        values = arrays[key]
        if layout is not None and values.ndim == 4 and not _fits(values, spec):
            values = values.transpose(_TO_OTHER[layout])
        _require_fits(path, key, values, spec)
        x[spec.name] = values
    counts = {len(values) for values in x.values()}
    if y is not None:
        counts.add(len(y))
    if len(counts) != 1:
        raise ModelError(f"{path}: the arrays have different numbers of samples: {sorted(counts)}")
    n = counts.pop()
    if n == 0:
        raise ModelError(f"{path} has no samples")
    return Samples(x, y, n)


def batch(samples: Samples, spec: TensorSpec, start: int) -> npt.NDArray[Any]:
    """Return the stored tensor that holds the samples from `start` on, repeating the last ones."""
    size = spec.shape[0] if spec.shape else 1
    rows = np.arange(start, start + size) % samples.n
    return np.ascontiguousarray(fit(samples.x[spec.name][rows], spec).reshape(spec.shape))


def _load(path: str) -> dict[str, npt.NDArray[Any]]:
    source = Path(path)
    if not source.is_file():
        raise ModelError(f"the data file {path} does not exist")
    try:
        loaded = np.load(source, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {X_KEY: loaded}
        with loaded:
            return {key: loaded[key] for key in loaded.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"the data file {path} cannot be read as .npz or .npy ({error}); "
            "write it with numpy.savez(path, x_data=..., y_data=...)"
        ) from error


def _require_fits(path: str, key: str, values: npt.NDArray[Any], spec: TensorSpec) -> None:
    if values.dtype.kind not in "biuf":
        raise ModelError(
            f"{path}: the array '{key}' has dtype {values.dtype}, which no model input takes; "
            "numbers are wanted"
        )
    if _fits(values, spec):
        return
    hints = [
        f"; if it is {layout.upper()}, say --data-layout {layout}"
        for layout, axes in _TO_OTHER.items()
        if values.ndim == 4 and _fits(values.transpose(axes), spec)
    ]
    raise ModelError(
        f"{path}: a sample of '{key}' has shape {_text(values.shape[1:])}, but the model's input "
        f"'{spec.name}' wants {_text(spec.shape[1:])}{''.join(hints)}"
    )


def _fits(values: npt.NDArray[Any], spec: TensorSpec) -> bool:
    return tuple(values.shape[1:]) == tuple(spec.shape[1:])


def _text(shape: Sequence[int]) -> str:
    return "x".join(str(dim) for dim in shape) or "scalar"
