"""The meter of this machine: which there is, what it covers, and what it says now."""

from __future__ import annotations

import math
import re
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from edgeloop.errors import UsageError
from edgeloop.host.power.meter import MeterDescription, PowerMeter
from edgeloop.host.program import run_program
from edgeloop.host.pseudofile import Reading

# A meter that takes longer would be read less often than once a second.
_TIMEOUT_S = 5.0

_NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class FoundMeter:
    """The meter of this machine, or None and where it was looked for."""

    meter: Optional[PowerMeter]
    reason: str


def find_meter(root: Path = Path("/"), command: Optional[str] = None) -> FoundMeter:
    """Return the meter that covers most of the machine; the user's own command goes first.

    Raises UsageError where the command is not a program.
    """
    from edgeloop.host.power import hwmon, ina3221, rapl
    from edgeloop.host.power import pmic as raspberrypi

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


class CommandMeter:
    """Runs the command for each reading, without a shell, and takes the first number it prints."""

    def __init__(self, command: str) -> None:
        """Raise UsageError where the command names no program."""
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"--power-command {command!r}: {error}") from None
        program = shutil.which(words[0]) if words else None
        if program is None:
            raise UsageError(
                f"--power-command {command!r}: no such program; it must print the power in W"
            )
        self._words = [program, *words[1:]]
        self.description = MeterDescription(
            name="command",
            covers=f"what `{command}` meters",
            limits="as good as that program and its meter",
        )

    def read_w(self) -> Reading[float]:
        """Return the first number that the command prints, in W."""
        name = self._words[0]
        done = run_program(self._words, name, _TIMEOUT_S)
        if done.value is None:
            return Reading(None, done.reason)
        if done.value.returncode:
            return Reading(None, f"{name} ended with exit code {done.value.returncode}")
        text = done.value.stdout
        number = _NUMBER.search(text)
        power_w = float(number.group()) if number else math.nan
        if not (math.isfinite(power_w) and power_w >= 0):
            return Reading(None, f"{name} printed {text[:40]!r}, which is not a power in W")
        return Reading(power_w)
