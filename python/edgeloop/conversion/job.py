"""The job of one edge: import its packages, convert in an empty folder, look at the file."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Optional, cast

from edgeloop.conversion.edge import ConversionOptions, EdgeModule
from edgeloop.conversion.faults import facts_as_dict, facts_of
from edgeloop.conversion.graph import EDGES
from edgeloop.conversion.offline import refuse_network
from edgeloop.errors import (
    DISK_FULL,
    CannotWriteError,
    EdgeloopError,
    ModelError,
    UsageError,
    one_line,
)

# What a disk says that takes no more; a converter may wrap it in an exception of its own.
_FULL_WORDS = (
    "No space left on device", "Disk quota exceeded", "File too large", "ResourceExhausted",
    "ENOSPC",
)  # fmt: skip


def run(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Convert `source` to `target` by `edge`, with `options`, in the empty folder `scratch`.

    Returns what the edge says, what its file says, and the times of imports and conversion in ns.
    """
    edge = next((edge for edge in EDGES if edge.name == arguments["edge"]), None)
    if edge is None:
        raise UsageError(f"this edgeloop has no conversion '{arguments['edge']}'")
    refuse_network()
    os.chdir(arguments["scratch"])
    start = time.monotonic_ns()
    module = cast(EdgeModule, import_module(edge.module))
    module.import_packages()
    imported = time.monotonic_ns()
    target = arguments["target"]
    try:
        converted = module.convert(
            arguments["source"], target, ConversionOptions(**arguments["options"])
        )
    except (EdgeloopError, MemoryError):
        raise
    except Exception as error:
        # A converter may raise anything; its own words are the best there is.
        raise _failure(edge.tool, arguments["source"], error) from error
    done = time.monotonic_ns()
    if not Path(target).exists():
        raise ModelError(f"{edge.tool} ended without an error and without a file; see the log")
    written, beside = facts_as_dict(facts_of(target)), _beside(Path(target))
    parameters = converted.parameters or _parameters(arguments["source"])
    return {
        **converted.as_dict(),
        "written": written,
        "parameters": parameters,
        "beside": beside,
        "import_ns": imported - start,
        "convert_ns": done - imported,
        "inspect_ns": time.monotonic_ns() - done,
    }


def _parameters(source: str) -> Optional[int]:
    """Count the parameters of the source; a PyTorch file may hold an optimiser's state, too."""
    facts = facts_of(source)
    return None if facts.format == "pytorch" else facts.parameters


def _failure(tool: str, source: str, error: Exception) -> EdgeloopError:
    text = one_line(error)
    if any(word in text for word in _FULL_WORDS) or _is_full(error):
        return CannotWriteError(
            f"{tool} ran out of disk space: {text[-300:]}; make room, or write elsewhere with --out"
        )
    return ModelError(
        f"{tool} cannot convert {source}: {one_line(error, 700)}; if it names an operator that it "
        "does not support, change the model, or convert by another way (--via)"
    )


def _is_full(error: BaseException) -> bool:
    while True:
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            return True
        cause = error.__cause__ or error.__context__
        if cause is None:
            return False
        error = cause


def _beside(target: Path) -> list[str]:
    """Return what the converter left beside its file: weights in a side file, as a rule."""
    with suppress(OSError):
        return sorted(item.name for item in target.parent.iterdir() if item != target)
    return []
