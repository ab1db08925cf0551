"""What the reader of a result should know: a cause and a remedy for each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from edgeloop.host.findings import findings
from edgeloop.host.frequency import boost_enabled, frequency_policies
from edgeloop.host.info import host_info
from edgeloop.host.processes import MachineLoad, ProcessLoad
from edgeloop.host.thermal import thermal_zones
from edgeloop.host.throttle import UNDER_VOLTAGE, throttling
from edgeloop.results.block_labels import CLEAN, DISTURBED, THROTTLED
from edgeloop.results.plausibility import IMPOSSIBLE
from edgeloop.results.sample_warnings import sample_warnings, warning
from edgeloop.results.schema import Result
from edgeloop.results.throttle_verdict import throttle_verdict
from edgeloop.stats.processes import FEWEST_PROCESSES

# Other threads of the process (a framework's own, the interpreter's) may add a little.
_TOO_MANY_CPUS = 0.25

# Verdict of the blocks → findings of the machine that tell the same.
_WHO = ("other-load", "cpu-time-stolen")
_SAME_FACT = {
    DISTURBED: _WHO,
    THROTTLED: ("throttled-now",),
    UNDER_VOLTAGE: ("under-voltage-now", "under-voltage-since-boot"),
}

CPU_PROVIDER = "CPUExecutionProvider"


def machine_warnings(
    load: Optional[tuple[MachineLoad, Sequence[ProcessLoad]]],
) -> list[dict[str, Any]]:
    """Return what the machine warns of; `load` is that of other processes during the blocks."""
    found = findings(
        host_info(),
        policies=frequency_policies(),
        boost=boost_enabled().value,
        zones=thermal_zones(),
        throttle=throttling(),
        load=None if load is None else load[0],
        busiest=() if load is None else load[1],
    )
    return [
        warning(finding.code, f"{finding.text} {finding.effect}", finding.fix)
        for finding in found
        if finding.severity != "info"
    ]


def all_warnings(
    machine: Sequence[dict[str, Any]], of_result: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return both, without what the machine says of a fact that the blocks show.

    Who disturbed the blocks stays in the words of that warning.
    """
    codes = {one["code"] for one in of_result}
    told = {code for name, same in _SAME_FACT.items() if name in codes for code in same}
    who = " ".join(one["text"] for one in machine if one["code"] in told & set(_WHO))
    return [
        *(one for one in machine if one["code"] not in told),
        *(
            {**one, "text": f"{one['text']}. {who}"} if who and one["code"] == DISTURBED else one
            for one in of_result
        ),
    ]


def result_warnings(result: Result, summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the samples themselves warn of."""
    if summary["summary"] is None:
        return []
    headline = summary["summary"]
    impossible = _impossible(summary)
    found = [
        *impossible,
        *_refused(result.header),
        *delegate_warnings(result.header),
        *_threads(result, headline),
        *_slowed(result, summary),
    ]
    if result.header["command"] == "eval":  # its latency is that of one pass over the data
        return found
    return [
        *found,
        *(() if impossible else sample_warnings(headline, result.header["clock"])),
        *_processes(result, headline),
    ]


def _impossible(summary: dict[str, Any]) -> Sequence[dict[str, Any]]:
    found = summary.get("plausibility", {})
    if found.get("verdict") != IMPOSSIBLE:
        return []
    return [warning(
        "impossible",
        found["text"],
        "check that the runtime waits for its device, and what the model computes; "
        "if the device is faster than that, give its peak with --peak-gflops",
    )]  # fmt: skip


def _threads(result: Result, headline: dict[str, Any]) -> Sequence[dict[str, Any]]:
    used = headline["cpus_used"]
    asked = result.header["runtime"]["threads"]
    if used is None or not result.header["runtime"].get("uses_threads", True):
        return []
    started = result.invocations[0].threads_started
    if used > asked + _TOO_MANY_CPUS:
        return [warning(
            "threads-exceeded",
            f"{asked} thread(s) were asked for, but {used:.2f} CPUs were busy during a run: the "
            "runtime ignores the limit, and the figures are for more threads than asked for",
            "look for an environment variable of the runtime that sets its threads",
        )]  # fmt: skip
    if asked > 1 and started == 0:
        return [warning(
            "threads-ignored",
            f"{asked} threads were asked for, but loading and the first run started none: the "
            "figures hold for one thread",
            "ask for --threads 1, or use a runtime or delegate that honours threads",
        )]  # fmt: skip
    cpus = _cpus_in_reach(result.header)
    if cpus is not None and asked > math.ceil(cpus):
        return [warning(
            "threads-above-cpus",
            f"{asked} threads share {cpus:g} CPU{'s' if cpus > 1 else ''}: they wait for each "
            "other, so runs are longer and scatter more",
            f"ask for --threads {math.floor(cpus) or 1}, or give the process more CPUs",
        )]  # fmt: skip
    return []


def _cpus_in_reach(header: Mapping[str, Any]) -> Optional[float]:
    """Return how many CPUs the threads had: those of --cpus, else of the mask, within the quota."""
    if "host" not in header:
        return None
    cpu = header["host"]["cpu"]
    mask = (header.get("control") or {}).get("cpus") or cpu["allowed_cpus"]
    quota = (cpu.get("quota") or {}).get("cpus")
    return float(len(mask)) if quota is None else min(float(len(mask)), float(quota))


def _refused(header: dict[str, Any]) -> Sequence[dict[str, Any]]:
    """Warn of every way of placing the worker that the system refused."""
    control = header.get("control") or {}
    return [
        warning(
            f"{name}-refused",
            f"--{name} was asked for and does not hold: {control[f'{name}_reason']}",
            "run as root, or leave the option out",
        )
        for name in ("cpus", "priority", "mlock", "governor")
        if name in control and control[name] is None
    ]


def delegate_warnings(header: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """Warn of every delegate or provider that was asked for and did nothing, or nothing of use."""
    placement = header.get("placement")
    if placement is None:
        return []
    delegates = placement["delegates"]
    asked = [one for one in delegates if not one["implied"]] or delegates
    found = []
    for delegate in asked:
        if delegate["name"] == CPU_PROVIDER:
            continue
        if delegate["nodes"] == 0:
            found.append(warning(
                "delegate-unused",
                f"{delegate['name']} took none of the {placement['nodes']} nodes: these figures "
                "are those of what ran instead",
                "see its words in the result's log; fail such a run with --require-delegate any",
            ))  # fmt: skip
        elif placement["macs"] and delegate["macs"] == 0:
            found.append(warning(
                "delegate-useless",
                f"{delegate['name']} took {delegate['nodes']} of {placement['nodes']} nodes, but "
                "none of the multiply-accumulates: the work ran elsewhere",
                "see its words in the result's log; fail such a run with --require-delegate 0.9",
            ))  # fmt: skip
    return found


def _slowed(result: Result, summary: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """Warn of a machine that did not keep its speed, in the words of the verdict."""
    found = summary.get("throttling") or throttle_verdict(result)
    if found["verdict"] in (None, CLEAN):
        return []
    return [warning(str(found["verdict"]), found["text"], found["fix"])]


def _processes(result: Result, headline: dict[str, Any]) -> Sequence[dict[str, Any]]:
    if headline["processes"] >= FEWEST_PROCESSES:
        return []
    count = "one process was" if headline["processes"] == 1 else "two processes were"
    return [warning(
        "one-process",
        f"{count} measured, so the headline has no interval: another process may be several per "
        "cent slower or faster for its whole life, and what is seen within one is its scatter only",
        "measure several: --processes 5, or an --effort without --runs",
    )]  # fmt: skip
