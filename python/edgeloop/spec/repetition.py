"""How often a measurement is repeated over hours."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgeloop.errors import UsageError
from edgeloop.spec.option import PRECISION, option

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


def parse_every(text: str) -> float:
    """Read 90s, 10m or 2h as seconds. Raises UsageError."""
    found = re.fullmatch(r"(\d+(?:\.\d*)?)([smh])", text.strip())
    if found is None:
        raise UsageError(f"--every '{text}' is not a time: write 90s, 10m or 2h")
    return float(found[1]) * _UNITS_S[found[2]]


@dataclass(frozen=True)
class Repetition:
    """Sessions of the same measurement."""

    sessions: int = option(
        1,
        "--sessions",
        section=PRECISION,
        help="Number of sessions, spaced in time; 3 or more give an interval between sessions.",
        bounds=(1, 1000),
        more=True,
    )
    every_s: float = option(
        600.0,
        "--every",
        section=PRECISION,
        metavar="TIME",
        help="With --sessions: from the start of one to that of the next (90s, 10m, 2h).",
        parse=parse_every,
        shown_default="10m",
        more=True,
    )
