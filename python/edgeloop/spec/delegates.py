"""What the user asks to run a model on: TFLite delegates and ONNX Runtime providers, as text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

from edgeloop.errors import UsageError, canonical, nearest

XNNPACK = "xnnpack"
NONE = "none"
GPU = "gpu"
EXTERNAL = ("armnn", "edgetpu", GPU)
"""Known by name, in a library of their own."""
KNOWN = (XNNPACK, *EXTERNAL, NONE)

_FORM = "write NAME, NAME=PATH or PATH, then :key=value,key=value"
_LIBRARY = re.compile(r".*\.so(\.\d+)*$")


@dataclass(frozen=True)
class DelegateSpec:
    """One delegate or provider, as it was asked for."""

    name: str
    path: Optional[str] = None
    """Of its library, where the user named one."""
    options: Mapping[str, str] = field(default_factory=dict)
    implied: bool = False
    """True for what runs where the user named nothing."""
    device: Optional[str] = None
    """Of a provider in a library: cpu, gpu, npu (the first) or a number; None: the first."""

    @property
    def external(self) -> bool:
        """Whether it comes in a library of its own."""
        return self.name != XNNPACK

    def __str__(self) -> str:
        """Return the text that asks for it."""
        where = self.name
        if self.path is not None:
            where = f"{self.name}={self.path}" if self.name in KNOWN else self.path
        if self.device is not None:
            where += f":{self.device}"
        options = ";".join(f"{key}={value}" for key, value in self.options.items())
        return f"{where}:{options}" if options else where


AnyDelegate = Union[DelegateSpec, str, Mapping[str, Any]]


def delegate_of(given: AnyDelegate) -> DelegateSpec:
    """Return a delegate from text, or from its JSON form."""
    if isinstance(given, DelegateSpec):
        return given
    return parse_delegate(given) if isinstance(given, str) else DelegateSpec(**given)


def provider_of(given: AnyDelegate) -> DelegateSpec:
    """Return a provider from text, or from its JSON form."""
    if isinstance(given, DelegateSpec):
        return given
    return parse_provider(given) if isinstance(given, str) else DelegateSpec(**given)


def parse_delegate(text: str) -> DelegateSpec:
    """Read NAME[=PATH][:key=value,...] or PATH[:key=value,...].

    A piece without '=' belongs to the value before it (backends=CpuAcc,CpuRef), and ';' separates
    keys as ',' does. Raises UsageError that shows the right form.
    """
    head, _, rest = text.strip().partition(":")
    options = _options(text, rest)
    name, equals, path = head.partition("=")
    if not equals and ("/" in head or _LIBRARY.match(head)):
        return DelegateSpec(Path(head).name, _where(head), options)
    wanted = canonical(name)
    if wanted not in KNOWN:
        if equals and path:
            return DelegateSpec(name.strip(), _where(path), options)
        raise UsageError(
            f"unknown delegate '{name}'; {nearest(wanted, KNOWN)}; another one is named by "
            "its library's path"
        )
    if wanted in (XNNPACK, NONE) and (equals or options):
        raise UsageError(f"the delegate {wanted} takes no path and no options ('{text}')")
    if equals and not path:
        raise UsageError(f"'{text}' names no path; {_FORM}")
    return DelegateSpec(wanted, _where(path) if path else None, options)


def parse_provider(text: str) -> DelegateSpec:
    """Read NAME[:key=value,...] or PATH[:device][:key=value,...].

    "Xnnpack" is XnnpackExecutionProvider. Raises UsageError that shows the right form.
    """
    name, _, rest = text.strip().partition(":")
    if "=" not in name and ("/" in name or _LIBRARY.match(name)):
        device, _, more = rest.partition(":")
        if "=" in device:
            return DelegateSpec(Path(name).name, _where(name), _options(text, rest))
        options = _options(text, more)
        return DelegateSpec(Path(name).name, _where(name), options, device=device.lower() or None)
    if not name or "=" in name:
        raise UsageError(f"'{text}' is not a provider; write NAME or NAME:key=value,key=value")
    return DelegateSpec(name, None, _options(text, rest))


def parse_share(text: str) -> float:
    """Read 0.9, 90% or 'any'; 'any' is 0: at least one node. Raises UsageError."""
    if text.strip().lower() == "any":
        return 0.0
    number, percent, after = text.strip().partition("%")
    try:
        share = float(number) / (100.0 if percent else 1.0)
    except ValueError:
        share = -1.0
    if not 0.0 < share <= 1.0 or after:
        raise UsageError(f"'{text}' is not a share of the model; write 0.9, 90% or any")
    return share


def _options(text: str, rest: str) -> dict[str, str]:
    options: dict[str, str] = {}
    last: Optional[str] = None
    for piece in re.split("[,;]", rest) if rest else ():
        key, equals, value = piece.partition("=")
        if equals and key.strip():
            last = key.strip()
            options[last] = value
        elif last is not None and not equals:
            options[last] += f",{piece}"
        else:
            raise UsageError(f"'{piece}' in '{text}' is not key=value; {_FORM}")
    return options


def _where(path: str) -> str:
    """Return the absolute path of a file; a bare name that is not a file here is the loader's."""
    given = Path(path).expanduser()
    if "/" not in path and not given.is_file():
        return path
    return str(given.absolute())
