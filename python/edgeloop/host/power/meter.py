"""What a power meter is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edgeloop.host.pseudofile import Reading


@dataclass(frozen=True)
class MeterDescription:
    """What a meter is, in words that go into the result."""

    name: str
    """How it is read: "ina3221", "pmic", "rapl", "hwmon", "command"."""
    covers: str
    """What the watts measure."""
    limits: str
    """What the figures do not cover."""


class PowerMeter(Protocol):
    """One meter; `read_w` is called about once a second from one thread."""

    description: MeterDescription

    def read_w(self) -> Reading[float]:
        """Return the power in W: now, or the mean since the last call where it is a counter."""
        ...
