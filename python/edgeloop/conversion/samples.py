"""The job that runs a model on samples: what verification compares.

The source makes the samples, from data or from a seed, and writes them beside its outputs; the
result reads the same ones, transposed where the conversion moved its channels.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.errors import ModelError
from edgeloop.spec.load import FRAMEWORK_LOOPS, LoadOptions, TensorSpec

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgeloop.measure.loaded import LoadedModel

TENSORFLOW_FORMATS = ("savedmodel", "keras")
# Of inputs, or of outputs: a few hundred megabytes pass through memory and disk.
_MOST_BYTES = 256 << 20

TENSORFLOW = "tensorflow"
"""The name of conversion/tensorflow_model.py among the runtimes of the formats."""


@dataclass(frozen=True)
class SampleRun:
    """What a model made of samples; arrays have a leading axis of samples."""

    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]
    samples: Sequence[npt.NDArray[Any]]
    """For each input, (n, *shape), as the model stores them."""
    results: Sequence[npt.NDArray[Any]]
    """For each output, (n, *shape), as the model stores them."""
    given: int = 0
    """How many of the samples, the first ones, come from the data; the others are random."""


def run(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Load `model` in `runtime`, run it on the samples, write inputs and outputs to `write`.

    `options` are those of LoadOptions. The samples are `n` of the data file `data` (a mapping as
    InputSource has it), drawn at random where `drawn`, and random values up to `least` of them; or
    `least` random ones; or where `samples` is given those of an earlier run, by position,
    transposed by `transposed` (name → axes).
    """
    start = time.monotonic_ns()
    loaded, loop = load_model(arguments["runtime"], LoadOptions(**arguments["options"]))
    ready = time.monotonic_ns()
    inputs = list(loaded.inputs)
    samples, given = _samples(arguments, inputs)
    results = _results(loaded, loop, samples, arguments.get("least", 0))
    samples = [array[: len(results[0])] for array in samples] if results else samples
    outputs = _output_specs(loaded, loop, results)
    _write(arguments["write"], SampleRun(inputs, outputs, samples, results))
    return {
        "inputs": [spec.as_dict() for spec in inputs],
        "outputs": [spec.as_dict() for spec in outputs],
        "n": len(samples[0]) if samples else 0,
        "given": given,
        "import_ns": loaded.import_ns,
        "load_ns": ready - start - loaded.import_ns,
        "run_ns": time.monotonic_ns() - ready,
    }


def read(path: str, answer: Mapping[str, Any]) -> SampleRun:
    """Return the run that the job wrote to `path` and described in `answer`."""
    inputs = [TensorSpec.from_dict(item) for item in answer["inputs"]]
    outputs = [TensorSpec.from_dict(item) for item in answer["outputs"]]
    with np.load(path, allow_pickle=False) as arrays:
        return SampleRun(
            inputs,
            outputs,
            [arrays[f"input_{index}"] for index in range(len(inputs))],
            [arrays[f"output_{index}"] for index in range(len(outputs))],
            given=answer["given"],
        )


def load_model(name: str, options: LoadOptions) -> tuple[LoadedModel, str]:
    """Load for the loop whose tensors say the most: the engine's have names and scales."""
    from edgeloop.measure import loaded as loading
    from edgeloop.measure.clock import choose_clock
    from edgeloop.runtimes import runtime

    if name == TENSORFLOW:
        from edgeloop.conversion.tensorflow_model import RUNTIME

        chosen: Any = RUNTIME
    else:
        chosen = runtime(name)
    # Of PyTorch the native loop needs a compiled package; LiteRT's takes fewer models.
    native = "native" in chosen.loops and chosen.refuses(options.model) is None
    loop = "native" if native else "framework"
    return loading.load(chosen, options, [loop], choose_clock().id, False), loop


def _samples(
    arguments: Mapping[str, Any], inputs: Sequence[TensorSpec]
) -> tuple[list[npt.NDArray[Any]], int]:
    """Return the samples for each input, and how many of them are of the data."""
    if arguments.get("samples") is not None:
        return _given(arguments["samples"], arguments.get("transposed") or {}, inputs), 0
    least, seed = arguments["least"], arguments["seed"]
    if arguments.get("data") is None:
        return _random(least, seed, inputs), 0
    found = _from_data(arguments, inputs)
    count = len(found[0])
    if count < least:
        made = _random(least - count, seed, inputs)
        found = [np.concatenate([a, b]) for a, b in zip(found, made)]
    return found, count


def _random(n: int, seed: int, inputs: Sequence[TensorSpec]) -> list[npt.NDArray[Any]]:
    from edgeloop.data.synthetic import random_inputs

    runs = [random_inputs(inputs, seed + index) for index in range(n)]
    return [np.stack([run[index] for run in runs]) for index in range(len(inputs))]


def _from_data(
    arguments: Mapping[str, Any], inputs: Sequence[TensorSpec]
) -> list[npt.NDArray[Any]]:
    """Return runs of the data: at most `n`, and what a few hundred megabytes hold."""
    from edgeloop.data.opening import open_data
    from edgeloop.data.source import random_rows
    from edgeloop.spec.inputs import InputSource

    data = open_data(InputSource.from_dict(arguments["data"]), inputs)
    run_bytes = sum(prod(spec.shape) * np.dtype(spec.dtype).itemsize for spec in inputs)
    most = max(arguments["least"], _MOST_BYTES // max(1, run_bytes))
    runs = min(arguments["n"], most, -(-data.n // data.batch_size))
    rows = None
    if arguments.get("drawn"):
        rows = random_rows(data.n, runs * data.batch_size, arguments["seed"])
    return data.first_runs(runs, rows)


def _given(
    path: str, transposed: Mapping[str, Sequence[int]], inputs: Sequence[TensorSpec]
) -> list[npt.NDArray[Any]]:
    """Return the samples of an earlier run as this model takes them. Raises ModelError."""
    with np.load(path, allow_pickle=False) as arrays:
        names = [str(name) for name in arrays["input_names"]]
        if len(names) != len(inputs):
            raise ModelError(
                f"the result has {len(inputs)} inputs ({', '.join(i.name for i in inputs)}), the "
                f"source has {len(names)} ({', '.join(names)})"
            )
        # By name where all are kept, else by position.
        same = set(names) == {spec.name for spec in inputs}
        given = []
        for position, spec in enumerate(inputs):
            index = names.index(spec.name) if same else position
            values = arrays[f"input_{index}"]
            if spec.name in transposed:
                values = values.transpose(0, *(axis + 1 for axis in transposed[spec.name]))
            given.append(_fitting(values, spec))
    return given


def _fitting(values: npt.NDArray[Any], spec: TensorSpec) -> npt.NDArray[Any]:
    if values.shape[1:] != tuple(spec.shape):
        raise ModelError(
            f"the result's input '{spec.name}' has the shape {list(spec.shape)}, the source's has "
            f"{list(values.shape[1:])}"
        )
    if values.dtype == np.dtype(spec.dtype):
        return np.ascontiguousarray(values)
    if spec.scales or np.dtype(spec.dtype).kind in "iu":
        from edgeloop.data.quantized import quantize

        return quantize(values, spec)
    return np.ascontiguousarray(values.astype(spec.dtype))


def _results(
    loaded: LoadedModel, loop: str, samples: Sequence[npt.NDArray[Any]], least: int
) -> list[npt.NDArray[Any]]:
    """Run the samples; of outputs that fill the memory those of `least` samples are enough."""
    rows: list[list[npt.NDArray[Any]]] = []
    kept_bytes = 0
    for index in range(len(samples[0]) if samples else 0):
        loaded.begin_sample(loop)
        loaded.set_inputs([np.asarray(values[index], order="C") for values in samples])
        loaded.run_block(loop, 1, 1)
        rows.append(loaded.outputs(loop))
        kept_bytes += sum(array.nbytes for array in rows[-1])
        if least and kept_bytes > _MOST_BYTES and index + 1 >= least:
            break
    return [_stacked(arrays) for arrays in zip(*rows)]


def _stacked(arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Stack an output; where its shape follows the data, zeros fill it up to the largest."""
    if len({array.shape for array in arrays}) == 1:
        return np.stack(arrays)
    if len({array.ndim for array in arrays}) > 1:
        raise ModelError("an output changes its number of dimensions with the data")
    whole = tuple(map(max, zip(*(array.shape for array in arrays))))
    return np.stack([
        np.pad(array, [(0, most - size) for size, most in zip(array.shape, whole)])
        for array in arrays
    ])  # fmt: skip


def _output_specs(
    loaded: LoadedModel, loop: str, results: Sequence[npt.NDArray[Any]]
) -> list[TensorSpec]:
    if loop not in FRAMEWORK_LOOPS and loaded.engine is not None:
        return [TensorSpec.of(tensor) for tensor in loaded.engine.outputs()]
    names: Optional[Sequence[str]] = getattr(loaded.framework, "output_names", None)
    return [
        TensorSpec(names[index] if names else f"output_{index}", str(array.dtype), array.shape[1:])
        for index, array in enumerate(results)
    ]


def _write(path: str, done: SampleRun) -> None:
    arrays = {f"input_{index}": values for index, values in enumerate(done.samples)}
    arrays.update({f"output_{index}": values for index, values in enumerate(done.results)})
    names = np.array([spec.name for spec in done.inputs])
    np.savez(path, input_names=names, allow_pickle=False, **arrays)
