"""The runtimes by name; the module of one is imported only when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from edgeloop.errors import UsageError, canonical, nearest

if TYPE_CHECKING:
    from edgeloop.runtimes.protocol import Runtime

# In the order in which a format's default runtime is sought.
RUNTIME_NAMES = (
    *("null", "litert", "tflite", "tflite-runtime", "onnxruntime", "torch", "aotinductor"),
    *("tensorrt", "coral", "plugin"),
)


def runtime(name: str) -> Runtime:
    """Return the runtime of that name; hyphens and underscores are the same.

    One that is not built in is sought among the installed packages. Raises UsageError that names
    the nearest known runtime, NotAvailableError where a package's runtime cannot be used.
    """
    wanted = canonical(name)
    if wanted in RUNTIME_NAMES:
        module = import_module(f"edgeloop.runtimes.{wanted.replace('-', '_')}")
        return cast("Runtime", module.RUNTIME)
    from edgeloop.runtimes import installed

    if wanted in installed.names():
        return installed.load(wanted)
    known = (*RUNTIME_NAMES, *installed.names())
    raise UsageError(f"no runtime is called '{name}'; {nearest(wanted, known)}")
