"""LiteRT: the ai-edge-litert package's CompiledModel, through its C API and its Python API."""

from __future__ import annotations

import importlib
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Optional

from edgeloop import _core
from edgeloop.errors import ModelError, NotAvailableError, RuntimeFailedError, UsageError, plain
from edgeloop.host.cpuinfo import cpu_entries
from edgeloop.runtimes._external_delegates import TfliteDelegates, external_delegates
from edgeloop.runtimes._litert_compiled import SIGNATURE, LiteRtFramework
from edgeloop.runtimes._litert_gpu import WEBGPU, Gpu, gpu_of
from edgeloop.runtimes._package_library import UNKNOWN, PackageLibrary
from edgeloop.runtimes._plan_profiler import COUNTED, PlanProfiler
from edgeloop.runtimes._tflite_interpreter import InterpreterFramework, load_interpreter
from edgeloop.runtimes._tflite_tensors import DeclaredTensor, declared_tensors, traits_of
from edgeloop.runtimes.protocol import (
    ExternalDelegate,
    Framework,
    Installation,
    OperatorProfiler,
    Verifier,
    engine_shapes,
)
from edgeloop.runtimes.shape import fixed_shapes
from edgeloop.spec.delegates import GPU, DelegateSpec
from edgeloop.spec.load import FRAMEWORK_LOOPS, LoadOptions, TensorSpec

_LIBRARY_NAME = "libLiteRt.so"
_PACKAGE = "ai_edge_litert"
_LIBRARY = PackageLibrary(
    package=_PACKAGE,
    distributions=("ai-edge-litert", "ai-edge-litert-nightly"),
    pattern=_LIBRARY_NAME,
    variable="EDGELOOP_LITERT_LIBRARY",
)
_FIRST_VERSION = (2, 1, 6)  # older ones have other parameters under the same C names

_DTYPES = (
    *("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float16", "float32", "float64"),
)


class ClassicFramework(InterpreterFramework):
    """The package's classic Interpreter, where its CompiledModel cannot be used."""

    def __init__(
        self,
        reason: str,
        interpreter: Any,
        delegates: Sequence[_core.TfliteExternalDelegate] = (),
    ) -> None:
        super().__init__(interpreter, delegates)
        self.timed_region: Mapping[str, str] = {
            "callable": f"Interpreter.invoke() (the classic one: {reason}), called by vectorcall "
            "from C++",
            "framework": f"Interpreter.invoke() (the classic one: {reason})",
            "framework-io": "Interpreter.set_tensor per input, invoke(), get_tensor per output "
            f"(the classic one: {reason})",
        }


class LiteRtRuntime(TfliteDelegates):
    """TFLite models on LiteRT's CompiledModel, on the CPU or a GPU."""

    name = "litert"
    by_signature = True
    formats: Mapping[str, Optional[int]] = {"tflite": 1, "edgetpu": 3}
    loops = ("native", "binding", "callable", "framework", "framework-io")
    timed_region: Mapping[str, str] = {
        "native": "LiteRtRunCompiledModel on buffers over host memory",
        "binding": "_core.Engine.run(): LiteRtRunCompiledModel on buffers over host memory",
        "callable": "CompiledModel.run_by_index, called by vectorcall from C++",
        "framework": "CompiledModel.run_by_index(0, input_buffers, output_buffers)",
        "framework-io": "TensorBuffer.write per input, run_by_index, TensorBuffer.read per output",
    }
    xnnpack_first = True
    rest_runs_on = "LiteRT's built-in kernels"
    why_no_placement = "CompiledModel does not report it in Python; measure the native loop too"
    # It does not attach: a compiled model cannot be handed from one API to the other.
    profiled_loop = "native"
    verifies: Mapping[str, Verifier] = {"tflite": Verifier((_PACKAGE,), "convert")}
    install_hint = "pip install 'ai-edge-litert>=2.1.6' (Python 3.10 or newer)"

    def find(self, library: Optional[str] = None) -> Installation:
        """Locate the library. Raises NotAvailableError."""
        named = _LIBRARY.named(library)
        if named is not None:
            path, origin = named
            return Installation(_LIBRARY.version_beside(path) or UNKNOWN, str(path), origin)
        folder = _LIBRARY.folder()
        if folder is None:
            raise NotAvailableError(
                f"the ai-edge-litert package is not installed in {sys.executable}; install it with "
                f"{self.install_hint}, or name a {_LIBRARY_NAME} with {_LIBRARY.variable}"
            )
        version = _LIBRARY.version() or UNKNOWN
        path = folder / _LIBRARY_NAME
        if _numbers(version) < _FIRST_VERSION or not path.is_file():
            raise NotAvailableError(
                f"the ai-edge-litert package in {folder} is version {version}, without the C API "
                f"that edgeloop knows; install a newer one with {self.install_hint}"
            )
        return Installation(version, str(path), "the ai-edge-litert package")

    def import_packages(self, loops: Sequence[str]) -> None:
        """Import ai_edge_litert where a loop goes through it."""
        if not set(loops).isdisjoint(FRAMEWORK_LOOPS):
            _import_package()

    def refuses(self, model: str) -> Optional[str]:
        """Name what a CompiledModel does not run, or would crash on."""
        traits = traits_of(model)
        if traits.variables:
            return (
                "LiteRT's CompiledModel does not run models with variable tensors, such as this one"
            )
        if traits.open_outputs and not traits.open_inputs:
            names = ", ".join(f"'{plain(name)}'" for name in traits.open_outputs)
            return f"LiteRT's CompiledModel gives no memory to outputs of open shape ({names})"
        return None

    def load_engine(self, options: LoadOptions, framework: Optional[Framework]) -> _core.Engine:
        """Load the model for the native loop."""
        del framework
        _require_no_settings(options)
        refusal = self.refuses(options.model)
        if refusal is not None:
            raise ModelError(
                f"use --runtime tflite, or --loops framework: {refusal}; the classic interpreter "
                f"does ({options.model})"
            )
        installation = self.find(options.library)
        assert installation.library is not None
        gpu = self._gpu(options)
        return _core.create_engine(
            "litert",
            library=installation.library,
            model=options.model,
            threads=options.threads,
            batch_size=options.batch_size,
            shapes=_shapes(options),
            settings={
                "version": installation.version,
                "kernel-mode": "delegate" if options.xnnpack else "builtin",
                **({} if gpu is None else gpu.settings),
            },
            delegates=[] if gpu is not None else external_delegates(options),
            probe=options.probe,
            profile=options.profile is not None,
        )

    def delegate_libraries(self, options: LoadOptions) -> Sequence[ExternalDelegate]:
        """Return the libraries of the delegates of a load, or of the GPU's accelerator."""
        gpu = self._gpu(options)
        return super().delegate_libraries(options) if gpu is None else [gpu.described]

    def owns(self, delegate: DelegateSpec, owner: str) -> bool:
        """The accelerator of a GPU is known by LiteRT's own prefix."""
        own = delegate.name == GPU and owner.startswith("LITERT_")
        return own or super().owns(delegate, owner)

    def _gpu(self, options: LoadOptions) -> Optional[Gpu]:
        library = self.find(options.library).library
        assert library is not None
        gpu = gpu_of(options, Path(library).parent)
        if gpu is not None and Path(gpu.library).name == WEBGPU and _lacks_atomics():
            raise NotAvailableError(
                f"{WEBGPU} needs ARMv8.1's atomics, which this CPU lacks, and would end the "
                "process; another accelerator is named with --delegate gpu=PATH"
            )
        return gpu

    def operator_profiler(
        self, engine: Optional[_core.Engine], framework: Optional[Framework]
    ) -> OperatorProfiler:
        """Return LiteRT's own profiler over the compiled model."""
        del framework
        assert engine is not None
        return PlanProfiler(engine, engine.placement(), COUNTED)

    def load_framework(self, options: LoadOptions) -> Framework:
        """Compile the model with the options of the native loop.

        Where a CompiledModel cannot be used from Python, the package's classic interpreter is, and
        its `timed_region` says why. Raises UsageError where the native loop's library is not the
        package's.
        """
        _require_no_settings(options)
        self._require_one_library(options)
        gpu = self._gpu(options)
        reason = None if gpu is not None else _why_no_compiled_model(options)
        reason = reason or self.refuses(options.model)
        if reason is not None:
            package = _import_package("interpreter")
            make = partial(ClassicFramework, reason)
            return load_interpreter(package, options, self.name, make)
        package = _import_package()
        inputs, outputs = declared_tensors(options.model)
        shapes = fixed_shapes({tensor.name: tensor.shape for tensor in inputs}, options)
        specs = [_spec_of(tensor, shapes[tensor.name]) for tensor in inputs]
        modes = package.CpuKernelMode
        cpu = package.CpuOptions(
            num_threads=options.threads,
            kernel_mode=modes.XNNPACK if options.xnnpack else modes.BUILTIN,
        )
        hardware = {} if gpu is None else gpu.in_python(package)
        chosen = package.Options(cpu_options=cpu, **hardware)
        try:
            model = package.CompiledModel.from_file(options.model, options=chosen)
            for number, spec in enumerate(specs):
                if spec.shape:  # a scalar has no shape to fix
                    model.resize_input_tensor(number, spec.shape, SIGNATURE, strict=False)
            declared = [_spec_of(tensor, ()) for tensor in outputs]
            return LiteRtFramework(model, specs, declared, gpu=gpu is not None)
        except RuntimeError as error:
            if gpu is not None:
                raise RuntimeFailedError(
                    f"LiteRT cannot compile the model {options.model} for the GPU; its own words, "
                    "on stderr, say whether it found a GPU"
                ) from error
            raise ModelError(_refusal(options, error)) from error

    def _require_one_library(self, options: LoadOptions) -> None:
        named = self.find(options.library)
        folder = _LIBRARY.folder()
        if folder is not None and named.library != str(folder / _LIBRARY_NAME):
            raise UsageError(
                f"the native loop's library {named.library} ({named.origin}) is not the one of the "
                f"ai-edge-litert package in {folder}; leave the library out, or measure the native "
                "loop only"
            )


def _shapes(options: LoadOptions) -> dict[str, list[int]]:
    """Return the shapes for the native engine, to which an open input looks like 1 x 1 x ….

    Raises UsageError where a dimension stays open.
    """
    inputs, _ = declared_tensors(options.model)
    if not any(None in tensor.shape for tensor in inputs):
        return engine_shapes(options)
    fixed = fixed_shapes({tensor.name: tensor.shape for tensor in inputs}, options)
    return {name: list(shape) for name, shape in fixed.items() if shape}


def _why_no_compiled_model(options: LoadOptions) -> Optional[str]:
    if any(delegate.external for delegate in options.delegates):
        return "a CompiledModel takes no external delegate in Python"
    folder = _LIBRARY.folder()
    if folder is not None and (folder / WEBGPU).is_file() and _lacks_atomics():
        return f"a CompiledModel loads {WEBGPU}, which this CPU cannot run"
    return None


def _lacks_atomics() -> bool:
    """Whether this is an ARMv8.0 core (Cortex-A53, A57, A72), without ARMv8.1's atomics.

    The package's GPU library ends the process there when it is loaded, and in Python nothing keeps
    a CompiledModel from loading it; the native engine asks for the CPU's accelerator alone.
    """
    if platform.machine() != "aarch64":
        return False
    return any("asimd" in cpu.flags and "atomics" not in cpu.flags for cpu in cpu_entries())


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _import_package(module: str = "compiled_model") -> Any:
    try:
        return importlib.import_module(f"{_PACKAGE}.{module}")
    except ImportError as error:
        raise NotAvailableError(
            f"the ai-edge-litert package cannot be imported in {sys.executable}: {error}; install "
            f"it with {LiteRtRuntime.install_hint}"
        ) from error


def _require_no_settings(options: LoadOptions) -> None:
    if options.settings:
        raise UsageError(f"litert has no settings, but {', '.join(options.settings)} was given")


def _dtype_of(tensor: DeclaredTensor) -> str:
    if tensor.dtype not in _DTYPES:
        raise ModelError(
            f"tensor '{tensor.name}' holds {tensor.dtype}, which edgeloop cannot read or write; "
            "convert the model with float32 or integer inputs and outputs"
        )
    return tensor.dtype


def _spec_of(tensor: DeclaredTensor, shape: tuple[int, ...]) -> TensorSpec:
    """Describe a tensor; an output's shape is known after a run only."""
    return TensorSpec(
        name=tensor.name,
        dtype=_dtype_of(tensor),
        shape=shape,
        scales=tensor.scales,
        zero_points=tensor.zero_points,
        axis=tensor.axis,
    )


def _refusal(options: LoadOptions, error: RuntimeError) -> str:
    """Put the runtime's reason, the last line of its chain, into a sentence."""
    from edgeloop.models.tflite_reader import custom_operators

    reason = str(error).rsplit("└", 1)[-1].strip()
    if options.batch_size or options.shapes:
        return (
            f"LiteRT cannot run the model {options.model} with the batch size or shapes that were "
            f"asked for: {reason}; a model often fixes its batch size inside, convert it with "
            "another one"
        )
    custom = ", ".join(custom_operators(Path(options.model)))
    hint = f"; perhaps an unresolved custom op, of which the model has: {custom}" if custom else ""
    return f"LiteRT cannot load the model {options.model}: {reason}{hint}"


RUNTIME = LiteRtRuntime()
