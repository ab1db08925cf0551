"""The runtimes by name; the module of one is imported only when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from edgeloop.errors import UsageError
from edgeloop.names import canonical, nearest

if TYPE_CHECKING:
    from edgeloop.runtimes._base import Runtime

# In the order in which a format's default runtime is sought.
RUNTIME_NAMES = ("null", "litert", "tflite", "tflite-runtime", "onnxruntime", "torch")


def runtime(name: str) -> Runtime:
    """Return the runtime of that name; hyphens and underscores are the same.

    Raises UsageError that names the nearest known runtime.
    """
    wanted = canonical(name)
    if wanted not in RUNTIME_NAMES:
        raise UsageError(f"no runtime is called '{name}'; {nearest(wanted, RUNTIME_NAMES)}")
    module = import_module(f"edgeloop.runtimes.{wanted.replace('-', '_')}")
    return cast("Runtime", module.RUNTIME)
