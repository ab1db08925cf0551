"""TensorRT's entropy calibrator on a file of samples, in the versions that still have one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np

from edgeloop.data.npz import batch, read_samples
from edgeloop.runtimes._base import TensorSpec
from edgeloop.runtimes._cuda_runtime import CudaRuntime
from edgeloop.runtimes._nvidia_libraries import find_cudart

_MOST_BATCHES = 500


def calibrator(trt: Any, data: Path, inputs: Sequence[TensorSpec]) -> Any:
    """Return an IInt8EntropyCalibrator2 that gives the samples of an .npz, batch by batch.

    Raises ModelError where the data does not fit the inputs.
    """
    samples = read_samples(str(data), inputs)
    cuda = CudaRuntime(find_cudart())
    stream = cuda.stream()
    memory = {spec.name: cuda.memory(spec.shape, np.dtype(spec.dtype)) for spec in inputs}
    step = inputs[0].shape[0] if inputs[0].shape else 1
    batches = min(_MOST_BATCHES, max(1, samples.n // step))

    class Calibrator(trt.IInt8EntropyCalibrator2):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IInt8EntropyCalibrator2.__init__(self)
            self._given = 0

        def get_batch_size(self) -> int:
            return step

        def get_batch(self, names: Sequence[str]) -> Optional[list[int]]:
            if self._given >= batches:
                return None
            for spec in inputs:
                values = batch(samples, spec, self._given * step)
                np.copyto(memory[spec.name].array, values, casting="same_kind")
                memory[spec.name].upload(stream)
            stream.wait()
            self._given += 1
            return [memory[name].address for name in names]

        def read_calibration_cache(self) -> Optional[bytes]:
            return None

        def write_calibration_cache(self, cache: bytes) -> None:
            """Keep nothing: the plan holds the ranges."""

    return Calibrator()
