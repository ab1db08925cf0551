"""One thing about the machine that a measurement suffers from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgeloop.host.document import Document

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Finding(Document):
    """What is so, what it does to a measurement, and what to do about it.

    `code` is stable, for scripts. An `error` makes the numbers wrong, a `warning` makes them
    scatter or hold for less than one thinks, an `info` is worth knowing when reading them.
    """

    code: str
    severity: Severity
    text: str
    effect: str
    fix: str
