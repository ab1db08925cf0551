"""ONNX Runtime and its execution providers, through its C API and its Python package."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Optional

import numpy as np

from edgeloop import _core
from edgeloop.errors import (
    EdgeloopError,
    ModelError,
    NotAvailableError,
    UsageError,
    one_line,
    printable,
)
from edgeloop.runtimes._onnx_dimensions import declared_inputs, free_dimensions
from edgeloop.runtimes._onnx_plugins import (
    INSTALL_HINT,
    add_plugin,
    import_package,
    plugins_of,
    silence_telemetry,
)
from edgeloop.runtimes._onnx_profiler import SessionProfiler
from edgeloop.runtimes._onnx_providers import (
    CPU,
    DEVICE_PROVIDERS,
    GPU_PROVIDERS,
    HOST_PROVIDERS,
    RECORD_PLACEMENT,
    Placement,
    engine_providers,
    package_providers,
    placement_of,
    provider_device,
    refusal,
    require_providers,
    shown_name,
)
from edgeloop.runtimes._package_library import UNKNOWN, PackageLibrary
from edgeloop.runtimes.protocol import (
    Framework,
    Installation,
    OperatorProfiler,
    Runtime,
    Verifier,
    engine_shapes,
)
from edgeloop.runtimes.shape import fixed_shapes, shape_text
from edgeloop.spec.delegates import DelegateSpec
from edgeloop.spec.load import FRAMEWORK_LOOPS, LoadOptions, TensorSpec

_LIBRARY = PackageLibrary(
    package="onnxruntime",
    distributions=("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino"),
    pattern="capi/libonnxruntime.so*",
    variable="EDGELOOP_ONNXRUNTIME_LIBRARY",
)

_DTYPES = {
    "tensor(float16)": "float16",
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(bool)": "bool",
    **{f"tensor({name})": name for name in ("int8", "int16", "int32", "int64")},
    **{f"tensor({name})": name for name in ("uint8", "uint16", "uint32", "uint64")},
}
_LOG_ERRORS = 3  # severities of the runtime: verbose 0, info 1, warning 2, error 3, fatal 4
_OPTIMIZATION_LEVELS = {
    "disable": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}

_Array = np.ndarray[Any, Any]


class OnnxRuntimeFramework(Framework):
    """An InferenceSession with its inputs and outputs bound once to preallocated values."""

    def __init__(
        self, session: Any, inputs: Sequence[TensorSpec], plugins: Mapping[str, str]
    ) -> None:
        ort = importlib.import_module("onnxruntime")
        self.inputs = tuple(inputs)
        # Their shapes are known after a run.
        self.output_specs = tuple(
            TensorSpec(output.name, _dtype_of(output, "output"), ())
            for output in session.get_outputs()
        )
        self._session = session
        self._plugins = plugins
        self._output_names = [output.name for output in session.get_outputs()]
        self._feed: dict[str, _Array] = {}
        self._fetched: Optional[list[_Array]] = None
        self._binding = session.io_binding()
        self._values = [
            ort.OrtValue.ortvalue_from_shape_and_type(spec.shape, np.dtype(spec.dtype), "cpu", 0)
            for spec in self.inputs
        ]
        self._open_outputs: list[str] = []
        for output in session.get_outputs():
            # A rank that the model does not state reads as a scalar's.
            if output.shape and all(isinstance(dim, int) for dim in output.shape):
                value = ort.OrtValue.ortvalue_from_shape_and_type(
                    output.shape, np.dtype(_DTYPES[output.type]), "cpu", 0
                )
                self._binding.bind_ortvalue_output(output.name, value)
            else:
                self._open_outputs.append(output.name)
        self.set_inputs([np.zeros(spec.shape, spec.dtype) for spec in self.inputs])
        self.invoke: Callable[[], object] = partial(session.run_with_iobinding, self._binding)

    def placement(self) -> Optional[list[Placement]]:
        """Return which provider got which node; None where the package is older than 1.24."""
        return placement_of(self._session, self._plugins)

    def profiler(self) -> SessionProfiler:
        """Return the profiler that the session was made with."""
        nodes = sum(part.nodes for part in self.placement() or ())
        return SessionProfiler(self._session, nodes)

    def set_inputs(self, arrays: Sequence[_Array]) -> None:
        """Give one array per input, of exactly its dtype and shape."""
        for spec, value, array in zip(self.inputs, self._values, arrays):
            value.update_inplace(np.ascontiguousarray(array))
            # A provider with memory of its own gets its copy when the value is bound.
            self._binding.bind_ortvalue_input(spec.name, value)
            self._feed[spec.name] = array
        self._fetched = None
        # The runtime allocates them in the next run; until then it would keep the last shape.
        for name in self._open_outputs:
            self._binding.bind_output(name)

    def outputs(self) -> list[_Array]:
        """Copy the outputs of the last invocation, in the model's order."""
        if self._fetched is not None:
            return [np.array(array) for array in self._fetched]
        return [np.array(array) for array in self._binding.copy_outputs_to_cpu()]

    def invoke_io(self) -> object:
        """Run from NumPy arrays to NumPy arrays."""
        self._fetched = self._session.run(self._output_names, self._feed)
        return self._fetched


class OnnxRuntime(Runtime):
    """ONNX models on ONNX Runtime."""

    name = "onnxruntime"
    formats: Mapping[str, Optional[int]] = {"onnx": 1}
    loops = ("native", "binding", "callable", "framework", "framework-io")
    timed_region: Mapping[str, str] = {
        "native": "OrtApi::Run on preallocated values",
        "binding": "_core.Engine.run(): OrtApi::Run on preallocated values",
        "callable": "InferenceSession.run_with_iobinding, called by vectorcall from C++",
        "framework": "InferenceSession.run_with_iobinding(binding), bound once",
        "framework-io": "InferenceSession.run(names, {name: array}), which returns new arrays",
    }
    settings = ("graph-optimization", "intra-op-spinning")
    has_providers = True
    idle_settings: Mapping[str, str] = {"intra-op-spinning": "0"}
    idle_note = (
        "ONNX Runtime's idle threads were set not to spin, as they would take CPUs from the "
        "other side; measured alone it may be a little faster"
    )
    rest_runs_on = "ONNX Runtime's CPU provider"
    rest_owners = (CPU,)
    why_no_placement = "ONNX Runtime reports it from version 1.24 on"
    # It does not attach: the package's extension module has a copy of the library of its own.
    profiled_loop = "framework"
    verifies: Mapping[str, Verifier] = {"onnx": Verifier(("onnxruntime",), "convert")}
    install_hint = INSTALL_HINT

    def find(self, library: Optional[str] = None) -> Installation:
        """Locate the library and the package. Raises NotAvailableError.

        A package without a library (before 1.20, or a distributor's) has the framework loops only.
        """
        named = _LIBRARY.named(library)
        if named is not None:
            path, origin = named[0].resolve(), named[1]
            return Installation(_version_in_name(path) or UNKNOWN, str(path), origin)
        folder = _LIBRARY.folder()
        if folder is None:
            raise NotAvailableError(
                f"the onnxruntime package is not installed in {sys.executable}; "
                f"install it with '{self.install_hint}', or name a libonnxruntime.so with "
                f"{_LIBRARY.variable}"
            )
        found = _LIBRARY.libraries(folder)
        version = _LIBRARY.version() or (_version_in_name(found[-1]) if found else None)
        return Installation(
            version or UNKNOWN, str(found[-1]) if found else None, "the onnxruntime package"
        )

    def import_packages(self, loops: Sequence[str]) -> None:
        """Import onnxruntime where a loop goes through it."""
        if not set(loops).isdisjoint(FRAMEWORK_LOOPS):
            import_package()

    def load_engine(self, options: LoadOptions, framework: Optional[Framework]) -> _core.Engine:
        """Load the model for the native loop."""
        del framework
        installation = self.find(options.library)
        if installation.library is None:
            raise NotAvailableError(
                f"the onnxruntime package {installation.version} has no libonnxruntime.so, which "
                f"the native loop calls; install version 1.20 or newer, or name a library with "
                f"{_LIBRARY.variable}"
            )
        silence_telemetry()
        settings = {**_checked_settings(options)}
        if not options.cpu_fallback:
            settings["cpu-fallback"] = "0"
        fixed = free_dimensions(declared_inputs(options.model), options)
        if fixed:
            # A name may hold anything but the byte that ends it in C.
            settings["free-dimensions"] = "".join(f"{name}={n}\0" for name, n in fixed.items())
        try:
            return _core.create_engine(
                "onnxruntime",
                library=installation.library,
                model=options.model,
                threads=options.threads,
                batch_size=options.batch_size,
                shapes=engine_shapes(options),
                settings=settings,
                delegates=engine_providers(options),
                probe=options.probe,
            )
        except EdgeloopError as error:
            raise refusal(options, error) from error

    def load_framework(self, options: LoadOptions) -> OnnxRuntimeFramework:
        """Make an InferenceSession with the options of the native loop.

        Raises UsageError where the native loop's library is another version than the package.
        """
        self._require_one_version(options)
        ort = import_package()
        session_options = _session_options(ort, options)
        plugins = {add_plugin(ort, session_options, one): one.name for one in plugins_of(options)}
        # A provider that does not start is an error, not another try on the CPU.
        how = {"enable_fallback": 0} if plugins else {"providers": package_providers(ort, options)}
        try:
            session = ort.InferenceSession(options.model, session_options, **how)
        except MemoryError:
            raise
        except Exception as error:
            refused = ModelError(
                f"onnxruntime cannot load the model {options.model}: "
                f"{one_line(printable(str(error)))}"
            )
            raise refusal(options, refused) from error
        require_providers(session, options, plugins)
        return OnnxRuntimeFramework(session, _input_specs(session, options), plugins)

    def declared_shapes(self, model: str) -> Mapping[str, Sequence[Optional[int]]]:
        """Read them from the file."""
        return {
            name: [size if isinstance(size, int) else None for size in dimensions]
            for name, dimensions in declared_inputs(model).items()
        }

    def accelerators(self, options: LoadOptions) -> Sequence[DelegateSpec]:
        """Return the providers under their full names."""
        return [replace(one, name=shown_name(one)) for one in options.providers]

    def device(self, options: LoadOptions) -> Optional[str]:
        """Return the model of the GPU that the first CUDA provider uses."""
        return provider_device(options)

    def computes_on(self, options: LoadOptions) -> str:
        """Return where the providers compute."""
        names = [provider.name for provider in self.accelerators(options)]
        others = [name for name in names if name not in HOST_PROVIDERS]
        kinds = [one.device for one in options.providers if one.device in ("cpu", "gpu")]
        if kinds:
            return str(kinds[0])
        if any(name in GPU_PROVIDERS for name in others):
            return "gpu"
        return others[0] if others else "cpu"

    def clock_waits(self, options: LoadOptions) -> str:
        """Say what a run waits for where a provider queues its work."""
        names = [one.name for one in self.accelerators(options) if one.name in DEVICE_PROVIDERS]
        if not names:
            return ""
        # Its run option disable_synchronize_execution_providers is 0, and outputs are host memory.
        are = "is" if len(names) == 1 else "are"
        return (
            f"; it returns when {' and '.join(names)} {are} done and the outputs are in host memory"
        )

    def provider_document(self, options: LoadOptions) -> dict[str, Any]:
        """Return the providers in their order, the CPU's last unless it is forbidden."""
        asked = self.accelerators(options)
        names = [provider.name for provider in asked]
        fallback = [CPU] if options.cpu_fallback and CPU not in names else []
        given = {provider.name: dict(provider.options) for provider in asked if provider.options}
        return {"provider": ", ".join([*names, *fallback]), "provider_options": given}

    def operator_profiler(
        self, engine: Optional[_core.Engine], framework: Optional[Framework]
    ) -> OperatorProfiler:
        """Return the profiler of the package's session."""
        del engine
        assert isinstance(framework, OnnxRuntimeFramework)
        return framework.profiler()

    def _require_one_version(self, options: LoadOptions) -> None:
        named = self.find(options.library)
        package = _LIBRARY.version()
        if package and named.version not in (package, UNKNOWN):
            raise UsageError(
                f"the native loop's library {named.library} ({named.origin}) is version "
                f"{named.version}, but the onnxruntime package is {package}; leave the library "
                "out, or measure the native loop only"
            )


def _version_in_name(library: Path) -> Optional[str]:
    found = re.search(r"\.so\.(\d+\.\d+\.\d+)$", library.name)
    return found.group(1) if found else None


def _checked_settings(options: LoadOptions) -> Mapping[str, str]:
    for key, value in options.settings.items():
        if key not in OnnxRuntime.settings:
            raise UsageError(
                f"onnxruntime has no setting '{key}={value}'; known: "
                f"{', '.join(OnnxRuntime.settings)}"
            )
    return options.settings


def _session_options(ort: Any, options: LoadOptions) -> Any:
    """Return what OnnxRuntimeEngine::make_session_options sets."""
    settings = _checked_settings(options)
    session_options = ort.SessionOptions()
    session_options.log_severity_level = _LOG_ERRORS
    session_options.intra_op_num_threads = options.threads
    session_options.inter_op_num_threads = 1
    session_options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    if "graph-optimization" in settings:
        word = settings["graph-optimization"]
        if word not in _OPTIMIZATION_LEVELS:
            raise UsageError(
                f"onnxruntime: graph-optimization={word} is not one of "
                f"{', '.join(_OPTIMIZATION_LEVELS)}"
            )
        session_options.graph_optimization_level = getattr(
            ort.GraphOptimizationLevel, _OPTIMIZATION_LEVELS[word]
        )
    if "intra-op-spinning" in settings:
        value = settings["intra-op-spinning"]
        if value not in ("0", "1"):
            raise UsageError(f"onnxruntime: intra-op-spinning={value} is neither 0 nor 1")
        session_options.add_session_config_entry("session.intra_op.allow_spinning", value)
    if not options.cpu_fallback:
        session_options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    if options.probe:
        session_options.add_session_config_entry(RECORD_PLACEMENT, "1")
    if options.profile is not None:
        session_options.enable_profiling = True
        session_options.profile_file_prefix = str(Path(options.profile) / "session")
    for name, size in free_dimensions(declared_inputs(options.model), options).items():
        session_options.add_free_dimension_override_by_name(name, size)
    return session_options


def _input_specs(session: Any, options: LoadOptions) -> list[TensorSpec]:
    declared = {
        value.name: [dim if isinstance(dim, int) else None for dim in value.shape]
        for value in session.get_inputs()
    }
    shapes = fixed_shapes(declared, options)
    for name, shape in shapes.items():
        if any(size not in (None, fixed) for size, fixed in zip(declared[name], shape)):
            raise UsageError(
                f"the model fixes its input '{name}' to {shape_text(declared[name])}, so it "
                f"cannot run as {shape_text(shape)}; export it with that dimension open"
            )
    return [
        TensorSpec(value.name, _dtype_of(value, "input"), shapes[value.name])
        for value in session.get_inputs()
    ]


def _dtype_of(value: Any, role: str) -> str:
    if value.type.startswith(("seq(", "map(", "optional(")):
        raise ModelError(
            f"the model's {role} '{value.name}' is not a tensor but {value.type}; edgeloop "
            "measures models with tensors only (skl2onnx adds such a map to classifiers: export "
            "them again with options={'zipmap': False})"
        )
    if value.type not in _DTYPES:
        raise ModelError(
            f"the model's {role} '{value.name}' is {value.type}, which edgeloop cannot fill; "
            "export the model with float32 or integer inputs and outputs"
        )
    return _DTYPES[value.type]


RUNTIME = OnnxRuntime()
