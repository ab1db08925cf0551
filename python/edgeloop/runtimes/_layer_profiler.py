"""Engines that time their own layers, one run at a time: plugins, and TensorRT among them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Optional

import numpy as np

from edgeloop import _core
from edgeloop.errors import NotAvailableError, UsageError
from edgeloop.runtimes.protocol import OperatorTime

if TYPE_CHECKING:
    from edgeloop.runtimes.protocol import Block

RESOLUTION = "the engine times each layer of a run that it makes for that, by its own clock"


class LayerProfiler:
    """Layers of runs that the engine makes beside the measured ones."""

    resolution = RESOLUTION
    most_runs: Optional[int] = None

    def __init__(self, engine: _core.Engine, owner: str) -> None:
        self._engine = engine
        self._owner = owner
        self._runs: list[list[OperatorTime]] = []

    def block(self, run_block: Callable[[int], Block], runs: int) -> Block:
        """Record a block of such runs. Raises NotAvailableError where it cannot time layers."""
        del run_block
        stamps_ns = [time.monotonic_ns()]
        for _ in range(runs):
            try:
                layers = self._engine.time_layers()
            except UsageError as error:
                raise NotAvailableError(
                    f"{self._owner} cannot tell the time of a layer: {error}"
                ) from error
            stamps_ns.append(time.monotonic_ns())
            self._runs.append(
                [OperatorTime(name, self._owner, float(time_ns)) for name, time_ns in layers]
            )
        return stamps_ns[0], np.diff(stamps_ns).astype(np.uint64)

    def operators(self) -> list[list[OperatorTime]]:
        """Return the layers of every run recorded."""
        return self._runs
