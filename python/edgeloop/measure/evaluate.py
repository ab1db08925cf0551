"""Run a data set through the very engine that is timed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgeloop.data.npz import Samples, batch
from edgeloop.data.quantized import dequantize
from edgeloop.runtimes._base import FRAMEWORK_LOOPS, TensorSpec

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgeloop.measure.loaded import LoadedModel


def predictions(loaded: LoadedModel, samples: Samples, loop: str) -> npt.NDArray[np.float64]:
    """Return the first output of every sample as real values, shape (n, *output shape of one)."""
    specs = loaded.inputs
    step = specs[0].shape[0] if specs[0].shape else 1
    rows: list[npt.NDArray[np.float64]] = []
    for start in range(0, samples.n, step):
        loaded.set_inputs([batch(samples, spec, start) for spec in specs])
        loaded.run_block(loop, 1, 1)
        stored = loaded.outputs(loop)[0]
        rows.append(dequantize(stored, _first_output(loaded, loop, stored)))
    return np.concatenate(rows)[: samples.n]


def _first_output(loaded: LoadedModel, loop: str, stored: npt.NDArray[Any]) -> TensorSpec:
    if loop in FRAMEWORK_LOOPS or loaded.engine is None:
        return TensorSpec("output", str(stored.dtype), stored.shape)
    return TensorSpec.of(loaded.engine.outputs()[0])
