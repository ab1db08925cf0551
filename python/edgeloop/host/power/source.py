"""The meter of this machine: which there is, what it covers, and what it says now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from edgeloop.host.power.meter import PowerMeter


@dataclass(frozen=True)
class FoundMeter:
    """The meter of this machine, or None and where it was looked for."""

    meter: Optional[PowerMeter]
    reason: str


def find_meter(root: Path = Path("/"), command: Optional[str] = None) -> FoundMeter:
    """Return the meter that covers most of the machine; the user's own command goes first.

    Raises UsageError where the command is no program.
    """
    from edgeloop.host.power import hwmon, ina3221, rapl
    from edgeloop.host.power import pmic as raspberrypi
    from edgeloop.host.power.command import CommandMeter

    if command is not None:
        return FoundMeter(CommandMeter(command), "given by --power-command")
    finders: Sequence[Callable[[Path], Optional[PowerMeter]]] = (
        ina3221.find,
        raspberrypi.find,
        hwmon.find,
        rapl.find,
    )
    for find in finders:
        meter = find(root)
        if meter is not None:
            return FoundMeter(meter, f"found: {meter.description.covers}")
    return FoundMeter(
        None,
        "no power meter: no INA3221, no Raspberry Pi 5 PMIC, no hwmon power and no readable RAPL; "
        "name a program that prints watts with --power-command",
    )
