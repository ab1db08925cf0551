"""Collect what `doctor` and `bench` warn about."""

from __future__ import annotations

from collections.abc import Sequence

from edgeloop.host import checks_isolation, checks_speed
from edgeloop.host.finding import Finding
from edgeloop.host.frequency import FrequencyPolicy
from edgeloop.host.info import HostInfo
from edgeloop.host.processes import MachineLoad, ProcessLoad
from edgeloop.host.thermal import ThermalZone
from edgeloop.host.throttle import Throttling

__all__ = ["Finding", "findings"]

_ORDER = {"error": 0, "warning": 1, "info": 2}


def findings(
    info: HostInfo,
    *,
    policies: Sequence[FrequencyPolicy] = (),
    boost: bool | None = None,
    zones: Sequence[ThermalZone] = (),
    throttle: Throttling | None = None,
    load: MachineLoad | None = None,
    busiest: Sequence[ProcessLoad] = (),
) -> list[Finding]:
    """Return the findings, errors first; what is not passed is not judged."""
    found = [
        *checks_isolation.emulated_cpu(info),
        *checks_isolation.virtual_machine(info),
        *checks_isolation.cpu_quota(info),
        *checks_isolation.slow_clocksource(info),
        *checks_isolation.swap(info),
        *checks_isolation.memory(info),
        *checks_isolation.address_layout(info),
        *checks_speed.governor(info, policies),
        *checks_speed.capped(info, policies),
        *checks_speed.boost(boost),
        *checks_speed.lost_ticks(info, policies),
        *checks_speed.temperature(info, zones),
        *checks_speed.unequal_cores(info),
        *checks_speed.shared_cores(info),
        *checks_speed.narrow_python(info),
    ]
    if throttle is not None:
        found += [*checks_speed.under_voltage(throttle), *checks_speed.throttled(throttle)]
    if load is not None:
        found += [
            *checks_isolation.other_load(load, busiest),
            *checks_isolation.stolen_time(load),
        ]
    return sorted(found, key=lambda finding: _ORDER[finding.severity])
