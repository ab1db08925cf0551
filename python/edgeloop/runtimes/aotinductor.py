"""AOTInductor packages (.pt2): a PyTorch model that is compiled, with and without Python.

The native loop needs PyTorch's libtorch_cpu.so and imports nothing. A package is machine code: to
load it is to run it, so no command does that unless its runtime was named, and edgeloop compiled it
here or the user vouches for it.
"""

from __future__ import annotations

import mmap
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Optional

from edgeloop import _core
from edgeloop.errors import ModelError, NotAvailableError, UsageError
from edgeloop.host.program import environment_variable
from edgeloop.models.aotinductor_file import (
    Package,
    PackageTensor,
    extract_library,
    read_package,
    require_fit,
    require_own_package,
)
from edgeloop.runtimes import torch_modes as modes
from edgeloop.runtimes.protocol import Framework, Installation, Runtime, Verifier, engine_shapes
from edgeloop.runtimes.shape import fixed_shapes, shape_text
from edgeloop.runtimes.torch_framework import TorchFramework
from edgeloop.runtimes.torch_package import (
    INSTALL_HINT,
    LIBRARY_NAME,
    find_torch,
    import_torch,
    set_threads,
)
from edgeloop.spec.load import FRAMEWORK_LOOPS, LOOPS, LoadOptions, TensorSpec

# Compiled code looks at it once, in its first run: whether to compare its inputs with what it
# expects.
_CHECK_VARIABLE = "AOTI_RUNTIME_CHECK_INPUTS"
_RUN = "aoti_torch_new_tensor_handle per input, AOTInductorModelContainerRun"

# Package → the descriptor of its library, a file without a name. It stays open: the loader knows a
# library by its path, /proc/self/fd/N, and never lets one of these go.
_libraries: dict[tuple[Any, ...], int] = {}
_checked: set[tuple[Any, ...]] = set()


class AotInductorRuntime(Runtime):
    """Compiled PyTorch models on the CPU."""

    name = "aotinductor"
    formats: Mapping[str, Optional[int]] = {"aotinductor": 1}
    loops = LOOPS
    timed_region: Mapping[str, str] = {
        "native": _RUN,
        "binding": f"_core.Engine.run(): {_RUN}",
        "callable": "the package on its inputs, in a method that C++ calls by vectorcall",
        "framework": "the package on its inputs",
        "framework-io": "the package from NumPy arrays to NumPy arrays",
    }
    settings = ("input-dtype",)
    verifies: Mapping[str, Verifier] = {"aotinductor": Verifier(("torch",), "convert")}
    install_hint = INSTALL_HINT

    def find(self, library: Optional[str] = None) -> Installation:
        """Locate libtorch_cpu.so. Raises NotAvailableError."""
        if library:
            if not Path(library).is_file():
                raise NotAvailableError(f"--library names {library}, but no such file exists")
            return Installation("unknown", library, "--library")
        found = find_torch()
        if not Path(str(found.library)).is_file():
            raise NotAvailableError(
                f"the torch package {found.version} has no {LIBRARY_NAME} at {found.library}; "
                f"install it with '{INSTALL_HINT}', or name the library with --library"
            )
        return found

    def require_trust(self, options: LoadOptions) -> None:
        """Raise ModelError for a package of others, unless the user vouches for it."""
        if not options.trust_pickle:
            require_own_package(Path(options.package or options.model))

    def import_packages(self, loops: Sequence[str]) -> None:
        """Import torch for the loops that go through Python."""
        if any(loop in FRAMEWORK_LOOPS for loop in loops):
            import_torch()

    def load_engine(self, options: LoadOptions, framework: Optional[Framework]) -> _core.Engine:
        """Load the package for the native loop."""
        del framework
        return load_package(options, options.model)

    def load_framework(self, options: LoadOptions) -> TorchFramework:
        """Load the package as PyTorch's own loader does."""
        _require_known_settings(options)
        package = _usable_package(options.model)
        torch = import_torch()
        notes = set_threads(torch, options.threads)
        if package.inputs is None:
            _require_checked(package, options)
        code = modes.load_package(torch, options.model)
        return TorchFramework(
            torch, code.module, _input_specs(package, options), notes=notes, code=code.words
        )


def load_package(options: LoadOptions, path: str) -> _core.Engine:
    """Load a package for the native loop, with the options of the model it was made from."""
    _require_known_settings(options)
    package = _usable_package(path)
    if package.dispatched:
        raise ModelError(
            f"{path} calls operators that only PyTorch's own dispatcher can run; measure it with "
            "--loops callable,framework,framework-io"
        )
    if package.inputs is None:
        _require_checked(package, options)
    return _engine(package, options, _library(package, "measured"))


def require_same_inputs(path: str, inputs: Sequence[TensorSpec]) -> None:
    """Raise ModelError where a package takes other inputs than the model."""
    package = _usable_package(path)
    packaged = [(tensor.dtype, tensor.shape) for tensor in package.inputs or ()]
    wanted = [(spec.dtype, spec.shape) for spec in inputs]
    if packaged != wanted:
        stated = ", ".join(f"{dtype} {shape_text(shape)}" for dtype, shape in packaged)
        needs = ", ".join(f"{dtype} {shape_text(shape)}" for dtype, shape in wanted)
        raise ModelError(
            f"{path} takes other inputs ({stated or 'not reported'}) than the model "
            f"({needs}); make it of this model and these shapes with 'edgeloop convert'"
        )


def _require_known_settings(options: LoadOptions) -> None:
    for key in options.settings:
        if key not in AotInductorRuntime.settings:
            known = ", ".join(AotInductorRuntime.settings)
            raise UsageError(f"aotinductor has no setting '{key}'; known: {known}")


def _usable_package(path: str) -> Package:
    package = read_package(Path(path))
    require_fit(package, platform.machine())
    for tensor in package.inputs or ():
        if tensor.strides != _dense_strides(tensor):
            raise ModelError(
                f"{path} was compiled for an input '{tensor.name}' with the strides "
                f"{tensor.strides}, not those of a dense tensor, and would compute something else; "
                "convert the model again"
            )
    return package


def _dense_strides(tensor: PackageTensor) -> tuple[int, ...]:
    strides = [1]
    for dim in reversed(tensor.shape[1:]):
        strides.insert(0, strides[0] * max(dim, 1))
    return tuple(strides[: len(tensor.shape)])


def _engine(package: Package, options: LoadOptions, library: int) -> _core.Engine:
    installation = AotInductorRuntime().find(options.library)
    settings = {"package": str(package.path), "torch-version": installation.version}
    if package.inputs is None:
        settings["input-dtype"] = options.settings.get("input-dtype", "float32")
    else:
        settings["inputs"] = _lines(package.inputs)
        settings["outputs"] = _lines(package.outputs or ())
    return _core.create_engine(
        "aotinductor",
        library=str(installation.library),
        model=f"/proc/self/fd/{library}",
        threads=options.threads,
        batch_size=options.batch_size,
        shapes=engine_shapes(options),
        settings=settings,
    )


def _lines(tensors: Sequence[PackageTensor]) -> str:
    return "".join(f"{t.dtype} {shape_text(t.shape)} {t.name}\n" for t in tensors)


def _library(package: Package, purpose: str) -> int:
    """Unpack the library; each purpose has a copy of its own, with its own statics."""
    key = _key(package, purpose)
    if key not in _libraries:
        with TemporaryFile(prefix="edgeloop-aotinductor-") as file:
            extract_library(package, file)
            _libraries[key] = os.dup(file.fileno())
    return _libraries[key]


def _key(package: Package, purpose: object) -> tuple[Any, ...]:
    """Tell a package from another one, also at the same path."""
    status = package.path.stat()
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, purpose)


def _require_checked(package: Package, options: LoadOptions) -> None:
    """Let a package of unknown origin check its inputs, in a copy that measures nothing.

    Raises ModelError where it expects others: it would compute something, and nobody would know.
    """
    shapes = tuple((name, tuple(shape)) for name, shape in options.shapes.items())
    key = _key(package, (shapes, options.settings.get("input-dtype")))
    if key in _checked:
        return
    library = _library(package, "checked")
    with mmap.mmap(library, 0, access=mmap.ACCESS_READ) as content:
        if content.find(_CHECK_VARIABLE.encode()) < 0:
            raise ModelError(
                f"{package.path} cannot check its inputs, because its PyTorch is too old; make the "
                "package with 'edgeloop convert MODEL --to aotinductor'"
            )
    try:
        with environment_variable(_CHECK_VARIABLE, "1"):
            _engine(package, options, library)
    except ModelError as error:
        raise ModelError(
            f"{error}; it was exported for other inputs than dense ones of this shape and dtype: "
            "see --shape and --set input-dtype, or convert the model again"
        ) from error
    _checked.add(key)


def _input_specs(package: Package, options: LoadOptions) -> list[TensorSpec]:
    if package.inputs is None:
        dtype = options.settings.get("input-dtype", "float32")
        if not options.shapes:
            raise UsageError(f"{package.path} does not say the shapes of its inputs; give --shape")
        return [
            TensorSpec(name or "input", dtype, tuple(shape))
            for name, shape in options.shapes.items()
        ]
    shapes = fixed_shapes({tensor.name: tensor.shape for tensor in package.inputs}, options)
    for tensor in package.inputs:
        if shapes[tensor.name] != tensor.shape:
            raise UsageError(
                f"the package fixes its input '{tensor.name}' to {shape_text(tensor.shape)}, so it "
                f"cannot run as {shape_text(shapes[tensor.name])}; convert the model with that "
                "shape"
            )
    return [TensorSpec(t.name, t.dtype, t.shape) for t in package.inputs]


RUNTIME = AotInductorRuntime()
