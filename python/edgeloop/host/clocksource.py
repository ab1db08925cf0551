"""Read which hardware counter the kernel's clocks are made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeloop.host.document import Document
from edgeloop.host.pseudofile import read_text, read_words

_DIRECTORY = "sys/devices/system/clocksource/clocksource0"


@dataclass(frozen=True)
class Clocksource(Document):
    """The counter in use and those the kernel could use instead."""

    current: str | None
    current_reason: str | None
    available: tuple[str, ...] | None
    available_reason: str | None


def clocksource(root: Path = Path("/")) -> Clocksource:
    """Return the current and the available clock sources."""
    current = read_text(root / _DIRECTORY / "current_clocksource")
    available = read_words(root / _DIRECTORY / "available_clocksource")
    return Clocksource(current.value, current.reason, available.value, available.reason)
