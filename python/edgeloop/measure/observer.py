"""Who watches a measurement: the command line draws it, the API is silent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
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

    @property
    def fraction(self) -> float:
        """How much is done, from 0 to 1: of the processes or of the time, whichever is further."""
        of_processes = (self.process - 1) / max(1, self.processes)
        of_time = 0.0 if not self.budget_s else self.elapsed_s / self.budget_s
        return min(1.0, max(of_processes, of_time))


class Observer(Protocol):
    """Receives what happens; called only while no block runs."""

    def phase(self, text: str) -> None:
        """Say what begins."""
        ...

    def busy(self, text: str) -> AbstractContextManager[Callable[[str], None]]:
        """Say what begins, and show until it ends that it goes on; nothing is timed meanwhile.

        Yields what changes the text.
        """
        ...

    def note(self, text: str) -> None:
        """Say what was chosen or found, which stays true to the end."""
        ...

    def progress(self, progress: Progress) -> None:
        """Show how far it is; called often, draws seldom."""
        ...


class Silence:
    """An observer that says nothing."""

    def phase(self, text: str) -> None:
        """Ignore it."""

    def busy(self, text: str) -> AbstractContextManager[Callable[[str], None]]:
        """Ignore it."""
        return nullcontext(self.phase)

    def note(self, text: str) -> None:
        """Ignore it."""

    def progress(self, progress: Progress) -> None:
        """Ignore it."""
