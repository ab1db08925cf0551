"""Run a data set through the very engine that is timed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgeloop.data.npz import Samples, batch
from edgeloop.data.quantized import count_clipped, dequantize
from edgeloop.errors import ModelError
from edgeloop.runtimes._base import TensorSpec

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgeloop.measure.loaded import LoadedModel


# Samples that are looked at together: as real values they take 8 bytes an element.
_PIECE = 16


def predictions(loaded: LoadedModel, samples: Samples, loop: str) -> npt.NDArray[np.float64]:
    """Return the first output of every sample as real values, shape (n, *output shape of one).

    Through a framework loop alone a quantised output stays as stored: only the engine knows its
    scale. Raises ModelError where the output has no row, or none of one shape, for each sample.
    """
    specs = loaded.inputs
    step = specs[0].shape[0] if specs[0].shape else 1
    rows: list[npt.NDArray[np.float64]] = []
    for start in range(0, samples.n, step):
        loaded.set_inputs([batch(samples, spec, start) for spec in specs])
        loaded.run_block(loop, 1, 1)
        stored = loaded.outputs(loop)[0]
        real = dequantize(stored, _first_output(loaded, stored))
        rows.append(_a_row_per_sample(real, step))
    shapes = {row.shape[1:] for row in rows}
    if len(shapes) != 1:
        raise ModelError(f"the first output changes its shape with the data: {sorted(shapes)}")
    return np.concatenate(rows)[: samples.n]


def clipped_shares(loaded: LoadedModel, samples: Samples) -> dict[str, float]:
    """Return, by input, the share of the data that its integers cannot hold (0 to 1).

    A few per cent are the tails that quantisation cuts off; most of it is data of another scale.
    """
    shares = {}
    for spec in loaded.inputs:
        values = samples.x[spec.name]
        pieces = (values[start : start + _PIECE] for start in range(0, samples.n, _PIECE))
        shares[spec.name] = sum(count_clipped(piece, spec) for piece in pieces) / values.size
    return shares


def _a_row_per_sample(real: npt.NDArray[np.float64], step: int) -> npt.NDArray[np.float64]:
    if real.ndim and len(real) == step:
        return real
    if step == 1:
        return real[np.newaxis]
    raise ModelError(
        f"the first output has shape {real.shape}, which is not one row for each of the "
        f"{step} samples of a batch"
    )


def _first_output(loaded: LoadedModel, stored: npt.NDArray[Any]) -> TensorSpec:
    """Describe the first output; the engine's words hold for the same model in the framework."""
    if loaded.engine is not None:
        spec = TensorSpec.of(loaded.engine.outputs()[0])
        if np.dtype(spec.dtype) == stored.dtype:
            return spec
    return TensorSpec("output", str(stored.dtype), stored.shape)
