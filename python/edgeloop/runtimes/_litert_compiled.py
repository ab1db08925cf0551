"""LiteRT's CompiledModel in Python, with its buffers, as the framework loops run it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from edgeloop.runtimes.protocol import Framework
from edgeloop.spec.load import TensorSpec

SIGNATURE = 0
_TRANSFERABLE = ("float32", "int32", "int8", "uint8")  # what every TensorBuffer.write accepts

_WAITS = "a GPU's run is over when they are read"
_GPU_REGION = {
    "callable": "CompiledModel.run_by_index and TensorBuffer.read per output, called by vectorcall "
    f"from C++: {_WAITS}",
    "framework": f"CompiledModel.run_by_index and TensorBuffer.read per output: {_WAITS}",
}

_Array = np.ndarray[Any, Any]


class LiteRtFramework(Framework):
    """A CompiledModel with one set of buffers."""

    def __init__(
        self,
        model: Any,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        *,
        gpu: bool = False,
    ) -> None:
        """Make the buffers of a compiled model.

        `gpu`: it runs on a GPU, where `run_by_index` returns when the work is queued and only
        reading an output waits for it; so every loop reads them.
        """
        self.inputs = tuple(inputs)
        self.output_specs = tuple(outputs)
        self._model = model
        # Until the shapes of the outputs were asked for once, buffers come too small for those that
        # the model file leaves open, and the runtime writes past them.
        details = _details(model, "output")
        self._shapes = [tuple(detail["shape"]) for detail in details]
        self._dtypes = [np.dtype(spec.dtype) for spec in outputs]
        self._input_buffers = model.create_input_buffers(SIGNATURE)
        self._output_buffers = model.create_output_buffers(SIGNATURE)
        self._share_passed_through(_details(model, "input"), details)
        self._reads = [
            (buffer, *_transfer(math.prod(shape), dtype))
            for buffer, shape, dtype in zip(self._output_buffers, self._shapes, self._dtypes)
        ]
        self._written: list[_Array] = []
        self.set_inputs([np.zeros(spec.shape, spec.dtype) for spec in self.inputs])
        self.invoke: Callable[[], object] = partial(
            model.run_by_index, SIGNATURE, self._input_buffers, self._output_buffers
        )
        self.timed_region: Mapping[str, str] = {}
        if gpu:
            self.invoke = self._run_and_read
            self.timed_region = _GPU_REGION

    def _share_passed_through(
        self, inputs: Sequence[Mapping[str, Any]], outputs: Sequence[Mapping[str, Any]]
    ) -> None:
        """Give an output that is an input its buffer: a tensor has only one."""
        places = [detail["index"] for detail in inputs]
        for number, detail in enumerate(outputs):
            if detail["index"] in places:
                self._output_buffers[number] = self._input_buffers[places.index(detail["index"])]

    def set_inputs(self, arrays: Sequence[_Array]) -> None:
        """Give one array per input, of exactly its dtype and shape."""
        self._written = [_transferable(array) for array in arrays]
        for buffer, array in zip(self._input_buffers, self._written):
            buffer.write(array)

    def outputs(self) -> list[_Array]:
        """Copy the outputs of the last invocation, in the model's order."""
        return [
            buffer.read(count, dtype).view(true_dtype).reshape(shape)
            for (buffer, count, dtype), true_dtype, shape in zip(
                self._reads, self._dtypes, self._shapes
            )
        ]

    def invoke_io(self) -> object:
        """Write the inputs, run, read the outputs: each a copy."""
        for buffer, array in zip(self._input_buffers, self._written):
            buffer.write(array)
        return self._run_and_read()

    def _run_and_read(self) -> object:
        self._model.run_by_index(SIGNATURE, self._input_buffers, self._output_buffers)
        return [buffer.read(count, dtype) for buffer, count, dtype in self._reads]


def _details(model: Any, role: str) -> list[Mapping[str, Any]]:
    """Describe the inputs or the outputs, in the order of their buffers."""
    key, names = next(iter(model.get_signature_list().items()))
    details = getattr(model, f"get_{role}_tensor_details")(key)
    return [details[name] for name in names[f"{role}s"]]


def _transfer(count: int, dtype: np.dtype[Any]) -> tuple[int, np.dtype[Any]]:
    """Return count and type for TensorBuffer.read; what it does not know goes as bytes."""
    if dtype.name in _TRANSFERABLE:
        return count, dtype
    return count * dtype.itemsize, np.dtype("uint8")


def _transferable(array: _Array) -> _Array:
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat if flat.dtype.name in _TRANSFERABLE else flat.view(np.uint8)
