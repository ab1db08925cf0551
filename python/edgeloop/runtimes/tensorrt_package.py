"""A TensorRT plan through the tensorrt package, as its users write it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np

from edgeloop.errors import ModelError, NotAvailableError, RuntimeFailedError, UsageError
from edgeloop.models.opaque_file import plan_version
from edgeloop.runtimes.cuda_runtime import CudaMemory, CudaRuntime
from edgeloop.runtimes.nvidia_libraries import find_cudart
from edgeloop.runtimes.protocol import Framework
from edgeloop.runtimes.shape import fixed_shapes, shape_text
from edgeloop.spec.load import LoadOptions, TensorSpec

_Array = np.ndarray[Any, Any]


def import_tensorrt() -> Any:
    """Import the package. Raises NotAvailableError."""
    try:
        return importlib.import_module("tensorrt")
    except (ImportError, OSError) as error:  # OSError: a library of the package does not load
        raise NotAvailableError(
            f"the tensorrt package cannot be imported in {sys.executable}: {error}; JetPack has it "
            "for its own Python ('apt install python3-libnvinfer'), elsewhere 'pip install "
            "tensorrt'"
        ) from error


class TensorRtFramework(Framework):
    """A plan with its memory, run by the package's execution context.

    Packages before 8.5 know tensors by number only, newer ones (from 10 on) by name only.
    """

    def __init__(self, options: LoadOptions, copies: bool) -> None:
        trt = import_tensorrt()
        self._cuda = CudaRuntime(find_cudart())
        self._logger = package_logger(trt)
        self._runtime = trt.Runtime(self._logger)
        self._engine = _deserialized(trt, self._runtime, options.model, self._logger.said)
        self._names = _Names(trt, self._engine)
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise RuntimeFailedError(
                f"no execution context can be made: {joined(self._logger.said)}"
            )
        self._stream = self._cuda.stream()
        self._fix_inputs(options)
        self._inputs = self._memory(self._names.inputs)
        self._outputs = self._memory(self._names.outputs)
        self.inputs = tuple(
            TensorSpec(name, str(memory.array.dtype), memory.array.shape)
            for name, memory in self._inputs.items()
        )
        self._arrays: list[_Array] = [memory.array.copy() for memory in self._inputs.values()]
        self._enqueue = self._names.bound(
            self._context, {**self._inputs, **self._outputs}, self._stream.handle
        )
        self.device = self._cuda.device_name()
        self.invoke = self._run_with_copies if copies else self._run
        self.timed_region = _regions(self._names.call, copies)

    def invoke_io(self) -> list[_Array]:
        """Run from NumPy arrays to new NumPy arrays."""
        for memory, array in zip(self._inputs.values(), self._arrays):
            np.copyto(memory.array, array)
        self._run_with_copies()
        return [memory.array.copy() for memory in self._outputs.values()]

    def set_inputs(self, arrays: Sequence[_Array]) -> None:
        """Give one array per input, of exactly its dtype and shape."""
        self._arrays = list(arrays)
        for memory, array in zip(self._inputs.values(), arrays):
            np.copyto(memory.array, array)
            memory.upload(self._stream)
        self._stream.wait()

    def outputs(self) -> list[_Array]:
        """Copy the outputs of the last invocation, in the plan's order."""
        for memory in self._outputs.values():
            memory.download(self._stream)
        self._stream.wait()
        return [memory.array.copy() for memory in self._outputs.values()]

    def _run(self) -> None:
        if not self._enqueue():
            raise RuntimeFailedError(f"{self._names.call} failed: {joined(self._logger.said)}")
        self._stream.wait()

    def _run_with_copies(self) -> None:
        for memory in self._inputs.values():
            memory.upload(self._stream)
        if not self._enqueue():
            raise RuntimeFailedError(f"{self._names.call} failed: {joined(self._logger.said)}")
        for memory in self._outputs.values():
            memory.download(self._stream)
        self._stream.wait()

    def _fix_inputs(self, options: LoadOptions) -> None:
        declared: dict[str, list[Optional[int]]] = {
            name: [None if dim < 0 else int(dim) for dim in self._names.declared(name)]
            for name in self._names.inputs
        }
        for name, shape in fixed_shapes(declared, options).items():
            del self._logger.said[:]
            if not self._names.set_shape(self._context, name, shape):
                raise UsageError(
                    f"input '{name}' cannot be {shape_text(shape)}: the plan has "
                    f"{shape_text(declared[name])} (TensorRT says: {joined(self._logger.said)})"
                )

    def _memory(self, names: Sequence[str]) -> dict[str, CudaMemory]:
        memory = {}
        for name in names:
            shape = tuple(int(dim) for dim in self._names.shape(self._context, name))
            if any(dim < 0 for dim in shape):
                raise ModelError(
                    f"the shape of output '{name}' is decided by the data ({shape_text(shape)}), "
                    "which this runtime does not run; end the model before the operator that "
                    "decides it"
                )
            dtype = np.dtype(self._names.dtype(name))
            if dtype == np.float16:
                raise ModelError(
                    f"'{name}' is float16, which edgeloop cannot fill; build the plan with float32 "
                    "inputs and outputs"
                )
            memory[name] = self._cuda.memory(shape, dtype)
        return memory


class _Names:
    """A plan's tensors by their names, in either generation of the interface."""

    def __init__(self, trt: Any, engine: Any) -> None:
        self._trt, self._engine = trt, engine
        self._by_name = hasattr(engine, "num_io_tensors")
        if self._by_name:
            names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
            is_input = [engine.get_tensor_mode(n) == trt.TensorIOMode.INPUT for n in names]
        else:
            count = engine.num_bindings // max(1, engine.num_optimization_profiles)
            names = [engine.get_binding_name(i) for i in range(count)]
            is_input = [engine.binding_is_input(i) for i in range(count)]
        self._index = {name: index for index, name in enumerate(names)}
        self.inputs = [name for name, yes in zip(names, is_input) if yes]
        self.outputs = [name for name, yes in zip(names, is_input) if not yes]
        self.call = "execute_async_v3" if self._by_name else "execute_async_v2"

    def declared(self, name: str) -> Sequence[int]:
        if self._by_name:
            return tuple(self._engine.get_tensor_shape(name))
        return tuple(self._engine.get_binding_shape(self._index[name]))

    def dtype(self, name: str) -> Any:
        if self._by_name:
            return self._trt.nptype(self._engine.get_tensor_dtype(name))
        return self._trt.nptype(self._engine.get_binding_dtype(self._index[name]))

    def set_shape(self, context: Any, name: str, shape: Sequence[int]) -> bool:
        if self._by_name:
            return bool(context.set_input_shape(name, tuple(shape)))
        return bool(context.set_binding_shape(self._index[name], tuple(shape)))

    def shape(self, context: Any, name: str) -> Sequence[int]:
        if self._by_name:
            return tuple(context.get_tensor_shape(name))
        return tuple(context.get_binding_shape(self._index[name]))

    def bound(self, context: Any, memory: Mapping[str, CudaMemory], stream: int) -> Any:
        """Return the call that puts one inference on the stream."""
        if self._by_name:
            for name, item in memory.items():
                context.set_tensor_address(name, item.address)
            enqueue = context.execute_async_v3
            return lambda: enqueue(stream)
        addresses = [memory[name].address for name in self._index]
        enqueue = context.execute_async_v2
        return lambda: enqueue(addresses, stream)


def package_logger(trt: Any) -> Any:
    """Return a logger that keeps errors in `said` and prints warnings for the worker's log."""

    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.said: list[str] = []

        def log(self, severity: Any, words: str) -> None:
            if severity in (trt.ILogger.Severity.INTERNAL_ERROR, trt.ILogger.Severity.ERROR):
                self.said.append(words)
            elif severity != trt.ILogger.Severity.WARNING:
                return
            print(f"TensorRT: {words}", file=sys.stderr)

    return Logger()


def _deserialized(trt: Any, runtime: Any, model: str, said: list[str]) -> Any:
    try:
        plan = Path(model).read_bytes()
    except OSError as error:
        raise ModelError(f"{model} cannot be read: {error.strerror or error}") from error
    if not plan.startswith(b"ftrt"):
        raise ModelError(
            f"{model} is not a TensorRT plan; make one with 'edgeloop convert MODEL.onnx --to "
            "tensorrt'"
        )
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise ModelError(
            f"{model} cannot be loaded: TensorRT {plan_version(plan) or '?'} made it, this is "
            f"TensorRT {trt.__version__}, and a plan runs where it was made; build it again here "
            f"(TensorRT says: {joined(said)})"
        )
    return engine


def joined(said: Sequence[str]) -> str:
    """Return what TensorRT said as one sentence."""
    return "; ".join(" ".join(words.split()) for words in said) or "TensorRT gives no reason"


def _regions(call: str, copies: bool) -> dict[str, str]:
    both = "cudaMemcpyAsync of the inputs, {}, cudaMemcpyAsync of the outputs"
    around = both.format(call) if copies else call
    framework = f"{around}, cudaStreamSynchronize by ctypes"
    if not copies:
        framework += "; the copies to and from the device are outside"
    inside = f"numpy.copyto per input, {both.format(call)}, cudaStreamSynchronize, copy per output"
    return {
        "callable": f"{framework}, in a method that C++ calls by vectorcall",
        "framework": framework,
        "framework-io": inside,
    }
