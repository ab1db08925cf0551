"""LiteRT's accelerator for the GPU: where its library is, and what makes a model run on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from edgeloop.errors import NotAvailableError, UsageError
from edgeloop.runtimes.protocol import ExternalDelegate
from edgeloop.spec.delegates import GPU, DelegateSpec
from edgeloop.spec.load import LoadOptions

WEBGPU = "libLiteRtWebGpuAccelerator.so"

# The runtime takes the first of these that it finds, and no library of another name.
ACCELERATORS = (
    "libLiteRtGpuAccelerator.so",
    WEBGPU,
    "libLiteRtVulkanAccelerator.so",
    "libLiteRtOpenClAccelerator.so",
)


@dataclass(frozen=True)
class Gpu:
    """The GPU's accelerator, as it was asked for."""

    library: str
    """Exact path."""
    options: Mapping[str, str]

    @property
    def described(self) -> ExternalDelegate:
        """Name, library and options, as for a delegate."""
        return GPU, self.library, tuple(self.options.items())

    @property
    def settings(self) -> dict[str, str]:
        """Settings of the native engine."""
        return {
            "gpu-library": self.library,
            **{f"gpu-{key}": value for key, value in self.options.items()},
        }

    def in_python(self, package: Any) -> dict[str, Any]:
        """Return the options of a CompiledModel: the CPU runs what the GPU leaves."""
        hardware = package.HardwareAccelerator
        options: dict[str, Any] = {"hardware_accelerators": hardware.GPU | hardware.CPU}
        if "precision" not in self.options:
            return options
        if not hasattr(package, "GpuOptions"):
            raise NotAvailableError(
                "this version of ai-edge-litert takes no precision for the GPU in Python; install "
                "a newer one, or measure the native loop only"
            )
        return {**options, "gpu_options": package.GpuOptions(enforce_f32=True)}


def gpu_of(options: LoadOptions, folder: Path) -> Optional[Gpu]:
    """Return the GPU's accelerator where one was asked for; `folder` is that of libLiteRt.so.

    Raises UsageError, or NotAvailableError where its library is missing.
    """
    asked = [one for one in options.delegates if one.name == GPU]
    if not asked:
        return None
    (gpu,) = asked
    for key, value in gpu.options.items():
        if (key, value) != ("precision", "fp32"):
            raise UsageError(
                f"litert's gpu does not take {key}={value}; it takes precision=fp32, and computes "
                "in fp16 where the GPU can unless you say so"
            )
    return Gpu(_library(gpu, folder), dict(gpu.options))


def _library(gpu: DelegateSpec, folder: Path) -> str:
    if gpu.path is not None:
        path = Path(gpu.path)
        if path.is_dir():
            return _first_in(path)
        if path.name not in ACCELERATORS:
            raise UsageError(
                f"litert finds an accelerator for the GPU by its name ({', '.join(ACCELERATORS)}), "
                f"and {path.name} is another; an external delegate is named by its path alone"
            )
        if not path.is_file():
            raise NotAvailableError(f"the GPU's accelerator {path} does not exist")
        return str(path)
    return _first_in(folder)


def _first_in(folder: Path) -> str:
    for name in ACCELERATORS:
        if (folder / name).is_file():
            return str(folder / name)
    raise NotAvailableError(
        f"LiteRT's accelerator for the GPU is not in {folder} (looked for "
        f"{', '.join(ACCELERATORS)}): this build of ai-edge-litert has none; name another with "
        "--delegate gpu=PATH"
    )
