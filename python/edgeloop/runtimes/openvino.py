"""OpenVINO through the C interface and the Python package of its wheel."""

from __future__ import annotations

import importlib
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop import _core
from edgeloop.errors import EdgeloopError, ModelError, NotAvailableError, UsageError, one_line
from edgeloop.models.formats import detect_format
from edgeloop.models.openvino_file import summarise
from edgeloop.runtimes._onnx_dimensions import declared_inputs
from edgeloop.runtimes._package_library import UNKNOWN, PackageLibrary
from edgeloop.runtimes._tflite_tensors import DeclaredTensor, declared_tensors
from edgeloop.runtimes.protocol import (
    Framework,
    Installation,
    OperatorProfiler,
    OperatorTime,
    Runtime,
    Verifier,
    engine_shapes,
)
from edgeloop.runtimes.shape import asked_shapes, fixed_shapes, shape_text
from edgeloop.spec.load import FRAMEWORK_LOOPS, LoadOptions, TensorSpec

if TYPE_CHECKING:
    from edgeloop.runtimes.protocol import Block

_LIBRARY = PackageLibrary(
    package="openvino",
    distributions=("openvino",),
    pattern="libs/libopenvino_c.so*",
    variable="EDGELOOP_OPENVINO_LIBRARY",
)
CPU = "CPU"
_TELEMETRY = "openvino_telemetry"  # its import sends an event over the network
_HINTS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16"}
_AUTO = "auto"
_WEIGHTS_MISSING = "Empty weights data in bin file or bin file cannot be found"
_DTYPES = {
    **{"boolean": "bool", "f16": "float16", "f32": "float32", "f64": "float64"},
    **{f"{kind[0]}{bits}": f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
}
# Of a node that was fused into another, and of an input or output.
_NO_KERNEL = ("undef", "unknown")

_Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Kernels:
    """The nodes of the compiled model that have a kernel, for the placement."""

    owner: str
    operators: tuple[str, ...]
    delegate: str = ""
    subgraph: int = 0
    indexes: tuple[int, ...] = ()

    @property
    def nodes(self) -> int:
        """Return how many there are."""
        return len(self.operators)


class OpenVinoFramework(Framework):
    """A request of a CompiledModel with its inputs bound once to arrays."""

    def __init__(
        self,
        openvino: Any,
        compiled: Any,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        shares_memory: bool,
    ) -> None:
        self.inputs = tuple(inputs)
        self.output_specs = tuple(outputs)
        self._openvino = openvino
        self.compiled = compiled
        self.request = compiled.create_infer_request()
        self.executed_precision = _property(compiled, "INFERENCE_PRECISION_HINT")
        self._arrays: list[_Array] = [np.zeros(spec.shape, spec.dtype) for spec in self.inputs]
        for index, array in enumerate(self._arrays):
            tensor = openvino.Tensor(array, shared_memory=True)
            self.request.set_input_tensor(index, tensor)
        self._fetched: Optional[list[_Array]] = None
        self._feed: dict[int, _Array] = {}
        self.invoke: Callable[[], object] = self.request.infer
        infer = self.request.infer
        if shares_memory:
            self.invoke_io = lambda: self._fetch(
                infer(self._feed, share_inputs=True, share_outputs=True)
            )
        else:
            self.invoke_io = lambda: self._fetch(infer(self._feed))

    def set_inputs(self, arrays: Sequence[_Array]) -> None:
        """Give one array per input, of exactly its dtype and shape."""
        for index, (own, array) in enumerate(zip(self._arrays, arrays)):
            own[...] = array
            # With inputs of its own a request leaves the arrays bound above.
            self.request.set_input_tensor(index, self._openvino.Tensor(own, shared_memory=True))
            self._feed[index] = np.ascontiguousarray(array)
        self._fetched = None

    def _fetch(self, results: Any) -> object:
        self._fetched = [results[index] for index in range(len(self.output_specs or ()))]
        return self._fetched

    def outputs(self) -> list[_Array]:
        """Copy the outputs of the last invocation, in the model's order."""
        if self._fetched is not None:
            return [np.array(array) for array in self._fetched]
        count = len(self.output_specs or ())
        return [np.array(self.request.get_output_tensor(index).data) for index in range(count)]

    def placement(self) -> Optional[list[Kernels]]:
        """Return the nodes that have a kernel, under the device that runs them."""
        operators = tuple(
            info.node_type
            for info in self.request.profiling_info
            if not info.exec_type.startswith(_NO_KERNEL)
        )
        owner = ", ".join(self.compiled.get_property("EXECUTION_DEVICES"))
        return [Kernels(owner, operators)] if operators else None


class RequestProfiler:
    """The counters of a compiled model, read after each run."""

    resolution = (
        "OpenVINO's counters are whole microseconds, rounded down, each the mean of all runs since "
        "the model was loaded"
    )
    most_runs: Optional[int] = None

    def __init__(self, framework: OpenVinoFramework) -> None:
        self._request = framework.request
        self._owner = ", ".join(framework.compiled.get_property("EXECUTION_DEVICES"))
        self._runs: list[list[OperatorTime]] = []

    def block(self, run_block: Callable[[int], Block], runs: int) -> Block:
        """Record `runs` runs of `run_block`, one by one."""
        first: Optional[int] = None
        durations = []
        for _ in range(runs):
            start, took = run_block(1)
            first = start if first is None else first
            durations.append(took)
            self._runs.append([
                OperatorTime(
                    operator=info.node_type,
                    owner=self._owner,
                    duration_ns=info.real_time.total_seconds() * 1e9,
                    name=info.node_name,
                )
                for info in self._request.profiling_info
                # The status is "not run" as well where the mean is below one microsecond.
                if not info.exec_type.startswith(_NO_KERNEL)
            ])  # fmt: skip
        return first or 0, np.concatenate(durations)

    def operators(self) -> list[list[OperatorTime]]:
        """Return the operators of every run recorded."""
        return self._runs


class OpenVino(Runtime):
    """Models that OpenVINO reads: its own IR, ONNX, TFLite, TensorFlow."""

    name = "openvino"
    formats: Mapping[str, Optional[int]] = {
        **{"openvino": 1, "onnx": None, "tflite": None, "savedmodel": 9, "graphdef": 9}
    }
    loops = ("native", "binding", "callable", "framework", "framework-io")
    timed_region: Mapping[str, str] = {
        "native": "ov_infer_request_infer on tensors over preallocated buffers",
        "binding": "_core.Engine.run(): ov_infer_request_infer on preallocated buffers",
        "callable": "InferRequest.infer, called by vectorcall from C++",
        "framework": "InferRequest.infer() on inputs that are bound once",
        "framework-io": "InferRequest.infer({index: array}), and each array of its results; with "
        "shared-memory=1 neither is copied",
    }
    settings = ("precision", "pinning", "shared-memory")
    takes_device = True
    rest_runs_on = "OpenVINO's own device plugin"
    rest_owners = (CPU,)
    profiled_loop = "framework"
    verifies: Mapping[str, Verifier] = {"openvino": Verifier(("openvino",), "openvino")}
    install_hint = "edgeloop setup openvino"

    def find(self, library: Optional[str] = None) -> Installation:
        """Locate the C library. Raises NotAvailableError."""
        named = _LIBRARY.named(library)
        if named is not None:
            path, origin = named
            return Installation(_LIBRARY.version_beside(path) or UNKNOWN, str(path), origin)
        folder = _LIBRARY.folder()
        if folder is None:
            raise NotAvailableError(
                f"the openvino package is not installed in {sys.executable}; install it with "
                f"'{self.install_hint}', or name a libopenvino_c.so with {_LIBRARY.variable}"
            )
        found = _LIBRARY.libraries(folder)
        return Installation(
            _LIBRARY.version() or UNKNOWN, str(found[-1]) if found else None, "the openvino package"
        )

    def declared_shapes(self, model: str) -> Mapping[str, Sequence[Optional[int]]]:
        """Read them from the file; nothing for TensorFlow's formats."""
        found = detect_format(model).format
        if found == "onnx":
            return {
                name: [size if isinstance(size, int) else None for size in dimensions]
                for name, dimensions in declared_inputs(model).items()
            }
        if found == "openvino":
            return {one.name: one.shape or () for one in summarise(Path(model)).inputs or ()}
        return {tensor.name: tensor.shape for tensor in _tflite_tensors(model)[0]}

    def import_packages(self, loops: Sequence[str]) -> None:
        """Import openvino where a loop goes through it."""
        if not set(loops).isdisjoint(FRAMEWORK_LOOPS):
            import_package()

    def load_engine(self, options: LoadOptions, framework: Optional[Framework]) -> _core.Engine:
        """Load the model for the native loop."""
        del framework
        installation = self.find(options.library)
        if installation.library is None:
            raise NotAvailableError(
                f"the openvino package {installation.version} has no libopenvino_c.so, which the "
                f"native loop calls; install version 2024.3 or newer"
            )
        properties = _properties(options)
        inputs, outputs = _tflite_tensors(options.model)
        try:
            return _core.create_engine(
                "openvino",
                library=installation.library,
                model=options.model,
                threads=options.threads,
                batch_size=options.batch_size,
                shapes={**_file_shapes(inputs, options), **engine_shapes(options)},
                settings={
                    "device": _device(options),
                    "properties": "\n".join(f"{key}={value}" for key, value in properties.items()),
                    "quantization": "\n".join(
                        [
                            *_quantization_lines("input", inputs),
                            *_quantization_lines("output", outputs),
                        ]
                    ),
                },
                probe=options.probe,
            )
        except EdgeloopError as error:
            raise _explained(error, options) from error

    def load_framework(self, options: LoadOptions) -> OpenVinoFramework:
        """Compile the model with the options of the native loop.

        Raises UsageError where the native loop's library is another version than the package.
        """
        self._require_one_version(options)
        properties = _properties(options)
        openvino = import_package()
        device = _device(options)
        try:
            core = openvino.Core()
            model = core.read_model(options.model)
            inputs = _fix_shapes(openvino, model, options)
            compiled = core.compile_model(model, device, properties)
        except EdgeloopError:
            raise
        except MemoryError:
            raise
        except Exception as error:
            kind = ModelError if device == CPU else NotAvailableError
            refused = kind(
                f"openvino cannot compile the model {options.model} for the device {device}: "
                f"{_last_line(error)}"
            )
            raise _explained(refused, options) from error
        _require_threads(compiled, options, device)
        outputs = [_spec(port, index, "output") for index, port in enumerate(compiled.outputs)]
        declared = _tflite_tensors(options.model)
        return OpenVinoFramework(
            openvino,
            compiled,
            [_quantized(spec, declared[0]) for spec in inputs],
            [_quantized(spec, declared[1]) for spec in outputs],
            _flag(options, "shared-memory"),
        )

    def computes_on(self, options: LoadOptions) -> str:
        """Return what --device says."""
        kind = _device(options).partition(".")[0].lower()
        return kind if kind in ("cpu", "gpu") else _device(options)

    def operator_profiler(
        self, engine: Optional[_core.Engine], framework: Optional[Framework]
    ) -> OperatorProfiler:
        """Return the profiler of the package's request."""
        del engine
        assert isinstance(framework, OpenVinoFramework)
        return RequestProfiler(framework)

    def _require_one_version(self, options: LoadOptions) -> None:
        named = self.find(options.library)
        package = _LIBRARY.version()
        if package and named.version not in (package, UNKNOWN):
            raise UsageError(
                f"the native loop's library {named.library} ({named.origin}) is version "
                f"{named.version}, but the openvino package is {package}; leave the library out, "
                "or measure the native loop only"
            )


def import_package() -> Any:
    """Import openvino without its telemetry. Raises NotAvailableError."""
    sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type]
    try:
        return importlib.import_module("openvino")
    except ImportError as error:
        raise NotAvailableError(
            f"the openvino package cannot be imported in {sys.executable}: {one_line(error)}"
            f"{_glibc_hint(str(error))}; install it with '{OpenVino.install_hint}'"
        ) from error


def _glibc_hint(text: str) -> str:
    """Say which systems have the glibc or libstdc++ that a wheel needs, where that is missing."""
    if "GLIBC" not in text:  # GLIBC_2.34, GLIBCXX_3.4.30
        return ""
    return (
        f" (this machine has glibc {platform.libc_ver()[1]}; for aarch64 the wheels from 2025.1 on "
        "need 2.35: Debian 12, Ubuntu 22.04 or newer; openvino 2025.0 and older need 2.31)"
    )


def _explained(error: EdgeloopError, options: LoadOptions) -> EdgeloopError:
    """Return an error with what to do, where the runtime's reason is known."""
    text = str(error)
    if _WEIGHTS_MISSING in text or ("weights" in text and _weights_missing(options.model)):
        weights = Path(options.model).with_suffix(".bin")
        return ModelError(f"{options.model} needs its weights beside it, in {weights.name}")
    hint = _glibc_hint(text)
    if hint:
        return NotAvailableError(text + hint)
    return error


def _weights_missing(model: str) -> bool:
    path = Path(model)
    return path.suffix == ".xml" and not path.with_suffix(".bin").is_file()


def _device(options: LoadOptions) -> str:
    return (options.device or CPU).upper()


def _flag(options: LoadOptions, key: str) -> bool:
    value = str(options.settings.get(key, "0"))
    if value not in ("0", "1"):
        raise UsageError(f"openvino: {key}={value} is neither 0 nor 1")
    return value == "1"


def _properties(options: LoadOptions) -> dict[str, str]:
    """Return OpenVINO's properties for what was asked for."""
    for key, value in options.settings.items():
        if key not in OpenVino.settings:
            raise UsageError(
                f"openvino has no setting '{key}={value}'; known: {', '.join(OpenVino.settings)}"
            )
    found = {"PERFORMANCE_HINT": "LATENCY"}
    precision = str(options.settings.get("precision", "fp32")).lower()
    if precision != _AUTO:
        if precision not in _HINTS:
            raise UsageError(
                f"openvino: precision={precision} is not one of {', '.join(_HINTS)}, {_AUTO}"
            )
        found["INFERENCE_PRECISION_HINT"] = _HINTS[precision]
        # Without it the ARM kernels may compute an f32 model in less.
        found["EXECUTION_MODE_HINT"] = "ACCURACY" if precision == "fp32" else "PERFORMANCE"
    pinning = _flag(options, "pinning")
    _flag(options, "shared-memory")
    if _device(options) == CPU:
        found["NUM_STREAMS"] = "1"
        found["INFERENCE_NUM_THREADS"] = str(options.threads)
        found["ENABLE_CPU_PINNING"] = "YES" if pinning else "NO"
    if options.profile is not None:
        found["PERF_COUNT"] = "YES"
    return found


def _tflite_tensors(model: str) -> tuple[list[DeclaredTensor], list[DeclaredTensor]]:
    """Return what a .tflite file declares; nothing for the other formats."""
    if detect_format(model).format != "tflite":
        return [], []
    return declared_tensors(model)


def _file_shapes(inputs: Sequence[DeclaredTensor], options: LoadOptions) -> dict[str, list[int]]:
    """Return the shapes of a .tflite file whose tensors OpenVINO leaves open."""
    asked = asked_shapes([one.name for one in inputs], options) if inputs else {}
    shapes = {}
    for one in inputs:
        sizes = [1 if size is None else size for size in one.shape]
        if one.name not in asked and None in one.shape[1:]:
            continue
        if options.batch_size and sizes:
            sizes[0] = options.batch_size
        if one.name not in asked:
            shapes[one.name] = sizes
    return shapes


def _quantization_lines(role: str, tensors: Sequence[DeclaredTensor]) -> list[str]:
    return [
        " ".join(
            [
                *(role, str(one.axis), str(len(one.scales))),
                *(f"{scale!r} {zero}" for scale, zero in zip(one.scales, one.zero_points)),
                one.name,
            ]
        )
        for one in tensors
        if one.scales
    ]


def _quantized(spec: TensorSpec, declared: Sequence[DeclaredTensor]) -> TensorSpec:
    for one in declared:
        if one.name == spec.name and one.scales:
            return replace(spec, scales=one.scales, zero_points=one.zero_points, axis=one.axis)
    return spec


def _spec(port: Any, index: int, role: str) -> TensorSpec:
    """Describe a port; an open dimension of an output is 0 until it has run."""
    try:
        name = str(port.get_any_name())
    except RuntimeError:  # a port needs none
        name = f"{role}_{index}"
    kind = port.element_type.get_type_name()
    if kind not in _DTYPES:
        raise ModelError(
            f"the model's {role} '{name}' is {kind}, which edgeloop cannot fill; export the model "
            "with float32 or integer inputs and outputs"
        )
    shape = port.partial_shape
    sizes = (
        [0]
        if shape.rank.is_dynamic
        else [0 if dim.is_dynamic else dim.get_length() for dim in shape]
    )
    return TensorSpec(name, _DTYPES[kind], tuple(sizes))


def _fix_shapes(openvino: Any, model: Any, options: LoadOptions) -> list[TensorSpec]:
    """Give every input the shape that was asked for, as the native engine does."""
    specs = [_spec(port, index, "input") for index, port in enumerate(model.inputs)]
    tensors = _tflite_tensors(options.model)[0]
    asked = replace(options, shapes={**_file_shapes(tensors, options), **options.shapes})
    named = asked_shapes([spec.name for spec in specs], asked)
    declared: dict[str, Sequence[Optional[int]]] = {}
    for spec, port in zip(specs, model.inputs):
        shape = port.partial_shape
        if not shape.rank.is_dynamic:
            declared[spec.name] = [None if d.is_dynamic else d.get_length() for d in shape]
        elif spec.name in named:
            declared[spec.name] = [None] * len(named[spec.name])
        else:
            raise UsageError(
                f"the model does not state the rank of its input '{spec.name}'; fix its shape with "
                f"--shape {spec.name}=AxBxC"
            )
    shapes = fixed_shapes(declared, asked)
    changed = {
        index: openvino.PartialShape(list(shapes[spec.name]))
        for index, spec in enumerate(specs)
        if list(shapes[spec.name]) != list(declared[spec.name])
    }
    if changed:
        try:
            model.reshape(changed)
        except RuntimeError as error:
            shape = shape_text(shapes[specs[min(changed)].name])
            raise UsageError(
                f"the model {options.model} cannot run with an input of {shape}: "
                f"{_last_line(error)}"
            ) from error
    return [replace(spec, shape=shapes[spec.name]) for spec in specs]


def _require_threads(compiled: Any, options: LoadOptions, device: str) -> None:
    used = _property(compiled, "INFERENCE_NUM_THREADS")
    if device == CPU and used not in (None, str(options.threads)):
        raise UsageError(
            f"openvino uses {used} threads where {options.threads} were asked for, as many as this "
            f"process has CPUs; run it with --threads {used}"
        )


def _property(compiled: Any, key: str) -> Optional[str]:
    try:
        value = compiled.get_property(key)
    except RuntimeError:
        return None
    return str(value.get_type_name() if hasattr(value, "get_type_name") else value)


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


RUNTIME = OpenVino()
