"""How the worker is placed on the machine: its CPUs, its priority, its memory, the governor.

What the system refuses does not end a run: it is null in the result, with the reason, and warned
of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from edgeloop.errors import UsageError

_NICE = (-20, 19)
_REALTIME = (1, 99)
REALTIME_POLICIES = ("fifo", "rr")


@dataclass(frozen=True)
class Control:
    """What was asked for; None and False: as the system has it."""

    cpus: Optional[tuple[int, ...]] = None
    priority: Optional[str] = None
    """A nice value, "-10", or a real-time policy with its priority, "fifo:50"."""
    mlock: bool = False
    """Keep all memory of the worker from being swapped out."""
    governor: Optional[str] = None
    """Set for the time of the run, and restored after it."""


UNCONTROLLED = Control()


def parse_priority(text: str) -> str:
    """Check -10 (nice) or fifo:50, rr:50 (real time). Raises UsageError that shows the form."""
    policy, colon, number = text.partition(":")
    least, most = _NICE
    if colon and policy in REALTIME_POLICIES:
        least, most = _REALTIME
    elif colon:
        number = ""
    else:
        number = text
    try:
        fits = least <= int(number) <= most
    except ValueError:
        fits = False
    if not fits:
        raise UsageError(
            f"--priority {text}: write a nice value from -20 to 19, or fifo:N or rr:N with N from "
            "1 to 99"
        )
    return text
