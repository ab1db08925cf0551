"""What was seen of the machine around a measurement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from edgeloop.errors import reasoned
from edgeloop.host.power.meter import MeterDescription
from edgeloop.results.energy import ProcessPower, energy
from edgeloop.results.schema import Invocation, Result
from edgeloop.results.throttle_verdict import throttle_verdict


@dataclass(frozen=True)
class Surroundings:
    """The machine before and after, and its power meter."""

    before: dict[str, Any]
    """As HostState.as_dict() has it."""
    after: dict[str, Any]
    meter: Optional[MeterDescription]
    no_meter: str
    """Why there is no meter."""
    idle_w: Sequence[float]
    """Readings before the first process."""

    def document(self, result: Result) -> dict[str, Any]:
        """Return `host_state`, `throttling` and `energy` of a result."""
        return {
            "host_state": {"before": self.before, "after": self.after},
            "throttling": throttle_verdict(result, self.before, self.after),
            **self._energy(result),
        }

    def _energy(self, result: Result) -> dict[str, Any]:
        if len(result.loop_names) > 1:
            several = "the blocks of several loops are shorter than the meter's readings"
            return reasoned("energy", None, several)
        processes = [process_power(invocation) for invocation in result.invocations]
        return energy(processes, self.idle_w, self.meter, self.no_meter)


def process_power(invocation: Invocation) -> ProcessPower:
    """Return the readings from the first block of a process on, and the runs they are of."""
    begun_ns = min((block.start_ns for block in invocation.blocks), default=0)
    inside = [one for one in invocation.host_samples if one.get("taken_ns", 0) >= begun_ns]
    powers = [sample.get("power_w") for sample in inside]
    return ProcessPower(
        power_w=[power_w for power_w in powers if power_w is not None],
        runs=sum(block.durations_ns.size * block.runs_per_sample for block in invocation.blocks),
        busy_s=sum(block.wall_ns for block in invocation.blocks) / 1e9,
    )
