"""A power meter that the user brings: a program that prints watts."""

from __future__ import annotations

import math
import re
import shlex
import shutil
import subprocess

from edgeloop.errors import UsageError
from edgeloop.host.pseudofile import Reading
from edgeloop.power.source import MeterDescription

# A meter that takes longer would be read less often than once a second.
_TIMEOUT_S = 5.0

_NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")


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
        try:
            done = subprocess.run(
                self._words,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Reading(None, f"{name} printed nothing within {_TIMEOUT_S:g} s")
        except (OSError, UnicodeDecodeError) as error:
            return Reading(None, f"{name} gave nothing: {error}")
        if done.returncode:
            return Reading(None, f"{name} ended with exit code {done.returncode}")
        number = _NUMBER.search(done.stdout)
        power_w = float(number.group()) if number else math.nan
        if not (math.isfinite(power_w) and power_w >= 0):
            return Reading(None, f"{name} printed {done.stdout[:40]!r}, which is no power in W")
        return Reading(power_w)
