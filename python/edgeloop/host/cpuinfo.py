"""Read /proc/cpuinfo and lists of CPUs; name ARM cores by their part number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edgeloop.host.pseudofile import Reading, read_text

# MIDR implementer -> part -> name. Source: the manufacturers' reference manuals and
# arch/arm64/include/asm/cputype.h of Linux.
_ARM_PARTS: dict[int, dict[int, str]] = {
    0x41: {
        0xB76: "ARM1176",
        0xC05: "Cortex-A5",
        0xC07: "Cortex-A7",
        0xC08: "Cortex-A8",
        0xC09: "Cortex-A9",
        0xC0D: "Cortex-A17",
        0xC0E: "Cortex-A17",
        0xC0F: "Cortex-A15",
        0xD01: "Cortex-A32",
        0xD02: "Cortex-A34",
        0xD03: "Cortex-A53",
        0xD04: "Cortex-A35",
        0xD05: "Cortex-A55",
        0xD06: "Cortex-A65",
        0xD07: "Cortex-A57",
        0xD08: "Cortex-A72",
        0xD09: "Cortex-A73",
        0xD0A: "Cortex-A75",
        0xD0B: "Cortex-A76",
        0xD0C: "Neoverse-N1",
        0xD0D: "Cortex-A77",
        0xD0E: "Cortex-A76AE",
        0xD40: "Neoverse-V1",
        0xD41: "Cortex-A78",
        0xD42: "Cortex-A78AE",
        0xD44: "Cortex-X1",
        0xD46: "Cortex-A510",
        0xD47: "Cortex-A710",
        0xD48: "Cortex-X2",
        0xD49: "Neoverse-N2",
        0xD4A: "Neoverse-E1",
        0xD4B: "Cortex-A78C",
        0xD4C: "Cortex-X1C",
        0xD4D: "Cortex-A715",
        0xD4E: "Cortex-X3",
        0xD4F: "Neoverse-V2",
        0xD80: "Cortex-A520",
        0xD81: "Cortex-A720",
        0xD82: "Cortex-X4",
        0xD84: "Neoverse-V3",
        0xD85: "Cortex-X925",
        0xD87: "Cortex-A725",
        0xD8E: "Neoverse-N3",
    },
    0x4E: {0x000: "Denver", 0x003: "Denver 2", 0x004: "Carmel"},
    0x51: {
        0x001: "Oryon",
        0x800: "Kryo 2xx Gold",
        0x801: "Kryo 2xx Silver",
        0x802: "Kryo 3xx Gold",
        0x803: "Kryo 3xx Silver",
        0x804: "Kryo 4xx Gold",
        0x805: "Kryo 4xx Silver",
    },
    0x61: {0x022: "Icestorm (M1)", 0x023: "Firestorm (M1)"},
    0xC0: {0xAC3: "Ampere-1", 0xAC4: "Ampere-1A"},
}


@dataclass(frozen=True)
class CpuEntry:
    """One logical CPU as /proc/cpuinfo describes it."""

    cpu: int
    core_name: str | None
    flags: frozenset[str]


def cpu_entries(root: Path = Path("/")) -> tuple[CpuEntry, ...]:
    """Return the logical CPUs in the file's order; empty where it says nothing of them."""
    text = read_text(root / "proc/cpuinfo").value or ""
    entries = []
    for block in text.split("\n\n"):
        pairs = (line.partition(":") for line in block.splitlines())
        fields = {name.strip(): value.strip() for name, _, value in pairs}
        number = fields.get("processor", "")
        if number.isdecimal():
            flags = fields.get("flags") or fields.get("Features") or ""
            entries.append(CpuEntry(int(number), _core_name(fields), frozenset(flags.split())))
    return tuple(entries)


def arm_core_name(implementer: int, part: int) -> str:
    """Return the core's name, or its numbers where they are in no table of ours."""
    known = _ARM_PARTS.get(implementer, {}).get(part)
    return known or f"ARM part {part:#05x} of implementer {implementer:#04x}"


def _core_name(fields: dict[str, str]) -> str | None:
    # Before "model name", which 32-bit and JetPack kernels fill with the architecture only
    # ("ARMv8 Processor rev 1 (v8l)").
    try:
        return arm_core_name(int(fields["CPU implementer"], 0), int(fields["CPU part"], 0))
    except (KeyError, ValueError):
        pass
    # x86; RISC-V; LoongArch; POWER
    for key in ("model name", "uarch", "Model Name", "cpu"):
        if fields.get(key):
            return fields[key]
    return None


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """Return the CPU numbers, ascending; raises ValueError where `text` is not such a list.

    cpufreq separates numbers by blanks, the rest of the kernel by commas.
    """
    cpus: set[int] = set()
    for item in re.split(r"[,\s]+", text.strip()):
        if item:
            first, _, last = item.partition("-")
            cpus.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(cpus))


def format_cpu_list(cpus: Iterable[int]) -> str:
    """Return the shortest notation, without blanks."""
    runs: list[list[int]] = []
    for cpu in sorted(set(cpus)):
        if runs and runs[-1][-1] == cpu - 1:
            runs[-1][1:] = [cpu]
        else:
            runs.append([cpu])
    return ",".join("-".join(str(end) for end in run) for run in runs)


def read_cpu_list(path: Path) -> Reading[tuple[int, ...]]:
    """Return the CPU numbers that a file of /sys lists."""
    text = read_text(path)
    if text.value is None:
        return Reading(None, text.reason)
    try:
        return Reading(parse_cpu_list(text.value))
    except ValueError:
        return Reading(None, f"{path} holds {text.value[:40]!r}, which is not a list of CPUs")
