"""Who watches a measurement: the command line draws it, the API is silent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Protocol


@dataclass(frozen=True)
class Progress:
    """How far a measurement is, between two blocks."""

    title: str
    process: int
    """The worker process that measures, counted from 1."""
    processes: int
    """How many are planned."""
    elapsed_s: float
    """Time spent on warm-up and measuring, over all processes."""
    budget_s: Optional[float]
    """The most it may take; None for a fixed count."""
    runs: int
    """Runs recorded so far in this process."""
    median_ns: Optional[float]
    """Median of the headline loop so far."""


class Observer(Protocol):
    """Is told what happens; called only while no block runs."""

    def phase(self, text: str) -> None:
        """Say what begins."""
        ...

    def progress(self, progress: Progress) -> None:
        """Show how far it is; called often, draws seldom."""
        ...


class Silence:
    """An observer that says nothing."""

    def phase(self, text: str) -> None:
        """Ignore it."""

    def progress(self, progress: Progress) -> None:
        """Ignore it."""
