"""A configuration as one string, the same in results, tables and messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgeloop.runtimes import runtime
from edgeloop.spec.delegates import NONE, XNNPACK
from edgeloop.spec.resolved import ResolvedSpec


def titled(spec: ResolvedSpec) -> ResolvedSpec:
    """Return the spec with the title of what it says now."""
    return replace(spec, title=_title(spec))


def _title(spec: ResolvedSpec) -> str:
    chosen = runtime(spec.runtime)
    engine = spec.runtime
    if spec.options.library is not None and chosen.named_by_path:
        engine = f"{engine}={Path(spec.options.library).name}"
    parts = [f"{Path(spec.model.path).name}@{engine}", f"threads={spec.options.threads}"]
    if chosen.delegates:
        parts += [f"delegate={name}" for name in spec.options.delegates]
        own = XNNPACK not in chosen.delegates
        if not spec.options.delegates or not (own or spec.options.xnnpack):
            parts.append(f"delegate={NONE}")
    parts += [f"provider={name}" for name in spec.options.providers]
    if spec.options.torch_mode is not None:
        parts.append(f"torch-mode={spec.options.torch_mode}")
    if spec.options.device is not None:
        parts.append(f"device={spec.options.device}")
    if spec.options.batch_size:
        parts.append(f"batch-size={spec.options.batch_size}")
    if spec.instances > 1:
        parts.append(f"instances={spec.instances}")
    if spec.control.cpus is not None:
        parts.append(f"cpus={'+'.join(str(cpu) for cpu in spec.control.cpus)}")
    if spec.control.governor is not None:
        parts.append(f"governor={spec.control.governor}")
    if spec.regime is not None:
        parts.append(f"regime={spec.regime}")
    if spec.rate_hz is not None:
        parts.append(f"rate={spec.rate_hz:g}")
    parts += ["keep-state"] if spec.options.keep_state else []
    parts += [f"feedback={output}:{fed}" for output, fed in spec.options.feedback.items()]
    parts += [f"shape={_shape_text(*item)}" for item in spec.options.shapes.items()]
    parts += [f"{key}={value}" for key, value in spec.options.settings.items()]
    return ",".join(parts)


def _shape_text(name: str, shape: Sequence[int]) -> str:
    """Write a shape as a configuration does: NAME:1x3x224x224, or 1x3x224x224."""
    dims = "x".join(str(dim) for dim in shape)
    return f"{name}:{dims}" if name else dims
