"""TensorRT's entropy calibrator on a file of samples, in the versions that still have one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Optional

import numpy as np

from edgeloop.data.opening import open_data
from edgeloop.runtimes.cuda_runtime import CudaRuntime
from edgeloop.runtimes.nvidia_libraries import find_cudart
from edgeloop.spec.inputs import InputSource
from edgeloop.spec.load import TensorSpec

_MOST_BATCHES = 500


def calibrator(trt: Any, data: Path, inputs: Sequence[TensorSpec]) -> Any:
    """Return an IInt8EntropyCalibrator2 that gives the samples of a data set, batch by batch.

    Raises ModelError where the data does not fit the inputs.
    """
    samples = open_data(InputSource(seed=0, data=str(data)), inputs)
    cuda = CudaRuntime(find_cudart())
    stream = cuda.stream()
    memory = {spec.name: cuda.memory(spec.shape, np.dtype(spec.dtype)) for spec in inputs}
    batches = islice(samples.batches(samples.batch_size), _MOST_BATCHES)

    class Calibrator(trt.IInt8EntropyCalibrator2):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IInt8EntropyCalibrator2.__init__(self)

        def get_batch_size(self) -> int:
            return samples.batch_size

        def get_batch(self, names: Sequence[str]) -> Optional[list[int]]:
            batch = next(batches, None)
            if batch is None:
                return None
            for spec, rows in zip(inputs, batch.inputs):
                np.copyto(memory[spec.name].array, rows[0])
                memory[spec.name].upload(stream)
            stream.wait()
            return [memory[name].address for name in names]

        def read_calibration_cache(self) -> Optional[bytes]:
            return None

        def write_calibration_cache(self, cache: bytes) -> None:
            """Keep nothing: the plan holds the ranges."""

    return Calibrator()
