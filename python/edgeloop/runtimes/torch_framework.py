"""A PyTorch module behind edgeloop's framework loops, on the CPU or on another device."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Callable, Optional

import numpy as np

from edgeloop.errors import ModelError, NotAvailableError, UsageError
from edgeloop.runtimes.protocol import Framework
from edgeloop.spec.load import TensorSpec

_CUDA = re.compile(r"cuda(:\d{1,3})?")

DTYPES = (
    *("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float16", "float32", "float64"),
)
CPU = "cpu"

_Array = np.ndarray[Any, Any]


class TorchFramework(Framework):
    """A module with its inputs in tensors that stay where they are.

    Inference mode is a property of the thread. It is entered inside the timed region, in every
    loop, so that the same work is done whichever thread calls, and none is left in another mode.
    On a GPU a call returns before its work is done: there every loop ends with the wait for it.
    """

    def __init__(
        self,
        torch: Any,
        module: Any,
        inputs: Sequence[TensorSpec],
        *,
        keywords: Sequence[str] = (),
        notes: Sequence[str] = (),
        device: str = CPU,
        device_name: Optional[str] = None,
        code: str = "module(*inputs)",
    ) -> None:
        """`keywords` name the last inputs, `code` is what the loops run, in words.

        `device_name` is the GPU's model, for the result; None for the CPU.
        """
        self.inputs = tuple(inputs)
        self.notes = tuple(notes)
        self.device = device_name
        self._torch = torch
        self._module = module
        self._keywords = tuple(keywords)
        self._positional = len(self.inputs) - len(self._keywords)
        self._inference = torch.inference_mode()
        self._device = device
        self._synchronize: Callable[[], object] = partial(torch.cuda.synchronize, device)
        self._tensors = input_tensors(torch, self.inputs, device)
        self._arrays: list[_Array] = [np.zeros(spec.shape, spec.dtype) for spec in self.inputs]
        self._call = self._bound(self._tensors)
        self._result: object = None
        on_cpu = device == CPU
        self.invoke = self._invoke if on_cpu else self._invoke_and_wait
        self.invoke_io = self._invoke_io if on_cpu else self._invoke_io_and_wait
        self.timed_region = _regions(code) if on_cpu else _device_regions(code, device, device_name)

    def _invoke(self) -> object:
        """Run the module on the tensors that are set."""
        with self._inference:
            self._result = self._call()
        return self._result

    def _invoke_and_wait(self) -> object:
        """Run the module on the device's tensors and wait until the device is done."""
        with self._inference:
            self._result = self._call()
            self._synchronize()
        return self._result

    def _invoke_io(self) -> object:
        """Run from NumPy arrays to NumPy arrays, which share the tensors' memory."""
        with self._inference:
            tensors = [self._torch.from_numpy(array) for array in self._arrays]
            self._result = self._bound(tensors)()
            return [tensor.numpy() for tensor in tensors_of(self._torch, self._result)]

    def _invoke_io_and_wait(self) -> object:
        """Run from NumPy arrays to NumPy arrays, by way of the device's memory."""
        with self._inference:
            tensors = [self._torch.from_numpy(array).to(self._device) for array in self._arrays]
            self._result = self._bound(tensors)()
            arrays = [tensor.cpu().numpy() for tensor in tensors_of(self._torch, self._result)]
            self._synchronize()
        return arrays

    def set_inputs(self, arrays: Sequence[_Array]) -> None:
        """Give one array per input, of exactly its dtype and shape."""
        # PyTorch has no read-only tensors, and compiled code trusts the strides of a fresh array,
        # also those along dimensions of one element.
        self._arrays = [np.array(array, order="C", copy=True) for array in arrays]
        for tensor, array in zip(self._tensors, self._arrays):
            tensor.copy_(self._torch.from_numpy(array))

    def outputs(self) -> list[_Array]:
        """Copy the outputs of the last invocation: every tensor of the result, in its order."""
        return [array_of(tensor) for tensor in tensors_of(self._torch, self._result)]

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs of the last invocation."""
        return names_of(self._torch, self._result)

    def _bound(self, tensors: Sequence[Any]) -> partial[object]:
        positional = self._positional
        return partial(
            self._module, *tensors[:positional], **dict(zip(self._keywords, tensors[positional:]))
        )


def input_tensors(torch: Any, inputs: Sequence[TensorSpec], device: str = CPU) -> list[Any]:
    """Return a tensor of zeros for each input, its strides those of a dense tensor."""
    return [
        torch.zeros(spec.shape, dtype=getattr(torch, spec.dtype), device=device) for spec in inputs
    ]


def tensors_of(torch: Any, result: object) -> Iterator[Any]:
    """Yield the tensors of a result, which may be a tensor, a sequence or a mapping of them."""
    if isinstance(result, torch.Tensor):
        yield result
    elif isinstance(result, Mapping):
        for item in result.values():
            yield from tensors_of(torch, item)
    elif isinstance(result, (tuple, list)):
        for item in result:
            yield from tensors_of(torch, item)


def names_of(torch: Any, result: object) -> list[str]:
    """Name the tensors of a result, in the order of `tensors_of`.

    Keys of a dictionary are names. PyTorch has no others: one is "output", several are numbered.
    """
    if isinstance(result, Mapping) and all(isinstance(v, torch.Tensor) for v in result.values()):
        return [str(key) for key in result]
    count = sum(1 for _ in tensors_of(torch, result))
    return ["output"] if count == 1 else [f"output_{index}" for index in range(count)]


def array_of(tensor: Any) -> _Array:
    """Copy a tensor. Raises ModelError for a dtype that edgeloop cannot read."""
    dtype = str(tensor.dtype).replace("torch.", "", 1)
    if dtype not in DTYPES:
        raise ModelError(
            f"an output of the model is {dtype}, which edgeloop cannot read; export the model "
            "with float32 or integer outputs"
        )
    return np.array(tensor.cpu().numpy())


def _regions(code: str) -> dict[str, str]:
    call = f"with torch.inference_mode(): {code}"
    return {
        "callable": f"{call}, in a method that C++ calls by vectorcall",
        "framework": call,
        "framework-io": (
            f"with torch.inference_mode(): torch.from_numpy per input, {code}, Tensor.numpy() per "
            "output"
        ),
    }


def _device_regions(code: str, device: str, name: Optional[str]) -> dict[str, str]:
    wait = f"torch.cuda.synchronize('{device}')"
    call = f"with torch.inference_mode(): {code} on {device} ({name}), {wait}"
    return {
        "callable": f"{call}, in a method that C++ calls by vectorcall",
        "framework": call,
        "framework-io": (
            f"with torch.inference_mode(): torch.from_numpy and Tensor.to('{device}') per input, "
            f"{code} on {name}, Tensor.cpu().numpy() per output, {wait}"
        ),
    }


def require_form(device: str) -> None:
    """Raise UsageError where it is neither cpu nor cuda[:N]."""
    if device != CPU and not _CUDA.fullmatch(device):
        raise UsageError(f"unknown device '{device}'; write cpu, cuda or cuda:1")


def require_device(torch: Any, device: Optional[str]) -> str:
    """Return the device with its number, or "cpu".

    Raises NotAvailableError with PyTorch's reason where it is not there.
    """
    if device is None or device == CPU:
        return CPU
    require_form(device)
    if not torch.cuda.is_available():
        reason = "it was built without CUDA"
        if torch.version.cuda is not None:
            reason = f"it was built for CUDA {torch.version.cuda} and finds no usable GPU or driver"
        raise NotAvailableError(
            f"PyTorch {torch.__version__} cannot use {device}: {reason}; check nvidia-smi, or "
            "leave --device out"
        )
    number = int(device.partition(":")[2] or 0)
    count = torch.cuda.device_count()
    if number >= count:
        raise NotAvailableError(
            f"there is no {device}: PyTorch finds {count} CUDA device(s), from cuda:0"
        )
    return f"cuda:{number}"


def device_name(torch: Any, device: str) -> Optional[str]:
    """Return the GPU's model; None for the CPU."""
    return None if device == CPU else str(torch.cuda.get_device_name(device))
