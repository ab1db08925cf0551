"""TensorFlow itself: SavedModels and frozen graphs, through its C interface and its package."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

import numpy as np

from edgeloop import _core
from edgeloop.errors import ModelError, NotAvailableError, UsageError, one_line, plain
from edgeloop.models.formats import detect_format
from edgeloop.models.tensorflow_graph import Signature, read_graph, signature_of
from edgeloop.models.tensorflow_trust import code_in
from edgeloop.runtimes._package_library import UNKNOWN, PackageLibrary
from edgeloop.runtimes.protocol import (
    Framework,
    Installation,
    Runtime,
    engine_shapes,
)
from edgeloop.runtimes.shape import asked_shapes, fixed_shapes, shape_text
from edgeloop.spec.load import FRAMEWORK_LOOPS, LoadOptions, TensorSpec

_LIBRARY = PackageLibrary(
    package="tensorflow",
    distributions=("tensorflow", "tensorflow-cpu", "tensorflow-cpu-aws"),
    pattern="libtensorflow_cc.so*",
    variable="EDGELOOP_TENSORFLOW_LIBRARY",
)
_SESSION, _FUNCTION = "session", "function"
# experimental (16) { executor_type (3) }, fields of ConfigProto.
_SINGLE_THREADED = b"\x82\x01\x1a\x1a\x18SINGLE_THREADED_EXECUTOR"

_Array = np.ndarray[Any, Any]


class SessionFramework(Framework):
    """A compat.v1.Session over the whole graph: the way of TensorFlow 1, and of frozen graphs."""

    def __init__(
        self,
        session: Any,
        signature: Signature,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
    ) -> None:
        self.inputs = tuple(inputs)
        self._session = session
        self._places = [one.place for one in signature.inputs]
        graph = session.graph
        self._fetches = [graph.get_tensor_by_name(one.place) for one in signature.outputs]
        # Of a frozen graph only TensorFlow knows the dtypes of all nodes.
        self.output_specs = tuple(
            replace(spec, dtype=tensor.dtype.base_dtype.name)
            for spec, tensor in zip(outputs, self._fetches)
        )
        self._feed: dict[Any, _Array] = {}
        self._results: list[_Array] = []
        self.set_inputs([np.zeros(spec.shape, spec.dtype) for spec in self.inputs])
        self.invoke = self.invoke_io = self._run

    def _run(self) -> object:
        self._results = self._session.run(self._fetches, self._feed)
        return self._results

    def set_inputs(self, arrays: Sequence[_Array]) -> None:
        """Give one array per input, of exactly its dtype and shape."""
        graph = self._session.graph
        self._feed = {
            graph.get_tensor_by_name(place): np.ascontiguousarray(array)
            for place, array in zip(self._places, arrays)
        }

    def outputs(self) -> list[_Array]:
        """Copy the outputs of the last invocation, in the signature's order."""
        return [np.array(array) for array in self._results]


class FunctionFramework(Framework):
    """The concrete function of a SavedModel's signature, called with tensors or with arrays."""

    def __init__(
        self,
        tensorflow: Any,
        loaded: Any,
        signature: Signature,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
    ) -> None:
        self.inputs = tuple(inputs)
        self.output_specs = tuple(outputs)
        self._tensorflow = tensorflow
        self._loaded = loaded  # without it the variables are deleted
        self._function = loaded.signatures[signature.name]
        self._names = [one.name for one in signature.outputs]
        self._tensors: dict[str, Any] = {}
        self._arrays: dict[str, _Array] = {}
        self._results: dict[str, Any] = {}
        self.set_inputs([np.zeros(spec.shape, spec.dtype) for spec in self.inputs])
        self.invoke = self._call
        self.invoke_io = self._call_with_arrays

    def _call(self) -> object:
        self._results = self._function(**self._tensors)
        return self._results

    def _call_with_arrays(self) -> object:
        constant = self._tensorflow.constant
        results = self._function(**{name: constant(a) for name, a in self._arrays.items()})
        self._results = {name: results[name].numpy() for name in self._names}
        return self._results

    def set_inputs(self, arrays: Sequence[_Array]) -> None:
        """Give one array per input, of exactly its dtype and shape."""
        self._arrays = {spec.name: array for spec, array in zip(self.inputs, arrays)}
        self._tensors = {
            name: self._tensorflow.constant(array) for name, array in self._arrays.items()
        }

    def outputs(self) -> list[_Array]:
        """Copy the outputs of the last invocation, in the signature's order."""
        return [np.array(self._results[name]) for name in self._names]


class TensorFlow(Runtime):
    """SavedModel folders and frozen graphs, on the CPU."""

    name = "tensorflow"
    formats: Mapping[str, Optional[int]] = {"savedmodel": 1, "graphdef": 1}
    loops = ("native", "binding", "callable", "framework", "framework-io")
    timed_region: Mapping[str, str] = {
        "native": "TF_SessionRun on preallocated inputs; TensorFlow allocates the outputs",
        "binding": "_core.Engine.run(): TF_SessionRun on preallocated inputs",
        "callable": "the signature's concrete function on tensors, called by vectorcall from C++",
        "framework": "the signature's concrete function on tensors that exist already",
        "framework-io": "tf.constant of each input, the concrete function, .numpy() of each output",
    }
    settings = ("api", "signature", "outputs", "executor")
    rest_runs_on = "TensorFlow's own CPU kernels"
    missing_profiler = "edgeloop does not read TensorFlow's step statistics"
    install_hint = "edgeloop setup tensorflow"
    environments = ("tensorflow", "convert")

    def find(self, library: Optional[str] = None) -> Installation:
        """Locate the C library. Raises NotAvailableError."""
        named = _LIBRARY.named(library)
        if named is not None:
            path, origin = named
            return Installation(_LIBRARY.version_beside(path) or UNKNOWN, str(path), origin)
        folder = _LIBRARY.folder()
        if folder is None:
            raise NotAvailableError(
                f"the tensorflow package is not installed in {sys.executable}; install it with "
                f"'{self.install_hint}', or name a libtensorflow_cc.so.2 with {_LIBRARY.variable}"
            )
        found = _LIBRARY.libraries(folder)
        return Installation(
            _LIBRARY.version() or UNKNOWN,
            str(found[-1]) if found else None,
            "the tensorflow package",
        )

    def require_trust(self, options: LoadOptions) -> None:
        """Raise ModelError where the graph reads or writes files, or calls Python."""
        code = None if options.trust_pickle else code_in(options)
        if code is not None:
            raise ModelError(
                f"{options.model} was not loaded, because it holds {code}: it may run code or "
                "touch files of its author's choice; add --trust-pickle only if you trust it"
            )

    def choice_of(self, model: str) -> Optional[str]:
        """Say which of several signatures is run."""
        names = sorted(read_graph(model).signatures)
        if len(names) < 2:
            return None
        chosen = signature_of(model).name
        others = ", ".join(plain(name) for name in names if name != chosen)
        return f"signature '{chosen}'; others, chosen with --set signature=NAME: {others}"

    def declared_shapes(self, model: str) -> Mapping[str, Sequence[Optional[int]]]:
        """Read them from the file."""
        inputs = signature_of(model).inputs
        return {one.name: one.shape for one in inputs if one.shape is not None}

    def import_packages(self, loops: Sequence[str]) -> None:
        """Import tensorflow for the loops that go through its package, and only for those."""
        if any(loop in FRAMEWORK_LOOPS for loop in loops):
            import_package()

    def load_engine(self, options: LoadOptions, framework: Optional[Framework]) -> _core.Engine:
        """Load the model into a session of the C library."""
        del framework
        _quieten()
        found = self.find(options.library)
        if found.library is None:
            raise NotAvailableError(
                f"the tensorflow package {found.version} has no libtensorflow_cc.so.2, which the "
                "native loop calls; install tensorflow 2.12 or later"
            )
        signature = _signature(options)
        return _core.create_engine(
            "tensorflow",
            library=found.library,
            model=options.model,
            threads=options.threads,
            batch_size=options.batch_size,
            shapes=engine_shapes(options),
            settings={
                "format": detect_format(options.model).format,
                "inputs": _places(signature.inputs),
                "outputs": _places(signature.outputs),
                "config": _SINGLE_THREADED.hex() if _single_threaded(options) else "",
            },
            probe=options.probe,
        )

    def load_framework(self, options: LoadOptions) -> Framework:
        """Load the model with the tensorflow package."""
        tensorflow = import_package()
        signature = _signature(options)
        inputs = _inputs(signature, options)
        outputs = [
            TensorSpec(one.name, one.dtype, tuple(size or 0 for size in one.shape or ()))
            for one in signature.outputs
        ]
        _set_threads(tensorflow, options.threads)
        try:
            if _api(options) == _FUNCTION:
                loaded = tensorflow.saved_model.load(options.model)
                return FunctionFramework(tensorflow, loaded, signature, inputs, outputs)
            session = _session(tensorflow, options)
            framework = SessionFramework(session, signature, inputs, outputs)
        except Exception as error:  # whatever its loaders raise
            raise ModelError(
                f"tensorflow cannot load the model {options.model}: {one_line(error)}"
            ) from error
        words = "Session.run(fetches, {input: array}), which copies inputs and outputs"
        framework.timed_region = {
            "callable": f"{words}, called by vectorcall from C++",
            "framework": words,
            "framework-io": words,
        }
        return framework


def import_package() -> Any:
    """Import tensorflow without its start-up talk. Raises NotAvailableError."""
    _quieten()
    try:
        return importlib.import_module("tensorflow")
    except (ImportError, OSError) as error:
        raise NotAvailableError(
            f"the tensorflow package cannot be imported in {sys.executable}: {one_line(error)}; "
            f"install it with '{TensorFlow.install_hint}'"
        ) from error


def _quieten() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # what is measured is the CPU


def _setting(options: LoadOptions, key: str, known: Sequence[str]) -> str:
    value = str(options.settings.get(key, known[0]))
    if value not in known:
        raise UsageError(f"tensorflow: {key}={plain(value)} is not one of {', '.join(known)}")
    return value


def _api(options: LoadOptions) -> str:
    """Return which API the framework loops use; a frozen graph has no functions to call."""
    if detect_format(options.model).format == "savedmodel":
        return _setting(options, "api", (_FUNCTION, _SESSION))
    return _setting(options, "api", (_SESSION,))


def _single_threaded(options: LoadOptions) -> bool:
    executor = _setting(options, "executor", ("default", "single-threaded"))
    return executor == "single-threaded"


def _signature(options: LoadOptions) -> Signature:
    for key, value in options.settings.items():
        if key not in TensorFlow.settings:
            raise UsageError(
                f"tensorflow has no setting '{key}={value}'; known: "
                f"{', '.join(TensorFlow.settings)}"
            )
    _api(options)
    _single_threaded(options)
    frozen = detect_format(options.model).format == "graphdef"
    if not frozen and "outputs" in options.settings:
        raise UsageError("tensorflow: outputs=NAME is for frozen graphs alone")
    names = [one for one in str(options.settings.get("outputs", "")).split(",") if one]
    return signature_of(options.model, names, str(options.settings.get("signature", "")))


def _places(tensors: Sequence[Any]) -> str:
    """Return lines of "operation:0 name"; a name may hold anything but a line's end."""
    return "\n".join(f"{one.place} {one.name}" for one in tensors)


def _inputs(signature: Signature, options: LoadOptions) -> list[TensorSpec]:
    """Give every input the shape that was asked for, as the native engine does."""
    asked = asked_shapes([one.name for one in signature.inputs], options)
    declared: dict[str, Sequence[Optional[int]]] = {}
    for one in signature.inputs:
        if one.shape is not None:
            declared[one.name] = one.shape
        elif one.name in asked:
            declared[one.name] = [None] * len(asked[one.name])
        else:
            raise UsageError(
                f"the model does not state the rank of its input '{plain(one.name)}'; fix its "
                f"shape with --shape {plain(one.name)}=AxBxC"
            )
    shapes = fixed_shapes(declared, options)
    for name, sizes in declared.items():
        # What is fed is not checked by TensorFlow: the kernels fail, or compute something else.
        if any(size not in (None, asked) for size, asked in zip(sizes, shapes[name])):
            raise UsageError(
                f"the model's input '{plain(name)}' is {shape_text(sizes)}, which its graph fixes; "
                f"{shape_text(shapes[name])} does not fit"
            )
    specs = [TensorSpec(one.name, one.dtype, ()) for one in signature.inputs]
    return [replace(spec, shape=tuple(shapes[spec.name])) for spec in specs]


def _set_threads(tensorflow: Any, threads: int) -> None:
    threading = tensorflow.config.threading
    try:
        threading.set_intra_op_parallelism_threads(threads)
        threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        used = threading.get_intra_op_parallelism_threads()
        if used != threads:
            raise UsageError(
                f"tensorflow has one pool of {used} threads in this process, and {threads} were "
                "asked for; measure one number of threads at a time"
            ) from error


def _session(tensorflow: Any, options: LoadOptions) -> Any:
    """Return a session over the model, configured as the native engine's."""
    v1 = tensorflow.compat.v1
    config = v1.ConfigProto(
        intra_op_parallelism_threads=options.threads, inter_op_parallelism_threads=-1
    )
    if _single_threaded(options):
        config.experimental.executor_type = "SINGLE_THREADED_EXECUTOR"
    graph = tensorflow.Graph()
    session = v1.Session(graph=graph, config=config)
    with graph.as_default():
        if detect_format(options.model).format == "savedmodel":
            v1.saved_model.loader.load(session, ["serve"], options.model)
        else:
            definition = v1.GraphDef()
            definition.ParseFromString(Path(options.model).read_bytes())
            tensorflow.import_graph_def(definition, name="")
    return session


RUNTIME = TensorFlow()
