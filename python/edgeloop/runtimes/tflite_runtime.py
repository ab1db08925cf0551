"""The tflite-runtime package: its Python interpreter, and a native loop over that very object."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np

from edgeloop import _core
from edgeloop.errors import NotAvailableError, UsageError
from edgeloop.runtimes._external_delegates import TfliteDelegates
from edgeloop.runtimes._package_library import UNKNOWN, PackageLibrary
from edgeloop.runtimes._plan_profiler import STAMPED, PlanProfiler
from edgeloop.runtimes._tflite_interpreter import InterpreterFramework, load_interpreter
from edgeloop.runtimes.protocol import Framework, Installation, OperatorProfiler
from edgeloop.spec.load import LoadOptions

_PACKAGE = "tflite_runtime"
_LIBRARY = PackageLibrary(
    package=_PACKAGE,
    distributions=("tflite-runtime", "tflite-runtime-nightly"),
    pattern="_pywrap_tensorflow_interpreter_wrapper*.so",
)
_FIRST_INCOMPATIBLE_NUMPY = 2  # the last wheel was built against the C API of NumPy 1


class TfliteRuntimeFramework(InterpreterFramework):
    """A tflite_runtime.interpreter.Interpreter with its tensors allocated."""

    def attach(self, installation: Installation) -> _core.Engine:
        """Return an engine that runs this very interpreter, whose inputs become zero.

        The interpreter holds the attachment, because it remembers the probe's address; the engine
        holds the interpreter.
        """
        interpreter = self._interpreter
        return _core.create_engine(
            "tflite-runtime",
            handle=self._attachment(installation).handle,
            keep_alive=interpreter,
        )

    @property
    def recorder(self) -> _core.TfliteInterpreterProfiler:
        """What records the operators of an interpreter that is profiled."""
        recorder: _core.TfliteInterpreterProfiler = self._interpreter.edgeloop_recorder
        return recorder

    def placement(self) -> Optional[list[_core.Partition]]:
        """Return who runs which node."""
        return self._attachment(RUNTIME.find()).placement()

    def _attachment(self, installation: Installation) -> _core.TfliteAttachment:
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
            for delegate in self.delegates:
                address = delegate._get_native_delegate_pointer()
                interpreter.edgeloop_attachment.expect(address, delegate.name)
            # Its own name is not kept: invoke() refuses to run while anything else holds it.
            interpreter._interpreter.ModifyGraphWithDelegate(interpreter.edgeloop_attachment.probe)
        attachment: _core.TfliteAttachment = interpreter.edgeloop_attachment
        return attachment


class TfliteRuntimeRuntime(TfliteDelegates):
    """TFLite models on the interpreter of the tflite-runtime package."""

    name = "tflite-runtime"
    formats: Mapping[str, Optional[int]] = {"tflite": 3, "edgetpu": 2}
    loops = ("native", "binding", "callable", "framework", "framework-io")
    timed_region: Mapping[str, str] = {
        "native": "tflite::Interpreter::Invoke of the Python object's own interpreter",
        "binding": "_core.Engine.run(): tflite::Interpreter::Invoke of the same interpreter",
        "callable": "Interpreter.invoke(), called by vectorcall from C++",
        "framework": "Interpreter.invoke()",
        "framework-io": "Interpreter.set_tensor per input, invoke(), get_tensor per output",
    }
    rest_runs_on = "the package's built-in kernels"
    attaches = True
    profiled_loop = "native"
    install_hint = "edgeloop setup tflite-runtime"

    def find(self, library: Optional[str] = None) -> Installation:
        """Locate the package and its extension. Raises NotAvailableError."""
        if library:
            raise NotAvailableError(
                f"tflite-runtime runs the package's own library, not {library}; leave --library "
                "out, or measure it with --runtime tflite"
            )
        folder = _LIBRARY.folder()
        if folder is None:
            raise NotAvailableError(
                f"the tflite-runtime package is not installed in {sys.executable}; run "
                f"'{self.install_hint}', or, where Python is 3.11 or older, 'pip install "
                'tflite-runtime "numpy<2"\''
            )
        extensions = _LIBRARY.libraries(folder)
        if not extensions:
            raise NotAvailableError(
                f"the tflite-runtime package in {folder} has no {_LIBRARY.pattern}; reinstall it"
            )
        version = _LIBRARY.version() or UNKNOWN
        if int(np.__version__.split(".")[0]) >= _FIRST_INCOMPATIBLE_NUMPY:
            raise NotAvailableError(
                f"tflite-runtime {version} needs numpy < 2, and {sys.executable} has "
                f"{np.__version__}; install 'numpy<2' there, or run '{self.install_hint}'"
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
        observe = _ignore if options.profile is None else _record_operators
        package = _import_package()
        return load_interpreter(package, options, self.name, TfliteRuntimeFramework, observe)

    def operator_profiler(
        self, engine: Optional[_core.Engine], framework: Optional[Framework]
    ) -> OperatorProfiler:
        """Return the recorder that the interpreter holds."""
        assert engine is not None
        assert isinstance(framework, TfliteRuntimeFramework)
        return PlanProfiler(framework.recorder, engine.placement(), STAMPED)


def _ignore(interpreter: Any) -> None:
    """Leave the interpreter as it is."""


def _record_operators(interpreter: Any) -> None:
    """Give the interpreter a profiler, which lives as long as it does."""
    library = RUNTIME.find().library
    assert library is not None
    interpreter.edgeloop_recorder = _core.TfliteInterpreterProfiler(
        library=library, interpreter=interpreter._native_handle()
    )


def _import_package() -> Any:
    try:
        return importlib.import_module(f"{_PACKAGE}.interpreter")
    except (ImportError, AttributeError) as error:
        raise NotAvailableError(
            f"the tflite-runtime package cannot be imported in {sys.executable}: {error}; install "
            f"it with '{TfliteRuntimeRuntime.install_hint}'"
        ) from error


RUNTIME = TfliteRuntimeRuntime()
