"""What is applied of the delegates and providers that the user asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Optional, Union

from edgeloop.errors import UsageError, canonical, nearest
from edgeloop.runtimes import runtime
from edgeloop.spec.delegates import (
    EXTERNAL,
    GPU,
    NONE,
    XNNPACK,
    DelegateSpec,
    parse_provider,
    parse_share,
    resolved_delegates,
)

if TYPE_CHECKING:
    from edgeloop.spec.run import RunSpec


def texts(given: Union[str, Sequence[str], None]) -> tuple[str, ...]:
    """Return one text or several as several."""
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(given)


def delegates_of(spec: RunSpec, name: str, said: list[str]) -> tuple[DelegateSpec, ...]:
    """Return the delegates in their order; add to `said` what was decided. Raises UsageError."""
    asked = texts(spec.delegate)
    known = runtime(name).delegates
    if XNNPACK not in known:
        return _of_another_runtime(asked, name, known)
    delegates = resolved_delegates(asked, name)
    if name == "litert" and any(one.external and one.name != GPU for one in delegates):
        said.append(
            "no XNNPACK: litert applies it before any other delegate, which would get no node; "
            "what the delegate leaves runs on the built-in kernels"
        )
    return delegates


def _of_another_runtime(
    asked: Sequence[str], name: str, known: Sequence[str]
) -> tuple[DelegateSpec, ...]:
    """Return the delegates of a runtime that has its own, if any, and not TFLite's."""
    if not asked:
        return tuple(DelegateSpec(delegate, implied=True) for delegate in known[:1])
    wanted = [one for one in map(canonical, asked) if one != NONE]
    for one in wanted:
        if one not in known:
            reason = nearest(one, [*known, NONE])
            raise UsageError(f"{name} has no delegate '{one}'; {reason}")
    return tuple(map(DelegateSpec, wanted))


def providers_of(spec: RunSpec, name: str) -> tuple[DelegateSpec, ...]:
    """Return the providers in their order. Raises UsageError."""
    asked = texts(spec.provider)
    if asked and name != "onnxruntime":
        raise UsageError(f"{name} has no execution providers; --provider is for onnxruntime")
    return tuple(parse_provider(text) for text in asked)


def required_share(spec: RunSpec, name: str) -> Optional[float]:
    """Return the share that has to run on delegates or providers. Raises UsageError."""
    wanted = spec.require_delegate
    if wanted is None:
        return None
    share = parse_share(wanted) if isinstance(wanted, str) else parse_share(repr(float(wanted)))
    providers = name == "onnxruntime" and bool(spec.provider)
    known = runtime(name).delegates
    delegates = not {XNNPACK, *EXTERNAL}.isdisjoint(known) and any(
        canonical(text) != NONE for text in texts(spec.delegate) or known[:1]
    )
    if not providers and not delegates:
        option = "--provider" if name == "onnxruntime" else "--delegate"
        raise UsageError(f"--require-delegate needs something to require of: name a {option}")
    return share


def require_edgetpu_delegate(spec: RunSpec) -> None:
    """Raise UsageError where a compiled model is not given its delegate."""
    entries = [canonical(entry.partition("=")[0]) for entry in spec.runtimes]
    if entries and "all" not in entries and all(_applies_edgetpu(name) for name in entries):
        return
    if not any(canonical(text) not in (NONE, XNNPACK) for text in texts(spec.delegate)):
        raise UsageError(
            f"{spec.model} is compiled for the Edge TPU (edgetpu) and runs with that device and "
            "its delegate only; give --delegate edgetpu"
        )


def _applies_edgetpu(name: str) -> bool:
    """Return whether a runtime applies the Edge TPU's delegate without being told to."""
    return runtime(name).delegates[:1] == ("edgetpu",)
