"""Judge what shares the machine with a measurement or stands between it and the hardware."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgeloop.host.finding import Finding
from edgeloop.host.info import HostInfo
from edgeloop.host.processes import MachineLoad, ProcessLoad
from edgeloop.host.virtualisation import NONE

# Read without a system call and in tens of nanoseconds.
_FAST_CLOCKSOURCES = frozenset({"tsc", "arch_sys_counter", "riscv_clocksource", "timebase", "tod"})
# Read without a system call too, but through a page that the hypervisor keeps.
_PARAVIRTUAL_CLOCKSOURCES = frozenset({"kvm-clock", "hyperv_clocksource_tsc_page"})

# A tenth of one CPU: an idle desktop or a few daemons stay below.
_OTHER_CPUS = 0.10
_STEAL_SHARE = 0.01
# Pages swapped out long ago and never needed again cost nothing.
_SWAP_SHARE = 0.05
_LOW_MEMORY_SHARE = 0.10


def emulated_cpu(info: HostInfo) -> Iterator[Finding]:
    """Judge whether the CPU is emulated by software."""
    if info.virtualisation.emulation != NONE:
        yield Finding(
            "cpu-emulated",
            "error",
            f"This process is emulated ({info.virtualisation.emulation}).",
            "Latencies are those of the emulator, tens to hundreds of times too long, and say "
            "nothing about the real processor.",
            "Use emulation to test function only; measure on the board.",
        )


def virtual_machine(info: HostInfo) -> Iterator[Finding]:
    """Judge whether a hypervisor shares the hardware out."""
    name = info.virtualisation.virtual_machine
    if name != NONE:
        yield Finding(
            "virtual-machine",
            "warning",
            "This is a virtual machine"
            + (f" ({name})." if name != "unknown" else " of a kind that was not recognised."),
            "Other guests take CPU time, cache and clock away unseen, so absolute numbers drift "
            "and do not carry over to a board.",
            "Measure on the hardware itself; in here trust only interleaved comparisons.",
        )


def cpu_quota(info: HostInfo) -> Iterator[Finding]:
    """Judge whether a container may use less CPU time than it sees CPUs."""
    quota, visible = info.cpu.quota.cpus, len(info.cpu.allowed_cpus)
    if quota is None or quota >= visible:
        return
    whole = int(quota)
    advice = f"use --threads {whole} at most, or " if whole >= 1 else ""
    yield Finding(
        "cpu-quota",
        "warning",
        f"A control group grants {quota:g} CPUs of time, though {visible} are visible "
        f"({info.cpu.quota.source}).",
        "Once the quota of a period is spent all threads stop for the rest of it, which shows "
        "as stalls of tens of milliseconds.",
        f"Lift the limit (docker: no --cpus), {advice}pin the container with --cpuset-cpus "
        "instead.",
    )


def slow_clocksource(info: HostInfo) -> Iterator[Finding]:
    """Judge what reading the time costs."""
    clock = info.clocksource
    if clock.current is None or clock.current in _FAST_CLOCKSOURCES:
        return
    shared_page = clock.current in _PARAVIRTUAL_CLOCKSOURCES
    why = (
        "is read through a page of the hypervisor"
        if shared_page
        else "needs a system call or a slow bus for every reading"
    )
    better = [name for name in clock.available or () if name in _FAST_CLOCKSOURCES]
    path = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
    yield Finding(
        "slow-clocksource",
        "info" if shared_page else "warning",
        f"The kernel's clock {clock.current} {why}.",
        "Each time stamp costs more, up to a microsecond, and short models look slower.",
        f"echo {better[0]} | sudo tee {path}"
        if better
        else "The kernel offers no faster clock here; very short models are timed several runs "
        "at once instead.",
    )


def swap(info: HostInfo) -> Iterator[Finding]:
    """Judge the memory that was moved to swap."""
    used, total = info.memory.swap_used_bytes, info.memory.total_bytes
    if not used:
        return
    much = total is None or used >= _SWAP_SHARE * total
    yield Finding(
        "swap-in-use",
        "warning" if much else "info",
        f"{_size(used)} of memory lie in swap.",
        "A run that touches such a page waits for the disk, or for its decompression.",
        "Close other programs and then: sudo swapoff -a && sudo swapon -a",
    )


def memory(info: HostInfo) -> Iterator[Finding]:
    """Judge whether a model still fits."""
    total, available = info.memory.total_bytes, info.memory.available_bytes
    if total and available is not None and available < _LOW_MEMORY_SHARE * total:
        yield Finding(
            "memory-low",
            "warning",
            f"Only {_size(available)} of {_size(total)} of memory are available.",
            "The kernel swaps, drops the model's pages from its cache, or kills the worker.",
            "Close other programs, or measure one model at a time.",
        )
    limit = info.memory.limit_bytes
    if limit is not None and (total is None or limit < total):
        yield Finding(
            "memory-limit",
            "info",
            f"A control group limits the memory to {_size(limit)}.",
            "A larger model is killed, although the machine may have room for it.",
            "Start the container with more memory (docker: --memory).",
        )


def address_layout(info: HostInfo) -> Iterator[Finding]:
    """Judge whether repeated processes get different memory layouts."""
    if info.system.aslr == "off":
        yield Finding(
            "aslr-off",
            "info",
            "Address space randomisation is off.",
            "Every process gets the same memory layout, so repeating the measurement does not "
            "average its luck out.",
            "echo 2 | sudo tee /proc/sys/kernel/randomize_va_space, and do not start with "
            "setarch -R",
        )


def other_load(load: MachineLoad, busiest: Sequence[ProcessLoad]) -> Iterator[Finding]:
    """Judge the work of other processes."""
    if load.other_cpus is None or load.other_cpus < _OTHER_CPUS:
        return
    names = ", ".join(f"{one.name} (pid {one.pid}) {one.cpus:.2f}" for one in busiest)
    yield Finding(
        "other-load",
        "warning",
        f"Other processes keep {load.other_cpus:.2f} of {load.logical_cpus} CPUs busy: "
        + (f"{names}." if names else "they cannot be seen from here (another container or user)."),
        "They take CPU time, cache and memory bandwidth, so runs are longer and tails heavier.",
        "Stop them while measuring.",
    )


def stolen_time(load: MachineLoad) -> Iterator[Finding]:
    """Judge the time that the hypervisor gave to others."""
    if load.steal_share is not None and load.steal_share >= _STEAL_SHARE:
        yield Finding(
            "cpu-time-stolen",
            "warning",
            f"The hypervisor withheld {load.steal_share:.1%} of the CPU time.",
            "Runs are interrupted where nothing in this machine can see it.",
            "Measure at a quieter time, or on the hardware itself.",
        )


def _size(size_bytes: int) -> str:
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB")):
        if size_bytes >= unit:
            return f"{size_bytes / unit:.3g} {name}"
    return f"{size_bytes / 1024:.3g} KiB"
