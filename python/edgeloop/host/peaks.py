"""The most that this machine's CPUs, or its accelerator, can multiply and add in a second."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

DTYPES = ("fp32", "fp16", "int8")

_TABLE = Path(__file__).parent / "device_peaks.json"

# Of the multiply-accumulates that the table counts, each is a multiplication and an addition.
_FLOP_PER_MAC = 2


@dataclass(frozen=True)
class Peak:
    """An upper bound in GFLOP/s (GOP/s for int8), or None and why it is not known."""

    gflops: Optional[float]
    device: str
    words: str
    """Where the figure comes from, or why there is none."""


def cpu_peak(host: Mapping[str, Any], flags: Iterable[str], cpus: int, dtype: str) -> Peak:
    """Return the peak of the `cpus` fastest CPUs of a host as `HostInfo.as_dict` describes it.

    `flags` are those of /proc/cpuinfo, `dtype` one of DTYPES.
    """
    table = _table()
    have = frozenset(flags)
    rates: list[float] = []
    sources: list[str] = []
    for cluster in host["cpu"]["clusters"]:
        entry = _core(table, cluster["core_name"], have)
        name = cluster["core_name"] or "this CPU"
        if entry is None:
            return Peak(None, name, f"the peak of {name} is not in edgeloop's tables")
        if cluster["max_hz"] is None:
            return Peak(None, name, f"the highest clock of {name} is not published here")
        rate = float(entry[dtype]) * _FLOP_PER_MAC * cluster["max_hz"] / 1e9
        rates += [rate] * len(cluster["cpus"])
        sources.append(str(entry["source"]))
    if not rates:
        return Peak(None, "the CPUs", "the kernel reports nothing about its CPUs")
    fastest = sorted(rates, reverse=True)[: max(1, cpus)]
    names = [str(cluster["core_name"]) for cluster in host["cpu"]["clusters"]]
    device = f"{len(fastest)} CPU(s) ({', '.join(dict.fromkeys(names))})"
    return Peak(sum(fastest), device, "; ".join(dict.fromkeys(sources)))


def accelerator_peak(kind: str, compatible: Sequence[str], dtype: Optional[str]) -> Peak:
    """Return the peak of an accelerator: "gpu" of the board with these strings, or "edgetpu".

    Without a dtype it is the highest of all: an engine file does not say which it computes in.
    """
    for entry in _table()["accelerators"]:
        if entry["kind"] != kind:
            continue
        if entry["compatible"] and not set(entry["compatible"]) & set(compatible):
            continue
        rates = [entry[one] for one in ((dtype,) if dtype else DTYPES) if entry[one] is not None]
        if rates:
            return Peak(float(max(rates)), str(entry["name"]), str(entry["source"]))
    return Peak(
        None, f"the {kind} here", f"the peak of the {kind} here is not in edgeloop's tables"
    )


def _core(
    table: Mapping[str, Any], name: Optional[str], flags: frozenset[str]
) -> Optional[Mapping[str, Any]]:
    for entry in table["cores"]:
        if name in entry["names"]:
            return dict(entry)
    for entry in table["x86"]:
        if flags.issuperset(entry["flags"]):
            return dict(entry)
    return None


def _table() -> Mapping[str, Any]:
    return dict(json.loads(_TABLE.read_text(encoding="utf-8")))
