"""Which runtimes measure a model: those that were named, or those that are installed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Optional

from edgeloop.envs.managed import python_of
from edgeloop.errors import EdgeloopError, ModelError, NotAvailableError, UsageError
from edgeloop.runtimes import RUNTIME_NAMES, installed_names, runtime, runtimes_of
from edgeloop.spec.configuration import runtime_entry
from edgeloop.spec.load import ANY, NULL_MODEL

if TYPE_CHECKING:
    from edgeloop.spec.resolved import Model
    from edgeloop.spec.run import RunSpec

_PLUGIN = "plugin"

NULL_FORMAT = "null"

# The format of a file that only the runtime that was named may know.
OTHER_FORMAT = "other"

# Formats that are code of the machine: to load such a file is to run it.
MACHINE_CODE = ("aotinductor",)


def split_entry(entry: str) -> tuple[str, Optional[str]]:
    """Return the runtime's name and the path of plugin=PATH, None where there is none.

    Raises UsageError where another runtime is given a path.
    """
    name, equals, path = entry.partition("=")
    if not equals:
        return name, None
    if name != _PLUGIN or not path:
        raise UsageError(
            f"'{entry}' is not a runtime; write plugin=PATH, or NAME and --library PATH"
        )
    return name, path


def reads_any_format(entries: Sequence[str]) -> bool:
    """Say whether every runtime that was named takes any file."""
    named = [split_entry(runtime_entry(entry))[0] for entry in entries]
    return bool(named) and "all" not in named and all(ANY in runtime(one).formats for one in named)


def format_of(path: str, entries: Sequence[str]) -> str:
    """Return the format of a model, OTHER_FORMAT where the runtimes that were named take any file.

    Raises ModelError where it is not a model, or not of a known format.
    """
    if path == NULL_MODEL:
        return NULL_FORMAT
    from edgeloop.models.formats import detect_format
    from edgeloop.models.identity import model_bytes

    try:
        return detect_format(path).format
    except ModelError:
        if not reads_any_format(entries) or not model_bytes(path):
            raise
        return OTHER_FORMAT


def choose_runtimes(spec: RunSpec, model: Model) -> tuple[list[str], list[str]]:
    """Return the runtimes to measure, and what was chosen, one sentence each.

    Where no name was given, or "all", the built-in ones that read the model's format are sought,
    the favourite first, then those of other packages.
    Raises UsageError where a named runtime does not read the format, NotAvailableError where none
    was found.
    """
    named = list(dict.fromkeys(runtime_entry(name) for name in spec.runtimes))
    if named and "all" not in named:
        _require_readers(spec, model, named)
        return named, []
    candidates = runtimes_of(model.format)
    if model.format in MACHINE_CODE:
        raise UsageError(
            f"{spec.model} is {model.format}: machine code that runs with your rights; if you "
            f"trust whoever made it, name its runtime: --runtime {candidates[0]}"
        )
    if named or not candidates:
        candidates = [*candidates, *_installed_readers(model)]
    if not candidates:
        raise UsageError(
            f"{spec.model} is {model.format}, which no runtime of this version reads; "
            f"runtimes: {', '.join(RUNTIME_NAMES)}"
        )
    reasons = {name: _why_not_here(name, spec) for name in candidates}
    found = [name for name, reason in reasons.items() if reason is None]
    refusals = {name: runtime(name).refuses(model.path) for name in found}
    able = [name for name in found if refusals[name] is None]
    unable = [f"not {name}: {reason}" for name, reason in refusals.items() if reason is not None]
    missing = [f"{name}: {reason}" for name, reason in reasons.items() if reason is not None]
    if not found:
        raise NotAvailableError(f"no runtime for {model.format} was found: {'; '.join(missing)}")
    if named:
        return found, [f"runtimes found: {', '.join(found)}", *missing]
    found = able or found  # the one that refuses it says so
    others = f" (found too: {', '.join(found[1:])})" if found[1:] else ""
    return found[:1], [f"runtime {found[0]}: the first found for {model.format}{others}", *unable]


def _require_readers(spec: RunSpec, model: Model, named: Sequence[str]) -> None:
    for name in (split_entry(entry)[0] for entry in named):
        chosen = runtime(name)
        if not chosen.reads(model.format):
            raise UsageError(
                f"{name} reads {', '.join(chosen.formats)}, but {spec.model} is {model.format}; "
                f"runtimes for it: {', '.join(runtimes_of(model.format)) or 'none yet'}"
            )


def _installed_readers(model: Model) -> list[str]:
    """Return the runtimes of other packages that read the model; a broken one reads nothing."""
    readers = []
    for name in installed_names():
        with suppress(NotAvailableError):
            if runtime(name).reads(model.format):
                readers.append(name)
    return readers


def _why_not_here(name: str, spec: RunSpec) -> Optional[str]:
    """Look for a runtime; raises NotAvailableError where the interpreter itself is unusable."""
    if spec.python is None:
        try:
            interpreter_of(name, spec.library, [])
        except EdgeloopError as error:
            return str(error)
        return None
    from edgeloop.worker.client import WorkerClient
    from edgeloop.worker.requests import Find

    with WorkerClient(spec.python, spec.timeout_s) as worker:
        try:
            worker.request(Find(name, spec.library), f"looking for {name}")
        except EdgeloopError as error:
            return str(error)
    return None


def interpreter_of(name: str, library: Optional[str], notes: list[str]) -> str:
    """Return the interpreter that has the runtime; `notes` gets a sentence where it is another.

    Raises what the runtime says, where it is nowhere.
    """
    try:
        runtime(name).find(library)
    except EdgeloopError:
        for environment in runtime(name).environments or (name,):
            managed = python_of(environment)
            if managed is not None and library is None:
                notes.append(f"{name}: in the managed environment {environment}")
                return managed
        raise
    return sys.executable
