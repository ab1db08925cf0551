"""ncnn through its Python package, which exports no C functions: the framework's loops only."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

import numpy as np

from edgeloop.errors import ModelError, NotAvailableError, UsageError, one_line
from edgeloop.models.ncnn_file import NcnnModel, read_ncnn
from edgeloop.runtimes._package_library import UNKNOWN, PackageLibrary
from edgeloop.runtimes.protocol import Framework, Installation, Runtime, Verifier
from edgeloop.runtimes.shape import asked_shapes, shape_text
from edgeloop.spec.load import FRAMEWORK_LOOPS, LoadOptions, TensorSpec

_LIBRARY = PackageLibrary(package="ncnn", distributions=("ncnn", "ncnn-vulkan"), pattern="ncnn*.so")
_NO_NATIVE = "the ncnn package exports no C functions"
_PRECISIONS = ("fp16", "fp32", "bf16")
_FP16 = ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic")
_BF16 = ("use_bf16_packed", "use_bf16_storage")

_Array = np.ndarray[Any, Any]


class NcnnFramework(Framework):
    """A Net; a run makes an Extractor, which keeps what it has computed, so each needs its own."""

    def __init__(
        self, ncnn: Any, net: Any, inputs: Sequence[TensorSpec], outputs: Sequence[str]
    ) -> None:
        self.inputs = tuple(inputs)
        self.output_names = list(outputs)
        self._ncnn = ncnn
        self._arrays: list[_Array] = []
        self._given: list[tuple[str, Any]] = []
        self._made: list[Any] = []
        self.invoke: Callable[[], object] = self._runner(net)
        self.set_inputs([np.zeros(spec.shape, spec.dtype) for spec in self.inputs])

    def _runner(self, net: Any) -> Callable[[], object]:
        """Return a run without a look-up that an application would not make."""
        outputs, make = tuple(self.output_names), net.create_extractor

        def run() -> object:
            extractor = make()
            for name, value in self._given:
                extractor.input(name, value)
            self._made = [extractor.extract(name) for name in outputs]
            return self._made

        return run

    def set_inputs(self, arrays: Sequence[_Array]) -> None:
        """Give one array per input, of exactly its dtype and shape; the first axis is 1."""
        self._arrays = [np.ascontiguousarray(array) for array in arrays]
        self._given = [
            # A copy in ncnn's own memory: its channels begin at aligned addresses.
            (spec.name, self._ncnn.Mat(array[0]).clone())
            for spec, array in zip(self.inputs, self._arrays)
        ]

    def outputs(self) -> list[_Array]:
        """Copy the outputs of the last invocation, with a first axis of 1."""
        found = []
        for name, (state, value) in zip(self.output_names, self._made):
            if state != 0 or value.empty():
                raise ModelError(f"ncnn computed nothing for the output '{name}' (code {state})")
            found.append(np.array(value.numpy())[np.newaxis])
        return found

    def invoke_io(self) -> object:
        """Run from NumPy arrays to NumPy arrays."""
        self.set_inputs(self._arrays)
        self.invoke()
        return self.outputs()


class Ncnn(Runtime):
    """ncnn's models on its CPU kernels."""

    name = "ncnn"
    formats: Mapping[str, Optional[int]] = {"ncnn": 1}
    loops = FRAMEWORK_LOOPS
    missing_loops: Mapping[str, str] = {"native": _NO_NATIVE, "binding": _NO_NATIVE}
    timed_region: Mapping[str, str] = {
        "callable": "Net.create_extractor, Extractor.input and extract of each blob, called by "
        "vectorcall from C++",
        "framework": "Net.create_extractor, Extractor.input and extract of each blob",
        "framework-io": "Mat(array).clone() of each input, the run, Mat.numpy() of each output",
    }
    settings = ("precision",)
    verifies: Mapping[str, Verifier] = {"ncnn": Verifier(("ncnn",), "ncnn", {"precision": "fp32"})}
    missing_profiler = "the ncnn package does not time the layers of a run"
    why_no_placement = "ncnn runs every layer itself, on the CPU"
    install_hint = "edgeloop setup ncnn"

    def find(self, library: Optional[str] = None) -> Installation:
        """Locate the package. Raises NotAvailableError."""
        if library:
            raise NotAvailableError(
                f"ncnn runs the package's own code, not {library}; leave --library out"
            )
        if _LIBRARY.folder() is None:
            raise NotAvailableError(
                f"the ncnn package is not installed in {sys.executable}; run "
                f"'{self.install_hint}', or 'pip install ncnn'"
            )
        return Installation(_LIBRARY.version() or UNKNOWN, None, "the ncnn package")

    def declared_shapes(self, model: str) -> Mapping[str, Sequence[Optional[int]]]:
        """Read them from the text; nothing for an input that it leaves open."""
        return {name: shape for name, shape in read_ncnn(model).inputs.items() if shape is not None}

    def import_packages(self, loops: Sequence[str]) -> None:
        """Import ncnn: every loop needs it."""
        del loops
        _import_package()

    def load_framework(self, options: LoadOptions) -> NcnnFramework:
        """Load a Net with the precision and the threads that were asked for.

        Raises ModelError where ncnn does not load it, UsageError where a shape is open.
        """
        precision = _precision(options)
        model = read_ncnn(options.model)
        inputs = _inputs(model, options)
        ncnn = _import_package()
        net = ncnn.Net()
        net.opt.num_threads = options.threads
        net.opt.use_vulkan_compute = False
        for name in _FP16 if precision != "fp16" else ():
            setattr(net.opt, name, False)
        for name in _BF16 if precision == "bf16" else ():
            setattr(net.opt, name, True)
        _require_layers(ncnn, model)
        if net.load_param(str(model.param)) != 0 or net.load_model(str(model.weights)) != 0:
            raise ModelError(
                f"ncnn cannot load the model {options.model}: it is damaged, or its weights in "
                f"{model.weights.name} are those of another model"
            )
        return NcnnFramework(ncnn, net, inputs, model.outputs)

    def executed_precision(
        self, options: LoadOptions, stored: Optional[str], reported: Optional[str]
    ) -> tuple[Optional[str], str]:
        """Return fp32 where it was asked for; else ncnn takes what the CPU's kernels have."""
        del stored, reported
        precision = _precision(options)
        if precision == "fp32":
            return precision, "derived from its options"
        return None, f"ncnn computes in {precision} where the CPU has it, and does not report it"


def _precision(options: LoadOptions) -> str:
    for key, value in options.settings.items():
        if key not in Ncnn.settings:
            raise UsageError(f"ncnn has no setting '{key}={value}'; known: precision")
    wanted = str(options.settings.get("precision", _PRECISIONS[0])).lower()
    if wanted not in _PRECISIONS:
        raise UsageError(f"ncnn: precision={wanted} is not one of {', '.join(_PRECISIONS)}")
    return wanted


def _inputs(model: NcnnModel, options: LoadOptions) -> list[TensorSpec]:
    declared = model.inputs
    if not declared:
        raise ModelError(f"{options.model} has no Input layer")
    asked = asked_shapes(list(declared), options)
    specs = []
    for name, stated in declared.items():
        shape = asked.get(name, stated)
        if shape is None or None in shape:
            raise UsageError(
                f"{options.model} does not state the shape of its input '{name}'; give it with "
                f"--shape {name}=1x3x224x224"
            )
        sizes = tuple(int(size or 0) for size in shape)
        if len(sizes) < 2 or sizes[0] != 1 or options.batch_size > 1:
            raise UsageError(
                f"ncnn runs one sample at a time: the input '{name}' cannot be "
                f"{shape_text((options.batch_size or sizes[0], *sizes[1:]))}; its first dimension "
                "is 1"
            )
        specs.append(TensorSpec(name, "float32", sizes))
    return specs


def _require_layers(ncnn: Any, model: NcnnModel) -> None:
    """Raise ModelError that names a layer which this ncnn lacks: it would crash, or say -1."""
    lacks = sorted({layer.type for layer in model.layers if ncnn.layer_to_index(layer.type) < 0})
    if lacks:
        raise ModelError(
            f"ncnn has no layer {', '.join(lacks)}, which {model.param.name} asks for; convert "
            "the model again without it"
        )


def _import_package() -> Any:
    try:
        return importlib.import_module("ncnn")
    except ImportError as error:
        raise NotAvailableError(
            f"the ncnn package cannot be imported in {sys.executable}: {one_line(error)}; install "
            f"it with '{Ncnn.install_hint}'"
        ) from error


RUNTIME = Ncnn()
