"""PyTorch through Python, for every file kind from which a module can be had.

With an AOTInductor package of the same model beside the file, native loops run that.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional

from edgeloop import _core
from edgeloop.errors import ModelError, NotAvailableError, RuntimeFailedError, UsageError
from edgeloop.runtimes import torch_modes as modes
from edgeloop.runtimes.protocol import (
    Framework,
    Installation,
    OperatorProfiler,
    OperatorTime,
    Runtime,
    Verifier,
)
from edgeloop.runtimes.shape import asked_shapes, fixed_shapes, shape_text
from edgeloop.runtimes.torch_framework import (
    CPU,
    DTYPES,
    TorchFramework,
    device_name,
    input_tensors,
    require_device,
    require_form,
)
from edgeloop.runtimes.torch_package import INSTALL_HINT, find_torch, import_torch, set_threads
from edgeloop.spec.load import FRAMEWORK_LOOPS, LoadOptions, TensorSpec

if TYPE_CHECKING:
    from edgeloop.runtimes.protocol import Block
    from edgeloop.runtimes.torch_files import DeclaredInput

RESOLUTION = "torch.profiler stamps each call of an operator in ns, with the calls inside it"

_OWNER = "PyTorch"
# Names of operators have a namespace; what has none is TorchScript's own.
_NAMESPACE = "::"

# A block's events are Python objects, some 2 kB each.
_BLOCK_EVENTS = 20_000

_DEFAULT_DTYPE = "float32"


class TorchRuntime(Runtime):
    """PyTorch models, in the way that --torch-mode says."""

    name = "torch"
    formats: Mapping[str, Optional[int]] = {"pytorch": 1}
    loops = FRAMEWORK_LOOPS
    missing_loops: Mapping[str, str] = {"native": modes.NO_PACKAGE, "binding": modes.NO_PACKAGE}
    """Without a package: with one, native loops are those of the runtime aotinductor."""
    timed_region: Mapping[str, str] = {
        "callable": "the module on its inputs, in a method that C++ calls by vectorcall",
        "framework": "the module on its inputs",
        "framework-io": "the module from NumPy arrays to NumPy arrays",
    }
    settings = ("input-dtype",)
    has_modes = True
    takes_device = True
    profiled_loop = "framework"
    verifies: Mapping[str, Verifier] = {"pytorch": Verifier(("torch",), "convert")}
    install_hint = INSTALL_HINT

    def find(self, library: Optional[str] = None) -> Installation:
        """Locate the package. Raises NotAvailableError."""
        if library:
            raise NotAvailableError(
                f"torch runs the package's own libraries, not {library}; leave --library out"
            )
        found = find_torch()
        return Installation(found.version, None, found.origin)

    def require_device_form(self, device: str) -> None:
        """Raise UsageError where it is neither cpu nor cuda[:N]."""
        require_form(device)

    def require_trust(self, options: LoadOptions) -> None:
        """Raise ModelError for a package of others, unless the user vouches for it."""
        if options.package is not None:
            self.engine_of(options.package).require_trust(options)

    def import_packages(self, loops: Sequence[str]) -> None:
        """Import torch, unless the package's library is all that the loops need."""
        if any(loop in FRAMEWORK_LOOPS for loop in loops):
            import_torch()

    def load_engine(self, options: LoadOptions, framework: Optional[Framework]) -> _core.Engine:
        """Load the model's AOTInductor package. Raises UsageError where none was named."""
        del framework
        if options.package is None:
            raise UsageError(f"torch has no native loop: {modes.NO_PACKAGE}")
        from edgeloop.runtimes.aotinductor import load_package

        return load_package(options, options.package)

    def load_framework(self, options: LoadOptions) -> TorchFramework:
        """Load the module, fix its input shapes, and bring it into the form of the mode."""
        from edgeloop.runtimes.torch_files import load_module

        require_known_settings(options)
        torch = import_torch()
        device = require_device(torch, options.device)
        notes = set_threads(torch, options.threads)
        loaded = load_module(torch, options)
        inputs = input_specs(loaded.inputs, options, setting_dtype(options, loaded.module))
        if options.torch_mode == modes.AOTINDUCTOR:
            code = modes.load_package(torch, _package_of(options, inputs))
        else:
            if device != CPU:
                loaded.module.to(device)
            tensors = input_tensors(torch, inputs, device)
            code = modes.code_of(torch, loaded, options.torch_mode, tensors, options.model)
        framework = TorchFramework(
            torch,
            code.module,
            inputs,
            keywords=code.keywords,
            notes=(*loaded.notes, *notes, *code.notes),
            device=device,
            device_name=device_name(torch, device),
            code=code.words,
        )
        for note in framework.notes:
            print(f"edgeloop: {options.model}: {note}", file=sys.stderr)
        return framework

    def engine_of(self, package: Optional[str]) -> Runtime:
        """Return the runtime of the package, where there is one."""
        if package is None:
            return self
        from edgeloop.runtimes.aotinductor import RUNTIME as AOTINDUCTOR

        return AOTINDUCTOR

    def computes_on(self, options: LoadOptions) -> str:
        """Return what --device says."""
        return "gpu" if (options.device or CPU) != CPU else CPU

    def operator_profiler(
        self, engine: Optional[_core.Engine], framework: Optional[Framework]
    ) -> OperatorProfiler:
        """Return PyTorch's own profiler."""
        del engine, framework
        return TorchProfiler(import_torch())


def _package_of(options: LoadOptions, inputs: Sequence[TensorSpec]) -> str:
    """Return the package's path. Raises UsageError where there is none, ModelError for another."""
    from edgeloop.runtimes.aotinductor import require_same_inputs

    if options.package is None:
        raise UsageError(modes.NO_PACKAGE_MODE)
    require_same_inputs(options.package, inputs)
    return options.package


def require_known_settings(options: LoadOptions) -> None:
    """Raise UsageError for a setting or a dtype that there is not."""
    for key, value in options.settings.items():
        if key not in TorchRuntime.settings:
            raise UsageError(
                f"torch has no setting '{key}={value}'; known: {', '.join(TorchRuntime.settings)}"
            )
    dtype = options.settings.get("input-dtype")
    if dtype is not None and dtype not in DTYPES:
        raise UsageError(f"torch: input-dtype={dtype} is not one of {', '.join(DTYPES)}")


def setting_dtype(options: LoadOptions, module: Any) -> str:
    """Return the dtype of inputs whose dtype the file does not state.

    A network of float16 or bfloat16 throughout takes its inputs in that dtype too. Raises
    UsageError.
    """
    require_known_settings(options)
    held = {str(one.dtype).replace("torch.", "", 1) for one in module.parameters()}
    floats = held & {"float16", "bfloat16", "float32", "float64"}
    own = floats.pop() if len(floats) == 1 else _DEFAULT_DTYPE
    return options.settings.get("input-dtype", own)


def input_specs(
    inputs: Sequence[DeclaredInput], options: LoadOptions, dtype: str
) -> list[TensorSpec]:
    """Fix the shapes of the inputs. Raises UsageError, ModelError for a dtype that cannot be."""
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
        if held not in DTYPES:
            raise ModelError(
                f"the model's input '{item.name}' is {held}, which edgeloop cannot fill; export "
                "the model with float32, float16 or integer inputs"
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


RUNTIME = TorchRuntime()


class TorchProfiler:
    """torch.profiler around every block that is recorded."""

    resolution = RESOLUTION

    def __init__(self, torch: Any) -> None:
        self._torch = torch
        self._runs: list[list[OperatorTime]] = []
        self.most_runs: Optional[int] = None

    def block(self, run_block: Callable[[int], Block], runs: int) -> Block:
        """Record a block."""
        profiler = self._torch.profiler
        with profiler.profile(activities=[profiler.ProfilerActivity.CPU]) as profile:
            block = run_block(runs)
        events = list(profile.events())
        self.most_runs = max(1, _BLOCK_EVENTS * runs // max(1, len(events)))
        self._runs += split_calls(outermost(events), runs)
        return block

    def operators(self) -> list[list[OperatorTime]]:
        """Return the operators of every run recorded."""
        return self._runs


def outermost(events: Sequence[Any]) -> list[Any]:
    """Return the calls of operators that no other operator made, in their order."""
    calls = [event for event in events if _NAMESPACE in event.name and not _is_inner(event)]
    return sorted(calls, key=lambda event: float(event.time_range.start))


def _is_inner(event: Any) -> bool:
    parent = event.cpu_parent
    while parent is not None:
        if _NAMESPACE in parent.name:
            return True
        parent = parent.cpu_parent
    return False


def split_calls(calls: Sequence[Any], runs: int) -> list[list[OperatorTime]]:
    """Return the calls of each run. Raises RuntimeFailedError where runs call differently."""
    each = len(calls) // runs
    pieces = [calls[run * each : (run + 1) * each] for run in range(runs)]
    if each * runs != len(calls) or len({tuple(c.name for c in piece) for piece in pieces}) > 1:
        raise RuntimeFailedError(
            "the model calls other operators from run to run, which a profile by operator cannot "
            "show; export it with torch.export or to ONNX and profile that"
        )
    return [[_operator(call, piece[0]) for call in piece] for piece in pieces]


def _operator(call: Any, first: Any) -> OperatorTime:
    begun_us = float(first.time_range.start)
    return OperatorTime(
        operator=str(call.name),
        owner=_OWNER,
        duration_ns=1000.0 * float(call.time_range.elapsed_us()),
        start_ns=1000.0 * (float(call.time_range.start) - begun_us),
    )
