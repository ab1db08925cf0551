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
class Stretch:
    """Runs of one instance, one after the other."""

    start_ns: int
    durations_ns: npt.NDArray[np.uint64]
    """Of each run alone, without what was copied."""


@dataclass(frozen=True)
class DataRuns:
    """What some runs gave."""

    stretches: list[Stretch]
    """One for each instance, in the order of the rows: those of the first come first."""
    elapsed_ns: int
    """From before the first row went in until the last output was kept."""
    outputs: list[npt.NDArray[Any]]
    """For each output that was wanted (runs, *its shape), as stored."""


def run_data(
    loaded: LoadedModel,
    loop: str,
    inputs: Sequence[npt.NDArray[Any]],
    outputs: Optional[int],
) -> DataRuns:
    """Run each row of `inputs`, (runs, *shape) per input; keep the first `outputs`, None: all.

    The native loop is one call of C++ for all rows of an instance; several instances have a part
    of the rows and a thread each. Raises ModelError where an output changes its shape with the
    data, and what the runtime raises.
    """
    begun_ns = time.clock_gettime_ns(loaded.clock_id)
    if loop == "native":
        stretches, rows = _native(loaded, inputs, outputs)
    else:
        stretches, rows = _python(loaded, loop, inputs, outputs)
    return DataRuns(stretches, time.clock_gettime_ns(loaded.clock_id) - begun_ns, rows)


def _native(
    loaded: LoadedModel, inputs: Sequence[npt.NDArray[Any]], outputs: Optional[int]
) -> tuple[list[Stretch], list[npt.NDArray[Any]]]:
    runs = len(inputs[0])
    engines = loaded.engines[:runs]
    wanted = engines[0].outputs()[:outputs]
    rows = [np.empty((runs, *tensor.shape), dtype=tensor.dtype) for tensor in wanted]

    def stretch(number: int) -> Stretch:
        first, end = (runs * n // len(engines) for n in (number, number + 1))
        samples = _core.Samples(end - first)
        start_ns = _core.run_data(
            engines[number],
            samples,
            [array[first:end] for array in inputs],
            [array[first:end] for array in rows],
            end - first,
            loaded.clock_id,
        )
        return Stretch(start_ns, np.asarray(samples))

    if len(engines) == 1:
        return [stretch(0)], rows
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(engines)) as threads:
        return list(threads.map(stretch, range(len(engines)))), rows


def _python(
    loaded: LoadedModel,
    loop: str,
    inputs: Sequence[npt.NDArray[Any]],
    outputs: Optional[int],
) -> tuple[list[Stretch], list[npt.NDArray[Any]]]:
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
    return [Stretch(start_ns, durations_ns)], rows


def _stacked(number: int, arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1:
        raise ModelError(f"output {number} changes its shape with the data: {sorted(shapes)}")
    return np.stack(arrays)
