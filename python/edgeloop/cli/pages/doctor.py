"""The machine on one page: what it is, what is wrong with it, which runtimes are installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from edgeloop.cli.pages.columns import columns
from edgeloop.results.figures import size


def doctor_page(document: dict[str, Any]) -> str:
    """Return what `edgeloop doctor` prints."""
    parts = ["machine\n" + columns(_machine(document)), _runtimes(document["runtimes"])]
    if document.get("providers"):
        parts.append("\n".join(["providers", *map(_provider, document["providers"])]))
    found = document["findings"]
    if not found:
        parts.append("findings\n  none: nothing was found that disturbs a measurement")
    else:
        parts.append("findings\n" + "\n".join(_finding(finding) for finding in found))
    return "\n\n".join(parts)


def _machine(document: dict[str, Any]) -> Sequence[Sequence[str]]:
    host = document["host"]
    cpu = host["cpu"]
    fastest = ",".join(str(number) for number in cpu["fastest_cluster"]["cpus"])
    return [
        ("board", _value(host["board"], "model")),
        ("CPU", f"{', '.join(cpu['model_names']) or 'unknown'} ({_value(cpu, 'architecture')})"),
        ("CPUs", f"{cpu['logical_cpus']} online, fastest cluster in reach: {fastest}"),
        ("system", _system(host["system"])),
        ("Python", f"{host['system']['python_version']} {host['system']['python_implementation']}"),
        ("memory", _memory(host["memory"])),
        ("clock", _clock(document["clock"])),
        ("governor", _governors(document)),
        ("temperature", _temperature(document)),
        *_firmware(document["throttling"]["firmware"]),
        *_jetson(document["jetson"]),
        ("power", _power(document["power"])),
        ("confinement", document["confinement"]),
    ]


def _firmware(firmware: dict[str, Any]) -> Sequence[Sequence[str]]:
    """Return what a Raspberry Pi's firmware says, live and sticky bits apart."""
    if firmware["now"] is None:
        return []
    now, past = (", ".join(firmware[name]) or "nothing" for name in ("now", "since_boot"))
    return [("throttling", f"now: {now}; since the start: {past}")]


def _jetson(jetson: Optional[dict[str, Any]]) -> Sequence[Sequence[str]]:
    if jetson is None:
        return []
    gpu = _value(jetson, "gpu_hz")
    if jetson["gpu_hz"] is not None:
        gpu = f"{jetson['gpu_hz'] / 1e6:.0f} MHz"
    return [
        ("Jetson", f"release {_value(jetson, 'release')}, mode {_value(jetson, 'power_mode')}"),
        ("GPU clock", gpu),
    ]


def _power(power: dict[str, Any]) -> str:
    if power["meter"] is None:
        return f"unknown ({power['meter_reason']})"
    covers = f"{power['meter']['name']}: {power['meter']['covers']}"
    if power["power_w"] is None:
        return f"{covers} ({power['power_w_reason']})"
    return f"{power['power_w']:.3g} W, {covers} (one reading, no interval)"


def _system(system: dict[str, Any]) -> str:
    kernel = f"kernel {_value(system, 'kernel')}"
    return f"{_value(system, 'distribution')}, {kernel}, {_value(system, 'libc')}"


def _clock(clock: dict[str, Any]) -> str:
    reads = f"{clock['read_ns']:.1f} ns from C++, {clock['python_read_ns']:.1f} ns from Python"
    return f"{clock['name']}: tick {clock['tick_ns']} ns, a read {reads}"


def _value(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if value is None:
        return f"unknown ({document.get(name + '_reason', 'not reported')})"
    return str(value)


def _memory(memory: dict[str, Any]) -> str:
    total, available = memory.get("total_bytes"), memory.get("available_bytes")
    if total is None or available is None:
        return _value(memory, "total_bytes")
    return f"{size(total)}, {size(available)} available"


def _governors(document: dict[str, Any]) -> str:
    names = sorted({policy["governor"] or "unknown" for policy in document["policies"]})
    return ", ".join(names) or "unknown (the kernel shows no cpufreq policy)"


def _temperature(document: dict[str, Any]) -> str:
    temperature = document["temperature"]
    if temperature["temperature_c"] is None:
        return _value(temperature, "temperature_c")
    return f"{temperature['temperature_c']:.1f} °C"


def _runtimes(statuses: Sequence[dict[str, Any]]) -> str:
    rows = [
        (status["name"], status["state"], status["version"] or "",
         status["library"] or status["origin"] or "")
        for status in statuses
    ]  # fmt: skip
    lines = ["runtimes", columns(rows)]
    for status in statuses:
        if status["state"] != "found":
            lines.append(f"\n  {status['name']}: {status['reason']}")
            if status["fix"] and status["fix"] not in status["reason"]:
                lines.append(f"    fix: {status['fix']}")
    return "\n".join(lines)


def _provider(found: dict[str, Any]) -> str:
    """Return a library and a line for each of its devices, by its number."""
    if found["devices"] is None:
        return f"  {found['library']}: {found['devices_reason']}"
    rows = [
        (str(number), one["device"], one["vendor"], one["provider"], one["version"] or "")
        for number, one in enumerate(found["devices"])
    ]
    none = "no device on this machine that it can use"
    return f"  {found['library']}" + (f"\n{columns(rows, indent='    ')}" if rows else f": {none}")


def _finding(finding: dict[str, Any]) -> str:
    lines = [f"  [{finding['severity']}] {finding['text']}"]
    if finding["effect"]:
        lines.append(f"    effect: {finding['effect']}")
    if finding["fix"]:
        lines.append(f"    fix: {finding['fix']}")
    return "\n".join(lines)
