"""PyTorch in eager Python, for every file kind from which a module can be had."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from typing import Any, Optional

import numpy as np

from edgeloop import _core
from edgeloop.errors import ModelError, NotAvailableError, UsageError
from edgeloop.runtimes._base import (
    Framework,
    Installation,
    LoadOptions,
    OperatorProfiler,
    TensorSpec,
)
from edgeloop.runtimes._shape import asked_shapes, fixed_shapes, shape_text
from edgeloop.runtimes._torch_files import DeclaredInput, LoadedModule, load_module
from edgeloop.runtimes._torch_profiler import TorchProfiler

_UNKNOWN = "unknown"
_DEFAULT_DTYPE = "float32"
_DTYPES = (
    *("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float32", "float64"),
)
_NO_NATIVE = (
    "TorchScript and eager PyTorch have no C interface that a native loop could call; compile the "
    "model with AOTInductor, or convert it to ONNX, to measure it without Python"
)

_Array = np.ndarray[Any, Any]


class TorchFramework:
    """A module with its inputs in tensors that stay where they are.

    Inference mode is a property of the thread. It is entered inside the timed region, in every
    loop, so that the same work is done whichever thread calls, and none is left in another mode.
    """

    def __init__(self, torch: Any, loaded: LoadedModule, inputs: Sequence[TensorSpec]) -> None:
        self.inputs = tuple(inputs)
        self.notes = loaded.notes
        self._torch = torch
        self._module = loaded.module
        self._keywords = loaded.keywords
        self._positional = len(self.inputs) - len(loaded.keywords)
        self._inference = torch.inference_mode()
        self._tensors = [
            torch.zeros(spec.shape, dtype=getattr(torch, spec.dtype)) for spec in self.inputs
        ]
        self._arrays: list[_Array] = [np.zeros(spec.shape, spec.dtype) for spec in self.inputs]
        self._call = self._bound(self._tensors)
        self._result: object = None

    def invoke(self) -> object:
        """Run the module on the tensors that are set."""
        with self._inference:
            self._result = self._call()
        return self._result

    def invoke_io(self) -> object:
        """Run from NumPy arrays to NumPy arrays, which share the tensors' memory."""
        with self._inference:
            tensors = [self._torch.from_numpy(array) for array in self._arrays]
            self._result = self._bound(tensors)()
            return [tensor.numpy() for tensor in tensors_of(self._torch, self._result)]

    def set_inputs(self, arrays: Sequence[_Array]) -> None:
        """Give one array per input, of exactly its dtype and shape."""
        # PyTorch has no read-only tensors.
        self._arrays = [array if array.flags.writeable else array.copy() for array in arrays]
        for tensor, array in zip(self._tensors, self._arrays):
            tensor.copy_(self._torch.from_numpy(array))

    def outputs(self) -> list[_Array]:
        """Copy the outputs of the last invocation: every tensor of the result, in its order."""
        return [_array(tensor) for tensor in tensors_of(self._torch, self._result)]

    def _bound(self, tensors: Sequence[Any]) -> partial[object]:
        positional = self._positional
        return partial(
            self._module, *tensors[:positional], **dict(zip(self._keywords, tensors[positional:]))
        )


class TorchRuntime:
    """PyTorch models on the CPU, through Python."""

    name = "torch"
    formats = ("pytorch",)
    loops = ("callable", "framework", "framework-io")
    missing_loops: Mapping[str, str] = {"native": _NO_NATIVE, "binding": _NO_NATIVE}
    timed_region: Mapping[str, str] = {
        "callable": (
            "with torch.inference_mode(): module(*inputs), in a method that C++ calls by vectorcall"
        ),
        "framework": "with torch.inference_mode(): module(*inputs)",
        "framework-io": (
            "with torch.inference_mode(): torch.from_numpy per input, module(*inputs), "
            "Tensor.numpy() per output"
        ),
    }
    settings = ("input-dtype",)
    delegates: tuple[str, ...] = ()
    attaches = False
    profiled_loop = "framework"
    install_hint = "pip install torch --index-url https://download.pytorch.org/whl/cpu"

    def find(self, library: Optional[str] = None) -> Installation:
        """Locate the package. Raises NotAvailableError."""
        if library:
            raise NotAvailableError(
                f"torch runs the package's own libraries, not {library}; leave --library out"
            )
        spec = find_spec("torch")
        if spec is None or spec.origin is None:  # no origin: a folder that merely has this name
            raise NotAvailableError(
                f"the torch package is not installed in {sys.executable}; install it with "
                f"'{self.install_hint}'"
            )
        try:
            version = metadata.version("torch")
        except metadata.PackageNotFoundError:
            version = _UNKNOWN
        return Installation(version, None, "the torch package")

    def import_packages(self, loops: Sequence[str]) -> None:
        """Import torch: every loop needs it."""
        del loops
        import_package()

    def load_engine(self, options: LoadOptions, framework: Optional[Framework]) -> _core.Engine:
        """Raise UsageError: there is no native loop."""
        del options, framework
        raise UsageError(f"torch has no native loop: {_NO_NATIVE}")

    def load_framework(self, options: LoadOptions) -> TorchFramework:
        """Load the module and fix its input shapes."""
        dtype = setting_dtype(options)
        torch = import_package()
        notes = _set_threads(torch, options.threads)
        loaded = load_module(torch, options)
        loaded = replace(loaded, notes=(*loaded.notes, *notes))
        for note in loaded.notes:
            print(f"edgeloop: {options.model}: {note}", file=sys.stderr)
        return TorchFramework(torch, loaded, input_specs(loaded.inputs, options, dtype))

    def operator_profiler(
        self, engine: Optional[_core.Engine], framework: Optional[Framework]
    ) -> OperatorProfiler:
        """Return PyTorch's own profiler."""
        del engine, framework
        return TorchProfiler(import_package())


def import_package() -> Any:
    """Import torch. Raises NotAvailableError where it is not here or does not load."""
    try:
        return importlib.import_module("torch")
    except (ImportError, OSError) as error:  # OSError: a library of the package does not load
        raise NotAvailableError(
            f"the torch package cannot be imported in {sys.executable}: {error}; install it with "
            f"'{TorchRuntime.install_hint}'"
        ) from error


def _set_threads(torch: Any, threads: int) -> list[str]:
    """Fix both pools; PyTorch allows the second one only once in a process."""
    torch.set_num_threads(threads)
    if torch.get_num_interop_threads() == 1:
        return []
    try:
        torch.set_num_interop_threads(1)
    except RuntimeError:
        note = (
            f"the pool between operators keeps its {torch.get_num_interop_threads()} threads, "
            "because it was in use already; a plain forward pass does not use it"
        )
        return [note]
    return []


def setting_dtype(options: LoadOptions) -> str:
    """Return the dtype of inputs whose file does not say it. Raises UsageError."""
    for key, value in options.settings.items():
        if key not in TorchRuntime.settings:
            raise UsageError(
                f"torch has no setting '{key}={value}'; known: {', '.join(TorchRuntime.settings)}"
            )
    dtype = options.settings.get("input-dtype", _DEFAULT_DTYPE)
    if dtype not in _DTYPES:
        raise UsageError(f"torch: input-dtype={dtype} is not one of {', '.join(_DTYPES)}")
    return dtype


def input_specs(
    inputs: Sequence[DeclaredInput], options: LoadOptions, dtype: str
) -> list[TensorSpec]:
    """Fix the shapes of the inputs. Raises UsageError where one stays open."""
    asked = asked_shapes([item.name for item in inputs], options)
    declared: dict[str, Sequence[Optional[int]]] = {}
    for item in inputs:
        shape = item.shape if item.shape is not None else asked.get(item.name)
        if shape is None:
            raise UsageError(
                f"{options.model} does not say the shape of input '{item.name}'; give it with "
                f"--shape {item.name}=1x3x224x224"
            )
        declared[item.name] = shape
    shapes = fixed_shapes(declared, options)
    specs = []
    for item in inputs:
        _require_allowed(item, shapes[item.name])
        held = item.dtype or dtype
        if held not in _DTYPES:
            raise ModelError(
                f"the model's input '{item.name}' is {held}, which edgeloop cannot fill; export "
                "the model with float32 or integer inputs"
            )
        specs.append(TensorSpec(item.name, held, shapes[item.name]))
    return specs


def _require_allowed(item: DeclaredInput, shape: Sequence[int]) -> None:
    if item.static is None:
        return
    if any(size not in (None, wanted) for size, wanted in zip(item.static, shape)):
        raise UsageError(
            f"the model fixes its input '{item.name}' to {shape_text(item.static)}, so it cannot "
            f"run as {shape_text(shape)}; export it with that dimension dynamic"
        )


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


def _array(tensor: Any) -> _Array:
    dtype = str(tensor.dtype).replace("torch.", "", 1)
    if dtype not in _DTYPES:
        raise ModelError(
            f"an output of the model is {dtype}, which edgeloop cannot read; export the model "
            "with float32 or integer outputs"
        )
    return np.array(tensor.numpy())


RUNTIME = TorchRuntime()
