"""What governs a Jetson's clocks: power mode, release, GPU and memory clocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgeloop.host.board import board
from edgeloop.host.document import Document
from edgeloop.host.pseudofile import Reading, children, read_integer, read_text

_GPU = re.compile(r"gpu|gv11b|ga10b|gp10b|gm20b", re.IGNORECASE)

# debugfs, for root only: JetPack 5 and 6, then JetPack 4.
_MEMORY_CLOCKS = (
    "sys/kernel/debug/bpmp/debug/clk/emc/rate",
    "sys/kernel/debug/clk/emc/clk_rate",
)


@dataclass(frozen=True)
class JetsonState(Document):
    """The state of a Jetson now; mode numbers mean another mode on every board."""

    release: str | None
    release_reason: str | None
    power_mode: str | None
    power_mode_reason: str | None
    gpu_hz: int | None
    gpu_hz_reason: str | None
    gpu_max_hz: int | None
    gpu_max_hz_reason: str | None
    memory_hz: int | None
    memory_hz_reason: str | None


def jetson_state(root: Path = Path("/")) -> JetsonState | None:
    """Return the state, or None where the board is not a Jetson."""
    if not board(root).is_jetson:
        return None
    release, mode = _release(root), _power_mode(root)
    gpu, gpu_max = _gpu(root, "cur_freq"), _gpu(root, "max_freq")
    memory = _memory(root)
    return JetsonState(
        release=release.value,
        release_reason=release.reason,
        power_mode=mode.value,
        power_mode_reason=mode.reason,
        gpu_hz=gpu.value,
        gpu_hz_reason=gpu.reason,
        gpu_max_hz=gpu_max.value,
        gpu_max_hz_reason=gpu_max.reason,
        memory_hz=memory.value,
        memory_hz_reason=memory.reason,
    )


def _release(root: Path) -> Reading[str]:
    """Read `# R36 (release), REVISION: 4.3, ...` as R36.4.3."""
    text = read_text(root / "etc/nv_tegra_release")
    if text.value is None:
        return text
    found = re.search(r"(R\d+)\s*\(release\),\s*REVISION:\s*([\d.]+)", text.value)
    if found is None:
        return Reading(None, f"{root / 'etc/nv_tegra_release'} names no release")
    return Reading(f"{found.group(1)}.{found.group(2)}")


def _power_mode(root: Path) -> Reading[str]:
    """Return the number of the mode and, from nvpmodel.conf, its name."""
    path = root / "var/lib/nvpmodel/status"
    status = read_text(path)
    if status.value is None:
        return status
    number = re.search(r"pmode:(\d+)", status.value)
    if number is None:
        return Reading(None, f"{path} names no mode")
    mode = int(number.group(1))
    names = read_text(root / "etc/nvpmodel.conf").value or ""
    for found in re.finditer(r"<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=([^\s>]+)", names):
        if int(found.group(1)) == mode:
            return Reading(f"{mode} ({found.group(2)})")
    return Reading(str(mode))


def _gpu(root: Path, name: str) -> Reading[int]:
    folder = root / "sys/class/devfreq"
    for device in children(folder, "*"):
        if _GPU.search(device.name):
            return read_integer(device / name)
    return Reading(None, f"no GPU under {folder}")


def _memory(root: Path) -> Reading[int]:
    for path in _MEMORY_CLOCKS:
        rate = read_integer(root / path)
        if rate.value is not None:
            return rate
    return Reading(None, "the memory clock is in debugfs, which only root may read")
