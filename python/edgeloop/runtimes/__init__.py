"""The runtimes by name; the module of one is imported only when it is asked for.

Those of other packages are found by the entry point group `edgeloop.runtimes`: an entry point leads
to an object of a class that derives from `protocol.Runtime`. Nothing of a package is imported
before its runtime is asked for, and a built-in name is never theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Optional, cast

from edgeloop.errors import NotAvailableError, UsageError, canonical, nearest, one_line

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from edgeloop.runtimes.protocol import Runtime

RUNTIME_NAMES = (
    *("null", "litert", "tflite", "tflite-runtime", "onnxruntime", "torch", "aotinductor"),
    *("openvino", "tensorflow", "ncnn", "tensorrt", "coral", "plugin"),
)

GROUP = "edgeloop.runtimes"

_KINDS: Mapping[str, type] = {
    **{"name": str, "install_hint": str, "attaches": bool},
    **dict.fromkeys(("loops", "settings", "delegates"), tuple),
    **dict.fromkeys(("formats", "missing_loops", "timed_region"), Mapping),
}


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
    raise UsageError(f"unknown runtime '{name}'; {nearest(wanted, known_names())}")


def runtimes_of(model_format: str) -> list[str]:
    """Return the built-in runtimes that read a format, in the order in which one is sought."""
    ranks = {name: runtime(name).formats.get(model_format) for name in RUNTIME_NAMES}
    found = [(rank, name) for name, rank in ranks.items() if rank is not None]
    return [name for _, name in sorted(found)]


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
    """Return name → package → entry point. Python 3.9 knows a package only this way."""
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
    return NotAvailableError(
        f"the runtime '{name}' of the package {package} cannot be used: {one_line(reason)}; "
        "update or uninstall the package"
    )


def _fault(name: str, found: Any) -> Optional[str]:
    """Return what an object lacks to be a runtime; None where it lacks nothing."""
    from edgeloop.runtimes.protocol import Runtime
    from edgeloop.spec.load import LOOPS

    if not isinstance(found, Runtime):
        return "is not a Runtime of edgeloop.runtimes.protocol"
    for attribute, kind in _KINDS.items():
        if not isinstance(getattr(found, attribute, None), kind):
            return f"has no {attribute} ({kind.__name__.lower()})"
    if canonical(found.name) != name:
        return f"calls itself '{found.name}'"
    if {*found.loops, *found.missing_loops} != set(LOOPS):
        return f"does not say of each loop ({', '.join(LOOPS)}) that it has it or why not"
    if set(found.timed_region) != set(found.loops):
        return "does not say in timed_region what each of its loops times"
    return None
