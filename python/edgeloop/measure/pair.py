"""Two live workers whose blocks take turns, so that what disturbs one side disturbs the other."""

from __future__ import annotations

import random
from contextlib import ExitStack
from types import TracebackType
from typing import Optional

from edgeloop.measure.live_worker import LiveWorker
from edgeloop.measure.monitor import Monitor
from edgeloop.measure.rest import comes_to_rest
from edgeloop.spec.resolved import ResolvedSpec

# The idle worker must be at rest before the other runs; threads that spin get this long to stop.
_REST_TIMEOUT_S = 2.0


class Pair:
    """The workers of two sides. As a context manager it ends them."""

    def __init__(
        self,
        specs: tuple[ResolvedSpec, ResolvedSpec],
        number: int,
        monitor: Monitor,
        generator: random.Random,
    ) -> None:
        self.specs = specs
        self.number = number
        self.workers: dict[int, LiveWorker] = {}
        """By side; those that came to load their model."""
        self._monitor = monitor
        self._generator = generator
        self._stack = ExitStack()

    def __enter__(self) -> None:
        """Start nothing yet: `open` does."""

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._stack.close()

    def order(self) -> list[int]:
        """Return both sides in random order."""
        return self._generator.sample((0, 1), 2)

    def open(self) -> None:
        """Start the workers in random order: the later one may get the worse memory."""
        for side in self.order():
            self.workers[side] = self._started(self.specs[side])

    def open_shared(self, both: ResolvedSpec) -> None:
        """Start one worker for both sides."""
        worker = self._started(both)
        self.workers = {0: worker, 1: worker}

    def rests(self, side: int) -> bool:
        """Wait for the other side's worker to rest; return whether it came to that."""
        return comes_to_rest(self.workers[1 - side].client.pid, _REST_TIMEOUT_S)

    def stop(self) -> None:
        """End the workers; each keeps what it used."""
        for worker in dict.fromkeys(self.workers.values()):
            worker.stop()

    def _started(self, spec: ResolvedSpec) -> LiveWorker:
        return self._stack.enter_context(LiveWorker(spec, self.number, self._monitor))
