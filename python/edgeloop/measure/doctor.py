"""What `doctor` finds out: machine, clock, runtimes, and what disturbs a measurement."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Optional

from edgeloop.errors import EdgeloopError, UsageError, reasoned
from edgeloop.host.findings import Finding, findings
from edgeloop.host.frequency import boost_enabled, frequency_policies
from edgeloop.host.info import HostInfo, host_info
from edgeloop.host.jetson import jetson_state
from edgeloop.host.power.source import find_meter
from edgeloop.host.processes import busiest, machine_load, snapshot
from edgeloop.host.thermal import cpu_temperature, thermal_zones
from edgeloop.host.throttle import throttling
from edgeloop.measure.confinement import confinement
from edgeloop.measure.observer import Observer, Silence
from edgeloop.runtimes.survey import survey
from edgeloop.spec.delegates import parse_provider
from edgeloop.worker.client import WorkerClient

# Long enough for ten clock ticks of the kernel, short enough to wait for.
_LOAD_INTERVAL_S = 0.3


def examine(
    python: Optional[str] = None,
    timeout_s: float = 60.0,
    observer: Optional[Observer] = None,
    providers: Sequence[str] = (),
) -> dict[str, Any]:
    """Return everything `edgeloop doctor` prints, as JSON types.

    `python` is the interpreter whose runtimes are looked for, by default this one. Each runtime
    is probed in a process of its own, so that one that crashes on this CPU is a line of the page;
    so is each of the `providers`, which are libraries.
    """
    from edgeloop.measure.clock import choose_clock

    watching = observer or Silence()
    watching.phase("reading the machine")
    info = host_info()
    jetson = jetson_state()
    return {
        "host": info.as_dict(),
        "clock": choose_clock().as_dict(),
        "policies": [policy.as_dict() for policy in frequency_policies()],
        "temperature": cpu_temperature().as_dict(),
        "throttling": throttling().as_dict(),
        "jetson": None if jetson is None else jetson.as_dict(),
        "power": _power(),
        "confinement": confinement(),
        "findings": [finding.as_dict() for finding in machine_findings(info)],
        "runtimes": [status.as_dict() for status in survey(python, timeout_s, watching.phase)],
        "providers": [_provider(text, python, timeout_s) for text in providers],
    }


def _provider(text: str, python: Optional[str], timeout_s: float) -> dict[str, Any]:
    """Return the devices of a provider in a library, or why there are none."""
    asked = parse_provider(text)
    if asked.path is None:
        raise UsageError(f"doctor lists the devices of a library: --provider PATH, not '{text}'")
    try:
        with WorkerClient(python or sys.executable, timeout_s) as worker:
            doing = f"listing the devices of {asked.name}"
            devices = worker.job("provider-devices", {"path": asked.path}, doing)["devices"]
    except EdgeloopError as error:
        return {"library": asked.path, **reasoned("devices", None, str(error))}
    return {"library": asked.path, "devices": devices}


def _power() -> dict[str, Any]:
    """Return the power meter of this machine and what it says, or why there is none."""
    found = find_meter()
    if found.meter is None:
        return reasoned("meter", None, found.reason)
    reading = found.meter.read_w()
    return {
        "meter": asdict(found.meter.description),
        **reasoned("power_w", reading.value, reading.reason or "unknown"),
    }


def machine_findings(info: HostInfo) -> list[Finding]:
    """Return what disturbs a measurement on this machine now; takes 0.3 s."""
    before = snapshot()
    time.sleep(_LOAD_INTERVAL_S)
    after = snapshot()
    return findings(
        info,
        policies=frequency_policies(),
        boost=boost_enabled().value,
        zones=thermal_zones(),
        throttle=throttling(),
        load=machine_load(before, after),
        busiest=busiest(before, after),
    )
