"""Run a program that prints a reading: without a shell, without input, for a limited time."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from edgeloop.host.pseudofile import Reading


def run_program(
    words: Sequence[str], name: str, timeout_s: float
) -> Reading[subprocess.CompletedProcess[str]]:
    """Return what ended, whatever its exit code; the reason, where none did, begins with `name`."""
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Reading(None, f"{name} did not answer within {timeout_s:g} s")
    except (OSError, UnicodeDecodeError) as error:
        return Reading(None, f"{name} gave nothing: {error}")
    return Reading(done)
