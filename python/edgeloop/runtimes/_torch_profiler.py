"""PyTorch's profiler: the calls of operators on the thread that runs the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Optional

from edgeloop.errors import RuntimeFailedError
from edgeloop.runtimes.protocol import OperatorTime

if TYPE_CHECKING:
    from edgeloop.runtimes.protocol import Block

RESOLUTION = "torch.profiler stamps each call of an operator in ns, with the calls inside it"

_OWNER = "PyTorch"
# Names of operators have a namespace; what has none is TorchScript's own.
_NAMESPACE = "::"

# A block's events are Python objects, some 2 kB each.
_BLOCK_EVENTS = 20_000


class TorchProfiler:
    """torch.profiler around every block that is recorded."""

    resolution = RESOLUTION

    def __init__(self, torch: Any) -> None:
        self._torch = torch
        self._runs: list[list[OperatorTime]] = []
        self.most_runs: Optional[int] = None

    def block(self, run_block: Callable[[int], Block], runs: int) -> Block:
        """Record a block."""
        profiler = self._torch.profiler
        with profiler.profile(activities=[profiler.ProfilerActivity.CPU]) as profile:
            block = run_block(runs)
        events = list(profile.events())
        self.most_runs = max(1, _BLOCK_EVENTS * runs // max(1, len(events)))
        self._runs += split_calls(outermost(events), runs)
        return block

    def operators(self) -> list[list[OperatorTime]]:
        """Return the operators of every run recorded."""
        return self._runs


def outermost(events: Sequence[Any]) -> list[Any]:
    """Return the calls of operators that no other operator made, in their order."""
    calls = [event for event in events if _NAMESPACE in event.name and not _is_inner(event)]
    return sorted(calls, key=lambda event: float(event.time_range.start))


def _is_inner(event: Any) -> bool:
    parent = event.cpu_parent
    while parent is not None:
        if _NAMESPACE in parent.name:
            return True
        parent = parent.cpu_parent
    return False


def split_calls(calls: Sequence[Any], runs: int) -> list[list[OperatorTime]]:
    """Return the calls of each run. Raises RuntimeFailedError where runs call differently."""
    each = len(calls) // runs
    pieces = [calls[run * each : (run + 1) * each] for run in range(runs)]
    if each * runs != len(calls) or len({tuple(c.name for c in piece) for piece in pieces}) > 1:
        raise RuntimeFailedError(
            "the model calls other operators from run to run, which a profile by operator cannot "
            "show; export it with torch.export or to ONNX and profile that"
        )
    return [[_operator(call, piece[0]) for call in piece] for piece in pieces]


def _operator(call: Any, first: Any) -> OperatorTime:
    begun_us = float(first.time_range.start)
    return OperatorTime(
        operator=str(call.name),
        owner=_OWNER,
        duration_ns=1000.0 * float(call.time_range.elapsed_us()),
        start_ns=1000.0 * (float(call.time_range.start) - begun_us),
    )
