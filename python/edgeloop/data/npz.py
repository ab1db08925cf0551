"""Samples and labels from an .npz or .npy file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Optional

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

_NPY_MAGIC = b"\x93NUMPY"
_ZIP_MAGIC = b"PK"


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

    A model with one input takes the array `x_key`, or the one of an .npy; one with several takes
    an array for each input's name. `layout` is that of the data ("nhwc", "nchw"): where its
    samples do not have the model's shape as they are, they are transposed to the other layout.
    Raises ModelError that names the array and both shapes where something does not fit.
    """
    keys = [x_key] if len(specs) == 1 else [spec.name for spec in specs]
    arrays = _load(path, keys, y_key)
    x = {spec.name: _fitted(path, key, arrays[key], spec, layout) for key, spec in zip(keys, specs)}
    y = arrays.get(y_key)
    if y is not None and y.ndim == 0:
        raise ModelError(f"{path}: '{y_key}' is a single value and not one label per sample")
    counts = {len(values) for values in (*x.values(), *(() if y is None else (y,)))}
    if len(counts) != 1:
        raise ModelError(f"{path}: the arrays have different numbers of samples: {sorted(counts)}")
    n = counts.pop()
    if n == 0:
        raise ModelError(f"{path} has no samples")
    return Samples(x, y, n)


def batch(samples: Samples, spec: TensorSpec, start: int) -> npt.NDArray[Any]:
    """Return the tensor that holds the samples from `start` on; after the last comes the first."""
    size = spec.shape[0] if spec.shape else 1
    rows = np.arange(start, start + size) % samples.n
    stored = fit(samples.x[spec.name][rows], spec).reshape(spec.shape)
    return np.asarray(stored, order="C")  # ascontiguousarray makes a scalar a list


def _load(path: str, keys: Sequence[str], y_key: str) -> dict[str, npt.NDArray[Any]]:
    """Read these arrays, and the labels where there are some; what else is there stays unread."""
    source = Path(path)
    if not source.is_file():
        raise ModelError(f"the data file {path} does not exist")
    try:
        with source.open("rb") as file:  # ours: NumPy leaves a file that it opened open on errors
            _require_magic(file)
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {_only_key(path, keys): loaded}
            with loaded:
                _require_keys(path, keys, loaded.files)
                return {key: loaded[key] for key in (*keys, y_key) if key in loaded.files}
    except ModelError:
        raise
    except Exception as error:
        # A damaged file makes NumPy raise a dozen kinds, from zlib.error to tokenize.TokenError.
        raise ModelError(
            f"the data file {path} cannot be read as .npz or .npy ({error}); "
            "write it with numpy.savez(path, x_data=..., y_data=...)"
        ) from error


def _require_magic(file: BinaryIO) -> None:
    """Refuse what is neither format: NumPy takes it for a pickle, and says so."""
    magic = file.read(len(_NPY_MAGIC))
    file.seek(0)
    if magic != _NPY_MAGIC and not magic.startswith(_ZIP_MAGIC):
        raise ValueError("it is neither")


def _only_key(path: str, keys: Sequence[str]) -> str:
    if len(keys) != 1:
        raise ModelError(
            f"{path} holds one array, but the model has {len(keys)} inputs: {', '.join(keys)}; "
            "write an .npz with an array for each"
        )
    return keys[0]


def _require_keys(path: str, keys: Sequence[str], known: Sequence[str]) -> None:
    missing = [key for key in keys if key not in known]
    if not missing:
        return
    hint = " (name the right one with --x-key)" if len(keys) == 1 else ""
    raise ModelError(
        f"{path} has no array '{missing[0]}'; it has {', '.join(sorted(known)) or 'none'}{hint}"
    )


def _fitted(
    path: str, key: str, values: npt.NDArray[Any], spec: TensorSpec, layout: Optional[str]
) -> npt.NDArray[Any]:
    """Return the array in the model's layout. Raises ModelError where it does not fit."""
    if values.dtype.kind not in "biuf":
        raise ModelError(
            f"{path}: the array '{key}' has dtype {values.dtype}, which no model input takes; "
            "numbers are wanted"
        )
    if _fits(values, spec):
        return values
    if layout is not None and values.ndim == 4:
        transposed: npt.NDArray[Any] = values.transpose(_TO_OTHER[layout])
        if _fits(transposed, spec):
            return transposed
    raise ModelError(
        f"{path}: {_shape_words(key, values)}, but the model's input '{spec.name}' wants samples "
        f"of {_text(spec.shape[1:])}{_layout_hint(values, spec)}"
    )


def _shape_words(key: str, values: npt.NDArray[Any]) -> str:
    if values.ndim == 0:
        return f"'{key}' is a single value"
    return f"a sample of '{key}' has shape {_text(values.shape[1:])}"


def _layout_hint(values: npt.NDArray[Any], spec: TensorSpec) -> str:
    return "".join(
        f"; if it is {layout.upper()}, say --data-layout {layout}"
        for layout, axes in _TO_OTHER.items()
        if values.ndim == 4 and _fits(values.transpose(axes), spec)
    )


def _fits(values: npt.NDArray[Any], spec: TensorSpec) -> bool:
    return values.ndim > 0 and tuple(values.shape[1:]) == tuple(spec.shape[1:])


def _text(shape: Sequence[int]) -> str:
    return "x".join(str(dim) for dim in shape) or "scalar"
