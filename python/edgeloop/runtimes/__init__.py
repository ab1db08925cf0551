"""The runtimes by name; the module of one is imported only when it is asked for.

Those of other packages are found by the entry point group `edgeloop.runtimes`: an entry point leads
to an object that follows the Runtime protocol. Nothing of a package is imported before its runtime
is asked for by name, and a built-in name is never theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Optional, cast

from edgeloop.errors import NotAvailableError, UsageError, canonical, nearest
from edgeloop.spec.load import LOOPS

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from edgeloop.runtimes.protocol import Runtime

# In the order in which a format's default runtime is sought.
RUNTIME_NAMES = (
    *("null", "litert", "tflite", "tflite-runtime", "onnxruntime", "torch", "aotinductor"),
    *("tensorrt", "coral", "plugin"),
)

GROUP = "edgeloop.runtimes"

_METHODS = ("find", "import_packages", "load_engine", "load_framework")
_TUPLES = ("formats", "loops", "settings", "delegates")
_MAPPINGS = ("missing_loops", "timed_region")


def runtime(name: str) -> Runtime:
    """Return the runtime of that name; hyphens and underscores are the same.

    One that is not built in is sought among the installed packages. Raises UsageError that names
    the nearest known runtime, NotAvailableError where a package's runtime cannot be used.
    """
    wanted = canonical(name)
    if wanted in RUNTIME_NAMES:
        module = import_module(f"edgeloop.runtimes.{wanted.replace('-', '_')}")
        return cast("Runtime", module.RUNTIME)
    if wanted in installed_names():
        return _load(wanted)
    raise UsageError(f"no runtime is called '{name}'; {nearest(wanted, known_names())}")


def known_names() -> tuple[str, ...]:
    """Return the names of the built-in runtimes, then those of other packages."""
    return (*RUNTIME_NAMES, *installed_names())


def installed_names() -> tuple[str, ...]:
    """Return the names that installed packages offer, in alphabetical order."""
    return tuple(sorted(_offers()))


def _load(name: str) -> Runtime:
    """Import the runtime that a package offers under a canonical name.

    Raises NotAvailableError that names the package where it is broken, or where two offer it.
    """
    offers = _offers()[name]
    packages = " and ".join(sorted(offers))
    if len(offers) > 1:
        raise NotAvailableError(
            f"the packages {packages} both offer a runtime '{name}'; uninstall one of them"
        )
    (entry,) = offers.values()
    try:
        found = entry.load()
    except (Exception, SystemExit) as error:  # a foreign module may raise anything
        raise _broken(name, packages, f"{type(error).__name__}: {error}") from error
    fault = _fault(name, found)
    if fault is not None:
        raise _broken(name, packages, f"{entry.value} {fault}")
    return cast("Runtime", found)


@cache
def _offers() -> Mapping[str, Mapping[str, EntryPoint]]:
    """Return name → package → entry point. Python 3.9 tells an entry point's package only so."""
    from importlib import metadata  # 20 ms that no other command should pay

    offers: dict[str, dict[str, EntryPoint]] = {}
    for distribution in metadata.distributions():
        for entry in distribution.entry_points:
            name = canonical(entry.name)
            if entry.group == GROUP and name not in RUNTIME_NAMES:
                # The first on the path is the one that an import finds.
                offers.setdefault(name, {}).setdefault(distribution.metadata["Name"], entry)
    return offers


def _broken(name: str, package: str, reason: str) -> NotAvailableError:
    said = " ".join(reason.split()).rstrip(": ")
    return NotAvailableError(
        f"the runtime '{name}' of the package {package} cannot be used: {said}; update or "
        "uninstall the package"
    )


def _fault(name: str, found: Any) -> Optional[str]:
    """Return what an object lacks to be a runtime; None where it lacks nothing."""
    kinds = {"name": str, "attaches": bool, "install_hint": str}
    kinds.update(dict.fromkeys(_TUPLES, tuple))
    kinds.update(dict.fromkeys(_MAPPINGS, Mapping))
    for attribute, kind in kinds.items():
        if not isinstance(getattr(found, attribute, None), kind):
            return f"has no {attribute} ({kind.__name__.lower()})"
    for method in _METHODS:
        if not callable(getattr(found, method, None)):
            return f"has no method {method}"
    if canonical(found.name) != name:
        return f"calls itself '{found.name}'"
    if {*found.loops, *found.missing_loops} != set(LOOPS):
        return f"does not say of each loop ({', '.join(LOOPS)}) that it has it or why not"
    if set(found.timed_region) != set(found.loops):
        return "does not say in timed_region what each of its loops times"
    return None
