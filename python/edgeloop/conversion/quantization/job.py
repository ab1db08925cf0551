"""The job of one method: import its packages, quantise in an empty folder."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from edgeloop.conversion.offline import refuse_network
from edgeloop.conversion.quantization._base import MethodModule, QuantizeRequest, refused
from edgeloop.conversion.quantization.methods import METHODS
from edgeloop.errors import EdgeloopError, ModelError, UsageError
from edgeloop.models.identity import model_bytes


def run(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Do what `request` says by `method`, in the empty folder `scratch`.

    Returns the notes, the size in bytes, and the times of imports and work in ns.
    """
    method = next((m for m in METHODS if m.name == arguments["method"]), None)
    if method is None:
        raise UsageError(f"this edgeloop has no method '{arguments['method']}'")
    request = QuantizeRequest(**arguments["request"])
    refuse_network()
    os.chdir(arguments["scratch"])
    start = time.monotonic_ns()
    for package in method.packages:
        import_module(package)
    imported = time.monotonic_ns()
    module = cast(MethodModule, import_module(method.module))
    try:
        notes = module.quantize(request)
    except (EdgeloopError, MemoryError):
        raise
    except Exception as error:
        # A tool may raise anything; its own words are the best there is.
        raise refused(request, method.tool, error) from error
    done = time.monotonic_ns()
    if not Path(request.target).exists():
        raise ModelError(f"{method.tool} ended without an error and without a file; see the log")
    return {
        "notes": notes,
        "bytes": model_bytes(request.target),
        "import_ns": imported - start,
        "quantize_ns": done - imported,
    }
