"""Which of the options for PyTorch apply: modes, the package of the native loop, the device."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from edgeloop.errors import ModelError, UsageError, canonical, nearest

if TYPE_CHECKING:
    from edgeloop.spec.run import RunSpec

TORCH = "torch"


def torch_modes(spec: RunSpec, names: Sequence[str]) -> tuple[Optional[str], ...]:
    """Return the modes in which torch measures the model, each a result of its own.

    Raises UsageError where an option for PyTorch is given to other runtimes, or is none;
    ModelError where the package is not there.
    """
    given = [spec.torch_mode] if isinstance(spec.torch_mode, str) else spec.torch_mode or ()
    modes = [canonical(part) for text in given for part in text.split(",") if part.strip()]
    options = {"--torch-mode": modes, "--package": spec.package, "--device": spec.device}
    for option, value in options.items():
        if value and TORCH not in names:
            raise UsageError(f"{option} is for the runtime torch, not for {', '.join(names)}")
    if not any(options.values()):
        return (None,)
    from edgeloop.runtimes._torch_device import require_form
    from edgeloop.runtimes.torch_modes import MODES, NO_PACKAGE_MODE

    for mode in modes:
        if mode not in MODES:
            raise UsageError(f"no torch mode is called '{mode}'; {nearest(mode, MODES)}")
    if "aotinductor" in modes and spec.package is None:
        raise UsageError(NO_PACKAGE_MODE)
    if spec.package is not None:
        _require_package(spec.package)
    if spec.device is not None:
        require_form(spec.device)
        if spec.device != "cpu" and (spec.package is not None or "aotinductor" in modes):
            raise UsageError("--package is compiled for the CPU: leave it or --device out")
    return tuple(dict.fromkeys(modes)) or (None,)


def _require_package(path: str) -> None:
    from edgeloop.models.formats import detect_format

    found = detect_format(Path(path)).format
    if found != "aotinductor":
        raise ModelError(
            f"--package names {path}, which is no AOTInductor package but {found}; make one with "
            "'edgeloop convert MODEL --to aotinductor'"
        )
