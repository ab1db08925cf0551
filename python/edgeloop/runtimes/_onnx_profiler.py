"""ONNX Runtime's profiler: the JSON that a session writes, cut into runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from edgeloop.errors import RuntimeFailedError
from edgeloop.runtimes.protocol import OperatorTime

if TYPE_CHECKING:
    from edgeloop.runtimes.protocol import Block

RESOLUTION = "ONNX Runtime's profiler counts whole microseconds, rounded down"

_KERNEL = "_kernel_time"
_RUN = "model_run"

# Events that a session keeps; later ones are dropped without a word.
_CAPACITY = 1_000_000
# Of a node there is one event, or three before 1.13.
_EVENTS_OF_A_NODE = 3
# As many as keep the file small: an event takes 1 kB there.
_BLOCK_EVENTS = 20_000


class SessionProfiler:
    """The profiler of an InferenceSession, which runs from its creation to `operators`."""

    resolution = RESOLUTION

    def __init__(self, session: Any, nodes: int) -> None:
        """`nodes` is how many the session has, as far as it is known."""
        self._session = session
        self._nodes = max(1, nodes)
        self._began_ns = int(session.get_profiling_start_time_ns())
        self._windows: list[tuple[int, int]] = []
        self._runs = 0

    @property
    def most_runs(self) -> Optional[int]:
        """How many runs the next block can record."""
        left = _CAPACITY // (self._nodes * _EVENTS_OF_A_NODE) - self._runs
        return max(1, min(left, _BLOCK_EVENTS // self._nodes))

    def block(self, run_block: Callable[[int], Block], runs: int) -> Block:
        """Record a block: what runs between two looks at the profiler's own clock."""
        begin_ns = time.time_ns()
        block = run_block(runs)
        self._windows.append((begin_ns, time.time_ns()))
        self._runs += runs
        return block

    def operators(self) -> list[list[OperatorTime]]:
        """End the profile; return the nodes of every run recorded, in their order."""
        path = Path(self._session.end_profiling())
        try:
            events = json.loads(path.read_text(encoding="utf-8", errors="replace"))
        except (OSError, ValueError) as error:
            raise RuntimeFailedError(
                f"ONNX Runtime's profile {path} cannot be read: {error}"
            ) from error
        finally:
            path.unlink(missing_ok=True)
        return runs_of(events, [self._microseconds(window) for window in self._windows])

    def _microseconds(self, window: tuple[int, int]) -> tuple[float, float]:
        """Return a window as the profile counts time."""
        begin_ns, end_ns = window
        # The file's stamps are rounded down.
        return (begin_ns - self._began_ns) / 1000 - 1, (end_ns - self._began_ns) / 1000


def runs_of(
    events: list[Mapping[str, Any]], windows: list[tuple[float, float]]
) -> list[list[OperatorTime]]:
    """Return the nodes of each run that began in one of the windows (in us of the profile).

    Of a node within another one (a loop's body) only the outer one is kept.
    """
    spans = sorted(
        (event["ts"], event["ts"] + event["dur"])
        for event in events
        if event.get("name") == _RUN and any(a <= event["ts"] <= b for a, b in windows)
    )
    nodes = sorted(
        (event for event in events if str(event.get("name", "")).endswith(_KERNEL)),
        key=lambda event: (event["ts"], -event["dur"]),
    )
    runs: list[list[OperatorTime]] = []
    place = 0
    for begin_us, end_us in spans:
        operators: list[OperatorTime] = []
        outer_end_us = -1
        while place < len(nodes) and nodes[place]["ts"] < begin_us:
            place += 1
        while place < len(nodes) and nodes[place]["ts"] <= end_us:
            node = nodes[place]
            ended_us = node["ts"] + node["dur"]
            if ended_us > outer_end_us or node["dur"] == 0:
                operators.append(_operator(node, begin_us))
                outer_end_us = max(outer_end_us, ended_us)
            place += 1
        runs.append(operators)
    return runs


def _operator(event: Mapping[str, Any], begun_us: int) -> OperatorTime:
    arguments = event.get("args", {})
    return OperatorTime(
        operator=str(arguments.get("op_name", "unknown")),
        owner=str(arguments.get("provider", "unknown")),
        duration_ns=1000.0 * event["dur"],
        name=str(event["name"])[: -len(_KERNEL)],
        start_ns=1000.0 * (event["ts"] - begun_us),
    )
