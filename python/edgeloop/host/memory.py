"""Read how much memory there is, how much is free, and how much lies in swap."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeloop.host.cgroup import memory_limit_bytes
from edgeloop.host.document import Document
from edgeloop.host.pseudofile import Reading, read_text


@dataclass(frozen=True)
class Memory(Document):
    """Memory of the machine, and the limit that a control group puts on this process."""

    total_bytes: int | None
    total_bytes_reason: str | None
    available_bytes: int | None
    available_bytes_reason: str | None
    swap_total_bytes: int | None
    swap_total_bytes_reason: str | None
    swap_used_bytes: int | None
    swap_used_bytes_reason: str | None
    limit_bytes: int | None
    limit_bytes_reason: str | None


def memory(root: Path = Path("/")) -> Memory:
    """Return what /proc/meminfo and the control group say."""
    text = read_text(root / "proc/meminfo")
    total, available = _bytes(text, "MemTotal"), _bytes(text, "MemAvailable")
    swap_total, swap_free = _bytes(text, "SwapTotal"), _bytes(text, "SwapFree")
    swap_used: int | None = None
    if swap_total.value is not None and swap_free.value is not None:
        swap_used = swap_total.value - swap_free.value
    limit = memory_limit_bytes(root)
    return Memory(
        total_bytes=total.value,
        total_bytes_reason=total.reason,
        available_bytes=available.value,
        available_bytes_reason=available.reason,
        swap_total_bytes=swap_total.value,
        swap_total_bytes_reason=swap_total.reason,
        swap_used_bytes=swap_used,
        swap_used_bytes_reason=swap_total.reason or swap_free.reason,
        limit_bytes=limit.value,
        limit_bytes_reason=limit.reason,
    )


def _bytes(meminfo: Reading[str], name: str) -> Reading[int]:
    if meminfo.value is None:
        return Reading(None, meminfo.reason)
    for line in meminfo.value.splitlines():
        key, _, value = line.partition(":")
        words = value.split()
        if key == name and words and words[0].isdecimal():
            return Reading(int(words[0]) * 1024)  # "kB" there is KiB
    return Reading(None, f"/proc/meminfo has no {name}")
