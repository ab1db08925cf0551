"""A data set through the very instance that is timed: copy in, run, copy out, run by run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop import _core
from edgeloop.errors import ModelError

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgeloop.measure.loaded import LoadedModel


@dataclass(frozen=True)
class DataRuns:
    """What some runs gave."""

    start_ns: int
    durations_ns: npt.NDArray[np.uint64]
    """Of each run alone, without what was copied."""
    outputs: list[npt.NDArray[Any]]
    """For each output that was wanted (runs, *its shape), as stored."""


def run_data(
    loaded: LoadedModel,
    loop: str,
    inputs: Sequence[npt.NDArray[Any]],
    outputs: Optional[int],
) -> DataRuns:
    """Run each row of `inputs`, (runs, *shape) per input; keep the first `outputs`, None: all.

    The native loop is one call of C++ for all of them. Raises ModelError where an output changes
    its shape with the data, and what the runtime raises.
    """
    if loop == "native":
        return _native(loaded, inputs, outputs)
    return _python(loaded, loop, inputs, outputs)


def _native(
    loaded: LoadedModel, inputs: Sequence[npt.NDArray[Any]], outputs: Optional[int]
) -> DataRuns:
    assert loaded.engine is not None
    runs = len(inputs[0])
    wanted = loaded.engine.outputs()[:outputs]
    rows = [np.empty((runs, *tensor.shape), dtype=tensor.dtype) for tensor in wanted]
    samples = _core.Samples(runs)
    start_ns = _core.run_data(loaded.engine, samples, inputs, rows, runs, loaded.clock_id)
    return DataRuns(start_ns, np.asarray(samples), rows)


def _python(
    loaded: LoadedModel,
    loop: str,
    inputs: Sequence[npt.NDArray[Any]],
    outputs: Optional[int],
) -> DataRuns:
    call = loaded.call(loop)
    now_ns, clock_id = time.clock_gettime_ns, loaded.clock_id
    durations_ns = np.empty(len(inputs[0]), dtype=np.uint64)
    kept: list[list[npt.NDArray[Any]]] = []
    start_ns = now_ns(clock_id)
    for run in range(len(durations_ns)):
        loaded.set_inputs([np.asarray(array[run]) for array in inputs])
        begun_ns = now_ns(clock_id)
        call()
        durations_ns[run] = now_ns(clock_id) - begun_ns
        kept.append(loaded.outputs(loop)[:outputs])
    rows = [_stacked(number, arrays) for number, arrays in enumerate(zip(*kept))]
    return DataRuns(start_ns, durations_ns, rows)


def _stacked(number: int, arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1:
        raise ModelError(f"output {number} changes its shape with the data: {sorted(shapes)}")
    return np.stack(arrays)
