"""What of the machine changes while it is used: clocks, heat, throttling, memory, load."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeloop.host.document import Document
from edgeloop.host.frequency import FrequencyPolicy, frequency_policies
from edgeloop.host.info import Memory, memory
from edgeloop.host.jetson import JetsonState, jetson_state
from edgeloop.host.thermal import CoolingDevice, CpuTemperature, cooling_devices, cpu_temperature
from edgeloop.host.throttle import Throttling, throttling


@dataclass(frozen=True)
class HostState(Document):
    """The machine at one moment."""

    temperature: CpuTemperature
    policies: tuple[FrequencyPolicy, ...]
    throttling: Throttling
    cooling: tuple[CoolingDevice, ...]
    memory: Memory
    jetson: JetsonState | None


def host_state(root: Path = Path("/")) -> HostState:
    """Read the machine now; never raises OSError."""
    return HostState(
        temperature=cpu_temperature(root),
        policies=frequency_policies(root),
        throttling=throttling(root),
        cooling=cooling_devices(root),
        memory=memory(root),
        jetson=jetson_state(root),
    )
