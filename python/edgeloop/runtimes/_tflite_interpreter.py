"""The classic Python interpreter that tflite-runtime and ai-edge-litert share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional, TypeVar

import numpy as np

from edgeloop import _core
from edgeloop.errors import EdgeloopError, ModelError, RuntimeFailedError, one_line
from edgeloop.runtimes._external_delegates import external_delegates, names_of
from edgeloop.runtimes.protocol import Framework
from edgeloop.runtimes.shape import fixed_shapes, shape_text
from edgeloop.spec.load import LoadOptions, TensorSpec

_DTYPES = (
    *("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float16", "float32", "float64"),
)

_Array = np.ndarray[Any, Any]


class InterpreterFramework(Framework):
    """An Interpreter with its tensors allocated."""

    def __init__(
        self, interpreter: Any, delegates: Sequence[_core.TfliteExternalDelegate] = ()
    ) -> None:
        self._interpreter = interpreter
        self.delegates = tuple(delegates)
        inputs = interpreter.get_input_details()
        outputs = interpreter.get_output_details()
        self.inputs = tuple(_spec_of(detail, "input") for detail in inputs)
        self.output_specs = tuple(_spec_of(detail, "output") for detail in outputs)
        self.input_numbers = [int(detail["index"]) for detail in inputs]
        self.output_numbers = [int(detail["index"]) for detail in outputs]
        self._arrays: list[_Array] = []
        self.set_inputs([np.zeros(spec.shape, spec.dtype) for spec in self.inputs])
        self.invoke: Callable[[], object] = interpreter.invoke

    def set_inputs(self, arrays: Sequence[_Array]) -> None:
        """Give one array per input, of exactly its dtype and shape."""
        self._arrays = list(arrays)
        for number, array in zip(self.input_numbers, self._arrays):
            self._interpreter.set_tensor(number, array)

    def outputs(self) -> list[_Array]:
        """Copy the outputs of the last invocation, in the model's order."""
        return [self._interpreter.get_tensor(number) for number in self.output_numbers]

    def invoke_io(self) -> object:
        """Set the inputs, run, fetch the outputs: each a copy."""
        interpreter = self._interpreter
        for number, array in zip(self.input_numbers, self._arrays):
            interpreter.set_tensor(number, array)
        interpreter.invoke()
        return [interpreter.get_tensor(number) for number in self.output_numbers]

    def placement(self) -> Optional[list[_core.Partition]]:
        """Return who runs which node, by a probe that the interpreter holds from then on."""
        interpreter = self._interpreter
        if not hasattr(interpreter, "edgeloop_probe"):
            interpreter.edgeloop_probe = _core.TfliteProbe()
            for delegate in self.delegates:
                address = delegate._get_native_delegate_pointer()
                interpreter.edgeloop_probe.expect(address, delegate.name)
            interpreter._interpreter.ModifyGraphWithDelegate(interpreter.edgeloop_probe.address)
        placement: Optional[list[_core.Partition]] = interpreter.edgeloop_probe.placement()
        return placement


_Made = TypeVar("_Made", bound=InterpreterFramework)


def load_interpreter(
    package: Any,
    options: LoadOptions,
    runtime: str,
    make: Callable[..., _Made],
    observe: Callable[[Any], None] = lambda interpreter: None,
) -> _Made:
    """Make an interpreter with delegates, fixed input shapes and allocated tensors.

    `observe` gets it before its tensors are allocated, when XNNPACK is applied.
    Raises ModelError, or RuntimeFailedError where external delegates have a part in it.
    """
    external = external_delegates(options)
    delegates = [_core.TfliteExternalDelegate(*delegate) for delegate in external]
    resolvers = package.OpResolverType
    try:
        interpreter = package.Interpreter(
            model_path=options.model,
            num_threads=options.threads,
            experimental_delegates=delegates or None,
            experimental_op_resolver_type=resolvers.AUTO
            if options.xnnpack
            else resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        observe(interpreter)
        fix_shapes(interpreter, options, runtime)
        interpreter.allocate_tensors()
        return make(interpreter, delegates)
    except (ValueError, RuntimeError) as error:
        words = one_line(str(error))
        raise _refusal(options, runtime, words, names_of(external) if external else "") from error


def _refusal(options: LoadOptions, runtime: str, words: str, delegates: str) -> EdgeloopError:
    if delegates:
        return RuntimeFailedError(
            f"{runtime} cannot load the model {options.model} with {delegates}: {words}"
        )
    return ModelError(f"{runtime} cannot load the model {options.model}: {words}")


def fix_shapes(interpreter: Any, options: LoadOptions, runtime: str) -> None:
    """Resize the inputs to what was asked for. Raises UsageError, ModelError."""
    details = interpreter.get_input_details()
    declared = {
        detail["name"]: [None if dim < 0 else int(dim) for dim in detail["shape_signature"]]
        for detail in details
    }
    shapes = fixed_shapes(declared, options)
    for detail in details:
        shape = shapes[detail["name"]]
        if shape == tuple(detail["shape"]):
            continue
        try:
            interpreter.resize_tensor_input(detail["index"], shape)
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"{runtime}: the model {options.model} cannot take {shape_text(shape)} as "
                f"the shape of input '{detail['name']}': {error}"
            ) from error


def _spec_of(detail: Mapping[str, Any], role: str) -> TensorSpec:
    quantization = detail["quantization_parameters"]
    return TensorSpec(
        name=detail["name"],
        dtype=_dtype_of(detail, role),
        shape=tuple(int(dim) for dim in detail["shape"]),
        scales=tuple(float(scale) for scale in quantization["scales"]),
        zero_points=tuple(int(point) for point in quantization["zero_points"]),
        axis=int(quantization["quantized_dimension"]),
    )


def _dtype_of(detail: Mapping[str, Any], role: str) -> str:
    dtype = str(np.dtype(detail["dtype"]).name)
    if dtype not in _DTYPES:
        held = "string" if dtype == "bytes" else dtype
        raise ModelError(
            f"the model's {role} '{detail['name']}' holds {held}, which edgeloop cannot read or "
            "write; convert the model with float32 or integer inputs and outputs"
        )
    return dtype
