"""The device on which PyTorch runs a model: the CPU, or a CUDA GPU."""

from __future__ import annotations

import re
from typing import Any, Optional

from edgeloop.errors import NotAvailableError, UsageError
from edgeloop.runtimes.torch_framework import CPU

_CUDA = re.compile(r"cuda(:\d{1,3})?")


def require_form(device: str) -> None:
    """Raise UsageError where it is neither cpu nor cuda[:N]."""
    if device != CPU and not _CUDA.fullmatch(device):
        raise UsageError(f"no device is called '{device}'; write cpu, cuda or cuda:1")


def require_device(torch: Any, device: Optional[str]) -> str:
    """Return the device with its number, or "cpu".

    Raises NotAvailableError with PyTorch's reason where it is not there.
    """
    if device is None or device == CPU:
        return CPU
    require_form(device)
    if not torch.cuda.is_available():
        reason = "it was built without CUDA"
        if torch.version.cuda is not None:
            reason = f"it was built for CUDA {torch.version.cuda} and finds no usable GPU or driver"
        raise NotAvailableError(
            f"PyTorch {torch.__version__} cannot use {device}: {reason}; check nvidia-smi, or "
            "leave --device out"
        )
    number = int(device.partition(":")[2] or 0)
    count = torch.cuda.device_count()
    if number >= count:
        raise NotAvailableError(
            f"there is no {device}: PyTorch finds {count} CUDA device(s), from cuda:0"
        )
    return f"cuda:{number}"


def device_name(torch: Any, device: str) -> Optional[str]:
    """Return the GPU's model; None for the CPU."""
    return None if device == CPU else str(torch.cuda.get_device_name(device))
