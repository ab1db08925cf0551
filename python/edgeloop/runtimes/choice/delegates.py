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
    parse_delegate,
    parse_provider,
    parse_share,
)

if TYPE_CHECKING:
    from edgeloop.spec.run import RunSpec


def texts(given: Union[str, Sequence[str], None]) -> tuple[str, ...]:
    """Return one text or several as several."""
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(given)


def delegates_of(spec: RunSpec, name: str, notes: list[str]) -> tuple[DelegateSpec, ...]:
    """Return the delegates in their order; add to `notes` what was decided. Raises UsageError."""
    asked = texts(spec.delegate)
    known = runtime(name).delegates
    if XNNPACK not in known:
        return _of_another_runtime(asked, name, known)
    delegates = resolved_delegates(asked, name)
    alone = runtime(name).xnnpack_first
    if alone and any(one.external and one.name != GPU for one in delegates):
        notes.append(
            f"no XNNPACK: {name} applies it before any other delegate, which would get no node; "
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
    if asked and not runtime(name).has_providers:
        raise UsageError(f"{name} has no execution providers; --provider is for onnxruntime")
    return tuple(parse_provider(text) for text in asked)


def required_share(spec: RunSpec, name: str) -> Optional[float]:
    """Return the share that has to run on delegates or providers. Raises UsageError."""
    wanted = spec.require_delegate
    if wanted is None:
        return None
    share = parse_share(wanted) if isinstance(wanted, str) else parse_share(repr(float(wanted)))
    providers = runtime(name).has_providers and bool(spec.provider)
    known = runtime(name).delegates
    delegates = not {XNNPACK, *EXTERNAL}.isdisjoint(known) and any(
        canonical(text) != NONE for text in texts(spec.delegate) or known[:1]
    )
    if not providers and not delegates:
        option = "--provider" if runtime(name).has_providers else "--delegate"
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
    """Return whether a runtime applies the Edge TPU's delegate without being asked to."""
    return runtime(name).delegates[:1] == ("edgetpu",)


def resolved_delegates(asked: Sequence[str], name: str) -> tuple[DelegateSpec, ...]:
    """Return what applies, in order: external delegates, then XNNPACK unless 'none' was given."""
    specs = [parse_delegate(text) for text in asked]
    names = [spec.name for spec in specs]
    if XNNPACK in names and NONE in names:
        raise UsageError("--delegate xnnpack and --delegate none contradict each other")
    external = [spec for spec in specs if spec.name not in (XNNPACK, NONE)]
    if NONE in names:
        return tuple(external)
    alone = runtime(name).xnnpack_first
    if alone and any(spec.name == GPU for spec in external):
        if len(external) > 1:
            raise UsageError(f"{name}'s gpu and other delegates do not go together: name one")
    elif alone and external:
        if XNNPACK in names:
            raise UsageError(
                f"{name} applies XNNPACK before any other delegate, which would get no node; leave "
                "xnnpack out, or measure with --runtime tflite or tflite-runtime"
            )
        return tuple(external)
    return (*external, DelegateSpec(XNNPACK, implied=XNNPACK not in names))
