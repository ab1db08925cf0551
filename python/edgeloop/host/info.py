"""Describe the machine: board, CPUs, system, memory, clock, load, and what lies in between."""

from __future__ import annotations

import math
import os
import platform
import struct
from dataclasses import dataclass
from pathlib import Path

from edgeloop.host.affinity import (
    CpuCluster,
    allowed_cpus,
    clusters,
    fastest_cluster,
    online_cpus,
    smt_siblings,
)
from edgeloop.host.board import Board, board
from edgeloop.host.cgroup import CpuQuota, cpu_quota, memory_limit_bytes
from edgeloop.host.clocksource import Clocksource, clocksource
from edgeloop.host.cpuinfo import cpu_entries
from edgeloop.host.document import Document
from edgeloop.host.pseudofile import Reading, children, read_integer, read_text
from edgeloop.host.virtualisation import Virtualisation, virtualisation

# linux/personality.h
_ADDR_NO_RANDOMIZE = 0x0040000

_ASLR_NAMES = {0: "off", 1: "partial", 2: "full"}


@dataclass(frozen=True)
class Cpu(Document):
    """The CPUs; `clusters` are all that are online, the fastest first."""

    architecture: str | None
    architecture_reason: str | None
    model_names: tuple[str, ...]
    logical_cpus: int
    allowed_cpus: tuple[int, ...]
    clusters: tuple[CpuCluster, ...]
    fastest_cluster: CpuCluster
    smt_siblings: tuple[tuple[int, ...], ...]
    quota: CpuQuota


@dataclass(frozen=True)
class System(Document):
    """Kernel, C library, distribution, and the interpreter that runs this code."""

    hostname: str | None
    hostname_reason: str | None
    kernel: str | None
    kernel_reason: str | None
    libc: str | None
    libc_reason: str | None
    distribution: str | None
    distribution_reason: str | None
    python_version: str
    python_implementation: str
    python_bits: int
    aslr: str | None
    aslr_reason: str | None


@dataclass(frozen=True)
class Load(Document):
    """Mean number of runnable or blocked tasks over 1, 5 and 15 minutes; time since the start."""

    average: tuple[float, ...] | None
    average_reason: str | None
    uptime_s: float | None
    uptime_s_reason: str | None


@dataclass(frozen=True)
class HostInfo(Document):
    """What a result says about the machine it was measured on."""

    board: Board
    cpu: Cpu
    system: System
    memory: Memory
    clocksource: Clocksource
    virtualisation: Virtualisation
    load: Load


def host_info(root: Path = Path("/"), include_hostname: bool = False) -> HostInfo:
    """Describe the machine whose /proc and /sys lie under `root`; never raises OSError.

    The host name is private and left out unless asked for. Python and libc are this process's.
    """
    cpu = _cpu(root)
    return HostInfo(
        board=board(root),
        cpu=cpu,
        system=_system(root, include_hostname),
        memory=memory(root),
        clocksource=clocksource(root),
        virtualisation=virtualisation(root, cpu.architecture),
        load=_load(root),
    )


def _cpu(root: Path) -> Cpu:
    architecture = _architecture(root)
    names = [entry.core_name for entry in cpu_entries(root) if entry.core_name]
    return Cpu(
        architecture=architecture.value,
        architecture_reason=architecture.reason,
        model_names=tuple(dict.fromkeys(names)),
        logical_cpus=len(online_cpus(root)),
        allowed_cpus=allowed_cpus(root),
        clusters=clusters(root),
        fastest_cluster=fastest_cluster(root),
        smt_siblings=smt_siblings(root),
        quota=cpu_quota(root),
    )


def _architecture(root: Path) -> Reading[str]:
    # Of the running machine uname is asked, because that is what the interpreter's wheels obey:
    # under an emulator it differs from the kernel's file.
    return (
        Reading(os.uname().machine)
        if root == Path("/")
        else read_text(root / "proc/sys/kernel/arch")
    )


def _system(root: Path, include_hostname: bool) -> System:
    hostname = (
        read_text(root / "proc/sys/kernel/hostname")
        if include_hostname
        else Reading[str](None, "left out: it is private")
    )
    kernel = read_text(root / "proc/sys/kernel/osrelease")
    libc, distribution, aslr = _libc(root), _distribution(root), _aslr(root)
    return System(
        hostname=hostname.value,
        hostname_reason=hostname.reason,
        kernel=kernel.value,
        kernel_reason=kernel.reason,
        libc=libc.value,
        libc_reason=libc.reason,
        distribution=distribution.value,
        distribution_reason=distribution.reason,
        python_version=platform.python_version(),
        python_implementation=platform.python_implementation(),
        python_bits=8 * struct.calcsize("P"),
        aslr=aslr.value,
        aslr_reason=aslr.reason,
    )


def _libc(root: Path) -> Reading[str]:
    # Not platform.libc_ver(): it reads the interpreter's whole binary, slow from an SD card.
    try:
        name = os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        name = None
    if not name and children(root / "lib", "ld-musl-*"):
        name = "musl"
    return Reading(name) if name else Reading(None, "neither glibc nor musl")


def _distribution(root: Path) -> Reading[str]:
    text = read_text(root / "etc/os-release")
    if text.value is None:
        text = read_text(root / "usr/lib/os-release")
    if text.value is None:
        return Reading(None, text.reason)
    for line in text.value.splitlines():
        key, _, value = line.partition("=")
        if key == "PRETTY_NAME" and value.strip("\"'"):
            return Reading(value.strip("\"'"))
    return Reading(None, "os-release has no PRETTY_NAME")


def _aslr(root: Path) -> Reading[str]:
    level = read_integer(root / "proc/sys/kernel/randomize_va_space")
    if level.value is None:
        return Reading(None, level.reason)
    personality = read_integer(root / "proc/self/personality", base=16).value or 0
    if personality & _ADDR_NO_RANDOMIZE:  # `setarch -R`, which debuggers use as well
        return Reading("off")
    return Reading(_ASLR_NAMES.get(level.value, f"level {level.value}"))


def _load(root: Path) -> Load:
    average, uptime = _numbers(root / "proc/loadavg", 3), _numbers(root / "proc/uptime", 1)
    return Load(
        average=average.value,
        average_reason=average.reason,
        uptime_s=uptime.value[0] if uptime.value else None,
        uptime_s_reason=uptime.reason,
    )


def _numbers(path: Path, count: int) -> Reading[tuple[float, ...]]:
    text = read_text(path)
    if text.value is None:
        return Reading(None, text.reason)
    try:
        numbers = tuple(float(word) for word in text.value.split()[:count])
    except ValueError:
        numbers = ()
    if len(numbers) < count or not all(map(math.isfinite, numbers)):
        return Reading(None, f"{path} does not begin with {count} numbers")
    return Reading(numbers)


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
