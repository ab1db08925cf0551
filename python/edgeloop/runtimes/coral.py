"""PyCoral: models for the Edge TPU through the Python package that Google made for it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from edgeloop import _core
from edgeloop.errors import ModelError, NotAvailableError, UsageError, one_line
from edgeloop.runtimes._external_delegates import TfliteDelegates, no_edgetpu
from edgeloop.runtimes._package_library import UNKNOWN, PackageLibrary
from edgeloop.runtimes._tflite_interpreter import InterpreterFramework, fix_shapes
from edgeloop.runtimes.protocol import ExternalDelegate, Installation
from edgeloop.spec.load import LoadOptions

_LIBRARY = PackageLibrary(package="pycoral", distributions=("pycoral",))
# What Google's package has, and the one of that name on the package index has not.
_PROOF = Path("utils") / "edgetpu.py"
_DELEGATE = "edgetpu"
_NO_NATIVE = (
    "PyCoral has no C interface; measure the same model natively with --runtime tflite --delegate "
    "edgetpu"
)


class CoralFramework(InterpreterFramework):
    """An interpreter from make_interpreter(), which applies the Edge TPU's delegate."""

    def placement(self) -> Optional[list[_core.Partition]]:
        """Return who runs which node; PyCoral's delegate by the name of the device."""
        interpreter = self._interpreter
        if not hasattr(interpreter, "edgeloop_probe"):
            interpreter.edgeloop_probe = _core.TfliteProbe()
            for delegate in getattr(interpreter, "_delegates", ()):
                address = delegate._get_native_delegate_pointer()
                interpreter.edgeloop_probe.expect(address, _DELEGATE)
            interpreter._interpreter.ModifyGraphWithDelegate(interpreter.edgeloop_probe.address)
        placement: Optional[list[_core.Partition]] = interpreter.edgeloop_probe.placement()
        return placement


class CoralRuntime(TfliteDelegates):
    """Edge TPU models on PyCoral's interpreter."""

    name = "coral"
    formats: Mapping[str, Optional[int]] = {"edgetpu": 4, "tflite": None}
    loops = ("callable", "framework", "framework-io")
    missing_loops: Mapping[str, str] = {"native": _NO_NATIVE, "binding": _NO_NATIVE}
    timed_region: Mapping[str, str] = {
        "callable": "Interpreter.invoke() of PyCoral's make_interpreter(), called by vectorcall "
        "from C++",
        "framework": "Interpreter.invoke() of PyCoral's make_interpreter()",
        "framework-io": "Interpreter.set_tensor per input, invoke(), get_tensor per output",
    }
    settings = ("device",)
    delegates = (_DELEGATE,)
    rest_runs_on = "the interpreter's built-in kernels"
    missing_profiler = (
        "PyCoral's interpreter does not time the parts of a run; profile with --runtime tflite "
        "--delegate edgetpu"
    )
    install_hint = (
        "Google's wheels or Debian package of PyCoral (Python 3.9 or older), in the interpreter "
        "that --python names"
    )

    def find(self, library: Optional[str] = None) -> Installation:
        """Locate Google's package. Raises NotAvailableError, for another of that name too."""
        if library:
            raise NotAvailableError(
                f"coral runs PyCoral's own libraries, not {library}; leave --library out"
            )
        folder = _LIBRARY.folder()
        if folder is None:
            raise NotAvailableError(
                f"PyCoral is not installed in {sys.executable}; get {self.install_hint}. The "
                "package 'pycoral' on the package index is another project's"
            )
        if not (folder / _PROOF).is_file():
            raise NotAvailableError(
                f"the package pycoral in {folder} is not Google's (it has no {_PROOF}): the name "
                f"on the package index is another project's; uninstall it and get "
                f"{self.install_hint}"
            )
        return Installation(_LIBRARY.version() or UNKNOWN, None, "the pycoral package")

    def import_packages(self, loops: Sequence[str]) -> None:
        """Import PyCoral: every loop needs it."""
        del loops
        _import_utilities()

    def delegate_libraries(self, options: LoadOptions) -> Sequence[ExternalDelegate]:
        """Return none: PyCoral brings the delegate."""
        del options
        return ()

    def load_framework(self, options: LoadOptions) -> CoralFramework:
        """Make an interpreter with its tensors allocated. Raises NotAvailableError, ModelError."""
        for key, value in options.settings.items():
            if key not in self.settings:
                raise UsageError(f"coral has no setting '{key}={value}'; known: device")
        utilities = _import_utilities()
        if not utilities.list_edge_tpus():
            raise NotAvailableError(no_edgetpu("PyCoral's own libedgetpu.so.1"))
        try:
            interpreter = utilities.make_interpreter(
                options.model, device=options.settings.get("device")
            )
            fix_shapes(interpreter, options, self.name)
            interpreter.allocate_tensors()
            return CoralFramework(interpreter)
        except (ValueError, RuntimeError) as error:
            said = one_line(str(error))
            raise ModelError(f"coral cannot load the model {options.model}: {said}") from error


def _import_utilities() -> Any:
    try:
        return importlib.import_module("pycoral.utils.edgetpu")
    except (ImportError, OSError) as error:  # OSError: a library of the package does not load
        raise NotAvailableError(
            f"PyCoral cannot be imported in {sys.executable}: {error}; get "
            f"{CoralRuntime.install_hint}"
        ) from error


RUNTIME = CoralRuntime()
