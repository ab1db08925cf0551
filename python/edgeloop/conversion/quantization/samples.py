"""Draw calibration samples from the representative data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeloop.conversion.quantization.report import Calibration
from edgeloop.data.opening import open_data
from edgeloop.data.source import random_rows
from edgeloop.errors import ModelError
from edgeloop.models.identity import sha256_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgeloop.data.model_data import ModelData
    from edgeloop.spec.inputs import InputSource
    from edgeloop.spec.load import TensorSpec

# Samples that are read at a time.
_CHUNK = 64


def draw_samples(
    inputs: InputSource, specs: Sequence[TensorSpec], count: int, seed: int, write: str
) -> Calibration:
    """Draw `count` samples of the data at random, each at most once, for a float model's inputs.

    The .npz `write` gets `input_names`, and `input_0`, … of (runs, *shape of that input).
    Raises ModelError for data that does not fit, is empty, or holds NaN.
    """
    assert inputs.data is not None
    data = open_data(inputs, specs)
    drawn = _drawn(data, random_rows(data.n, count, seed))
    arrays = {
        f"input_{index}": _runs(_usable(drawn[spec.name], spec, inputs.data), spec)
        for index, spec in enumerate(specs)
    }
    names = np.array([spec.name for spec in specs])
    np.savez(write, allow_pickle=False, input_names=names, **arrays)
    return Calibration(
        data=inputs.data,
        sha256=sha256_of(inputs.data),
        samples=len(drawn[specs[0].name]),
        of=data.n,
        seed=seed,
        skipped=tuple((one.name, one.reason) for one in data.skipped),
        notes=tuple(data.notes),
    )


def _drawn(data: ModelData, rows: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[Any]]:
    chunks = [chunk.x for chunk in data.chunks(_CHUNK, rows) if chunk.n]
    if not chunks:
        raise ModelError(f"{data.source.path} has no sample that could be read")
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def _usable(values: npt.NDArray[Any], spec: TensorSpec, path: str) -> npt.NDArray[Any]:
    """Return the samples in the dtype that the float model takes. Raises ModelError."""
    wanted: np.dtype[Any] = np.dtype(spec.dtype)
    if values.dtype.kind == "f" and wanted.kind in "iu":
        raise ModelError(
            f"{path}: the samples for input '{spec.name}' are {values.dtype}, but the model takes "
            f"{wanted}"
        )
    real = values.astype(wanted)
    if real.dtype.kind == "f" and not np.isfinite(real).all():
        bad = int(np.count_nonzero(~np.isfinite(real).reshape(len(real), -1).all(axis=1)))
        raise ModelError(
            f"{path}: {bad} of {len(real)} calibration samples for input '{spec.name}' hold NaN or "
            "infinity, which would become the range of every layer"
        )
    return real


def _runs(values: npt.NDArray[Any], spec: TensorSpec) -> npt.NDArray[Any]:
    """Return (runs, *shape); where the last run is not full, the first samples fill it."""
    size = spec.shape[0] if spec.shape else 1
    missing = -len(values) % size
    full = np.concatenate([values, np.resize(values, (missing, *values.shape[1:]))])
    return full.reshape((-1, *spec.shape))
