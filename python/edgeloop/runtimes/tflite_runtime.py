"""The tflite-runtime package: its Python interpreter, and a native loop over that very object."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Optional

import numpy as np

from edgeloop import _core
from edgeloop.errors import ModelError, NotAvailableError, UsageError
from edgeloop.runtimes._base import Framework, Installation, LoadOptions, TensorSpec
from edgeloop.runtimes._shape import fixed_shapes, shape_text

_PACKAGE = "tflite_runtime"
_DISTRIBUTIONS = ("tflite-runtime", "tflite-runtime-nightly")
_EXTENSION = "_pywrap_tensorflow_interpreter_wrapper*.so"
_UNKNOWN = "unknown"
_FIRST_INCOMPATIBLE_NUMPY = 2  # the last wheel was built against the C API of NumPy 1

_DTYPES = (
    *("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float32", "float64"),
)

_Array = np.ndarray[Any, Any]


class TfliteRuntimeFramework:
    """A tflite_runtime.interpreter.Interpreter with its tensors allocated."""

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter
        inputs = interpreter.get_input_details()
        outputs = interpreter.get_output_details()
        for detail in outputs:
            _dtype_of(detail, "output")
        self.inputs = tuple(_spec_of(detail) for detail in inputs)
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

    def attach(self, installation: Installation) -> _core.Engine:
        """Return an engine that runs this very interpreter, whose inputs become zero.

        The interpreter holds the attachment, because it remembers the probe's address; the engine
        holds the interpreter.
        """
        assert installation.library is not None
        interpreter = self._interpreter
        if not hasattr(interpreter, "edgeloop_attachment"):
            interpreter.edgeloop_attachment = _core.TfliteAttachment(
                library=installation.library,
                version=installation.version,
                interpreter=interpreter._native_handle(),
                inputs=self.input_numbers,
                outputs=self.output_numbers,
            )
            # Its own name is not kept: invoke() refuses to run while anything else holds it.
            interpreter._interpreter.ModifyGraphWithDelegate(interpreter.edgeloop_attachment.probe)
        return _core.create_engine(
            "tflite-runtime",
            handle=interpreter.edgeloop_attachment.handle,
            keep_alive=interpreter,
        )


class TfliteRuntimeRuntime:
    """TFLite models on the interpreter of the tflite-runtime package."""

    name = "tflite-runtime"
    formats = ("tflite",)
    loops = ("native", "binding", "callable", "framework", "framework-io")
    missing_loops: Mapping[str, str] = {}
    timed_region: Mapping[str, str] = {
        "native": "tflite::Interpreter::Invoke of the Python object's own interpreter",
        "binding": "_core.Engine.run(): tflite::Interpreter::Invoke of the same interpreter",
        "callable": "Interpreter.invoke(), called by vectorcall from C++",
        "framework": "Interpreter.invoke()",
        "framework-io": "Interpreter.set_tensor per input, invoke(), get_tensor per output",
    }
    settings: tuple[str, ...] = ()
    delegates = ("xnnpack",)
    attaches = True
    install_hint = "pip install tflite-runtime 'numpy<2' (Python 3.11 or older)"

    def find(self, library: Optional[str] = None) -> Installation:
        """Locate the package and its extension. Raises NotAvailableError."""
        if library:
            raise NotAvailableError(
                f"tflite-runtime runs the package's own library, not {library}; leave --library "
                "out, or measure it with --runtime tflite"
            )
        spec = find_spec(_PACKAGE)
        if spec is None or spec.origin is None:  # no origin: a folder that merely has this name
            raise NotAvailableError(
                f"the tflite-runtime package is not installed in {sys.executable}; install it with "
                f"'{self.install_hint}'"
            )
        extensions = sorted(Path(spec.origin).parent.glob(_EXTENSION))
        if not extensions:
            raise NotAvailableError(
                f"the tflite-runtime package in {Path(spec.origin).parent} has no {_EXTENSION}; "
                f"install it anew with '{self.install_hint}'"
            )
        version = _package_version()
        if int(np.__version__.split(".")[0]) >= _FIRST_INCOMPATIBLE_NUMPY:
            raise NotAvailableError(
                f"tflite-runtime {version} needs numpy < 2, and {sys.executable} has "
                f"{np.__version__}; install 'numpy<2' there"
            )
        return Installation(version, str(extensions[0]), "the tflite-runtime package")

    def import_packages(self, loops: Sequence[str]) -> None:
        """Import tflite_runtime: every loop runs the Python object's interpreter."""
        del loops
        _import_package()

    def load_engine(self, options: LoadOptions, framework: Optional[Framework]) -> _core.Engine:
        """Attach to the framework's interpreter. Raises ModelError."""
        if not isinstance(framework, TfliteRuntimeFramework):
            raise UsageError("tflite-runtime's native loop needs the framework's own object")
        return framework.attach(self.find(options.library))

    def load_framework(self, options: LoadOptions) -> TfliteRuntimeFramework:
        """Make an Interpreter with its input shapes fixed and its tensors allocated."""
        if options.settings:
            raise UsageError(
                f"tflite-runtime has no settings, but {', '.join(options.settings)} was given"
            )
        package = _import_package()
        resolvers = package.OpResolverType
        resolver = (
            resolvers.AUTO
            if "xnnpack" in options.delegates
            else resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        )
        try:
            interpreter = package.Interpreter(
                model_path=options.model,
                num_threads=options.threads,
                experimental_op_resolver_type=resolver,
            )
            _fix_shapes(interpreter, options)
            interpreter.allocate_tensors()
            return TfliteRuntimeFramework(interpreter)
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"tflite-runtime cannot load the model {options.model}: "
                f"{' '.join(str(error).split())}"
            ) from error


def _package_version() -> str:
    for distribution in _DISTRIBUTIONS:
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return _UNKNOWN


def _import_package() -> Any:
    try:
        return importlib.import_module(f"{_PACKAGE}.interpreter")
    except (ImportError, AttributeError) as error:
        raise NotAvailableError(
            f"the tflite-runtime package cannot be imported in {sys.executable}: {error}; install "
            f"it with '{TfliteRuntimeRuntime.install_hint}'"
        ) from error


def _fix_shapes(interpreter: Any, options: LoadOptions) -> None:
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
                f"tflite-runtime: the model {options.model} cannot take {shape_text(shape)} as "
                f"the shape of input '{detail['name']}': {error}"
            ) from error


def _spec_of(detail: Mapping[str, Any]) -> TensorSpec:
    quantization = detail["quantization_parameters"]
    return TensorSpec(
        name=detail["name"],
        dtype=_dtype_of(detail, "input"),
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


RUNTIME = TfliteRuntimeRuntime()
