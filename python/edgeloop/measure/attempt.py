"""What comes of one worker process, however it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Optional

from edgeloop.errors import EdgeloopError, InterruptedRunError
from edgeloop.host.processes import (
    MachineLoad,
    ProcessLoad,
    Snapshot,
    busiest,
    machine_load,
    snapshot,
)
from edgeloop.measure import schedule
from edgeloop.measure.data_set import DataResult
from edgeloop.measure.live_worker import LiveWorker
from edgeloop.results.schema import Invocation

# What other processes did while the blocks ran, and the busiest of them.
LoadDuring = tuple[MachineLoad, tuple[ProcessLoad, ...]]


@dataclass
class Attempt:
    """What came of one process.

    As a context manager it ends the worker and swallows an EdgeloopError and Ctrl-C: `error` is
    what ended the block, and `invocation` what had been measured by then.
    """

    worker: Optional[LiveWorker] = None
    """None where none came to load its model."""
    invocation: Optional[Invocation] = None
    data_result: Optional[DataResult] = None
    """What the data set gave, from the first process."""
    load: Optional[LoadDuring] = None
    sampling: Optional[schedule.Sampling] = None
    """What this process chose, or was given."""
    governor: dict[str, Any] = field(default_factory=dict)
    """What holds of the governor that was asked for."""
    stop_reason: str = "failed"
    """Why there are no more blocks."""
    error: Optional[EdgeloopError] = None
    interruption: InterruptedRunError = field(default_factory=InterruptedRunError)
    """The error for Ctrl-C."""

    def __enter__(self) -> Attempt:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> bool:
        if self.worker is not None:
            self.worker.close()
        if isinstance(error, KeyboardInterrupt):
            self.stop_reason, self.error = "interrupted", self.interruption
        elif isinstance(error, EdgeloopError):
            self.error = error
        elif error is not None:
            return False
        if self.worker is not None:
            self.invocation = self.worker.invocation(self.stop_reason, self.error)
        return True


def load_during(before: Snapshot) -> LoadDuring:
    """Return what other processes did since a snapshot."""
    after = snapshot()
    return machine_load(before, after), busiest(before, after)
