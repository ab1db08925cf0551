"""A data set through the very instance that is timed: copy in, run, copy out, run by run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, Union

import numpy as np

from edgeloop import _core
from edgeloop.errors import ModelError

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgeloop.measure.loaded import LoadedModel


Rows = Union["npt.NDArray[Any]", list["npt.NDArray[Any]"]]
"""One output of some runs: (runs, *its shape), or a list where the shape changes with the data."""


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
    outputs: list[Rows]
    """Of each output that was wanted, as stored."""


def run_data(
    loaded: LoadedModel,
    loop: str,
    inputs: Sequence[npt.NDArray[Any]],
    outputs: Optional[Sequence[int]],
) -> DataRuns:
    """Run each row of `inputs`, (runs, *shape) per input; keep the numbered outputs, None: all.

    The native loop is one call of C++ for all rows of an instance; several instances have a part
    of the rows and a thread each. Where an output changes its shape with the data, the rows are
    run one by one from Python, and so are those of a model with state, each on an instance of its
    own, and those that get an output of the run before. Raises what the runtime raises.
    """
    begun_ns = time.clock_gettime_ns(loaded.clock_id)
    by_hand = loaded.state is not None or loaded.feedback(loop)
    if loop != "native" or by_hand:
        stretches, rows = _python(loaded, "binding" if loop == "native" else loop, inputs, outputs)
    else:
        try:
            stretches, rows = _native(loaded, inputs, outputs)
        except ModelError:
            # C++ keeps rows of one size only; any other fault of the model comes again.
            stretches, rows = _python(loaded, "binding", inputs, outputs)
    return DataRuns(stretches, time.clock_gettime_ns(loaded.clock_id) - begun_ns, rows)


def _native(
    loaded: LoadedModel, inputs: Sequence[npt.NDArray[Any]], outputs: Optional[Sequence[int]]
) -> tuple[list[Stretch], list[Rows]]:
    runs = len(inputs[0])
    engines = loaded.engines[:runs]
    tensors = engines[0].outputs()
    kept = range(len(tensors)) if outputs is None else outputs
    # C++ keeps the first outputs, as many as there are rows for.
    rows = [
        np.empty((runs, *tensor.shape), dtype=tensor.dtype)
        for tensor in tensors[: max(kept, default=-1) + 1]
    ]
    wanted: list[Rows] = [rows[index] for index in kept]

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
        return [stretch(0)], wanted
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(engines)) as threads:
        return list(threads.map(stretch, range(len(engines)))), wanted


def _python(
    loaded: LoadedModel,
    loop: str,
    inputs: Sequence[npt.NDArray[Any]],
    outputs: Optional[Sequence[int]],
) -> tuple[list[Stretch], list[Rows]]:
    now_ns, clock_id = time.clock_gettime_ns, loaded.clock_id
    durations_ns = np.empty(len(inputs[0]), dtype=np.uint64)
    kept: list[list[npt.NDArray[Any]]] = []
    feedback = loaded.feedback(loop)
    start_ns = now_ns(clock_id)
    for run in range(len(durations_ns)):
        loaded.begin_sample(loop)
        call = loaded.call(loop)
        loaded.set_inputs(
            [loaded.fed.get(number, np.asarray(array[run])) for number, array in enumerate(inputs)]
        )
        begun_ns = now_ns(clock_id)
        call()
        durations_ns[run] = now_ns(clock_id) - begun_ns
        given = loaded.outputs(loop)
        loaded.fed = {target: given[output] for output, target in feedback.items()}
        kept.append(given if outputs is None else [given[index] for index in outputs])
    rows = [_stacked(arrays) for arrays in zip(*kept)]
    return [Stretch(start_ns, durations_ns)], rows


def _stacked(arrays: Sequence[npt.NDArray[Any]]) -> Rows:
    return np.stack(arrays) if len({array.shape for array in arrays}) == 1 else list(arrays)
