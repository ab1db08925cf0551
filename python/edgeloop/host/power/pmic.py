"""The power management chip of the Raspberry Pi 5, which measures the rails that it makes.

`vcgencmd pmic_read_adc` prints a current and a voltage for each rail: "3V3_SYS_A current(1)=0.07A",
"3V3_SYS_V volt(9)=3.31V". What USB devices and HATs draw from the 5 V input does not pass it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Optional

from edgeloop.host.board import board
from edgeloop.host.power.meter import MeterDescription
from edgeloop.host.program import run_program
from edgeloop.host.pseudofile import Reading

_COMMAND = ("vcgencmd", "pmic_read_adc")
_TIMEOUT_S = 2.0
_LINE = re.compile(r"(\w+)_([AV])\s+(?:current|volt)\(\d+\)=([0-9.]+)[AV]")
_CHIPS = ("brcm,bcm2712",)


class PmicMeter:
    """All rails that have both a current and a voltage."""

    description = MeterDescription(
        name="pmic",
        covers="board rails without peripherals",
        limits="what USB devices and HATs draw from the 5 V input, and the supply's own loss, is "
        "missing",
    )

    def __init__(self, ask: Callable[[], Reading[str]]) -> None:
        self._ask = ask

    def read_w(self) -> Reading[float]:
        """Return the power of the rails together."""
        text = self._ask()
        if text.value is None:
            return Reading(None, text.reason)
        return rails_w(text.value)


def rails_w(text: str) -> Reading[float]:
    """Return the sum of current x voltage over the rails in what vcgencmd printed."""
    values: dict[str, dict[str, float]] = {}
    for rail, unit, number in _LINE.findall(text):
        values.setdefault(rail, {})[unit] = float(number)
    pairs = [rail for rail in values.values() if len(rail) == 2]
    if not pairs:
        return Reading(None, f"`{' '.join(_COMMAND)}` printed no rails: {text[:60]!r}")
    return Reading(sum(rail["A"] * rail["V"] for rail in pairs))


def find(root: Path = Path("/")) -> Optional[PmicMeter]:
    """Return the meter, or None where this is not a Raspberry Pi 5 or its firmware is silent."""
    if not set(_CHIPS) & set(board(root).compatible):
        return None
    meter = PmicMeter(_ask)
    return meter if meter.read_w().value is not None else None


def _ask() -> Reading[str]:
    program = shutil.which(_COMMAND[0])
    if program is None:
        return Reading(None, f"{_COMMAND[0]} is not installed")
    name = f"`{' '.join(_COMMAND)}`"
    done = run_program([program, *_COMMAND[1:]], name, _TIMEOUT_S)
    if done.value is None:
        return Reading(None, done.reason)
    if done.value.returncode:
        return Reading(None, f"{name} failed: {(done.value.stderr or done.value.stdout)[:100]}")
    return Reading(done.value.stdout)
