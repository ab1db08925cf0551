"""Profilers of native engines: TFLite's plan, and engines that time their layers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Optional, Protocol

import numpy as np

from edgeloop import _core
from edgeloop.errors import NotAvailableError, RuntimeFailedError, UsageError
from edgeloop.runtimes.protocol import OperatorTime

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgeloop import _core
    from edgeloop.runtimes.protocol import Block

RESOLUTION = "the engine times each layer of a run that it makes for that, by its own clock"

_BUILTIN = "builtin"

# LiteRT records five events of its own in each run, which take room beside the operators.
_EVENTS_OF_A_RUN = 8

STAMPED = (
    "operators of the plan by edgeloop's clock, in ns; what a delegate reports itself is in "
    "whole microseconds, rounded down"
)
COUNTED = "LiteRT's profiler counts whole microseconds; what a delegate reports is rounded down"


class PlanEvent(NamedTuple):
    """One event as the native core has it."""

    name: str
    node: int
    subgraph: int
    inside: bool
    reported: bool
    """Its delegate reported the time after it had run."""
    start_ns: int
    """Where reported: when that was; 0 where it is not known."""
    duration_ns: int


class EventSource(Protocol):
    """What records events in the native core."""

    def take_events(self) -> Sequence[tuple[str, int, int, bool, bool, int, int]]: ...

    def drop_events(self) -> None: ...

    @property
    def event_capacity(self) -> int: ...


@dataclass
class PlanProfiler:
    """A profiler whose events the native core takes."""

    source: EventSource
    placement: Optional[Sequence[_core.Partition]]
    resolution: str
    most_runs: Optional[int] = None
    _runs: list[list[OperatorTime]] = field(default_factory=list)

    def block(self, run_block: Callable[[int], Block], runs: int) -> Block:
        """Record a block; events of the runs before it are dropped."""
        self.source.drop_events()
        start_ns, durations_ns = run_block(runs)
        events = [PlanEvent(*event) for event in self.source.take_events()]
        for begun_ns, of_run in split_runs(events, start_ns, durations_ns):
            self._runs.append(plan_operators(of_run, begun_ns, self.placement))
            each = len(of_run) + _EVENTS_OF_A_RUN
            # One less than fits: a buffer that is full may have lost its first event.
            self.most_runs = max(1, (self.source.event_capacity - 1) // each)
        return start_ns, durations_ns

    def operators(self) -> list[list[OperatorTime]]:
        """Return the operators of every run recorded."""
        return self._runs


def split_runs(
    events: Sequence[PlanEvent], start_ns: int, durations_ns: npt.NDArray[Any]
) -> list[tuple[Optional[int], list[PlanEvent]]]:
    """Return the start of each run, where events have theirs by the same clock, and its events.

    Raises RuntimeFailedError where events without such a stamp are not the same in every run.
    """
    runs = len(durations_ns)
    ends_ns = start_ns + np.cumsum(durations_ns.astype(np.int64))
    if events and all(start_ns <= event.start_ns <= ends_ns[-1] for event in events):
        split: list[list[PlanEvent]] = [[] for _ in range(runs)]
        for event in events:
            # On a coarse clock a run ends, and the next begins, in the tick of an event.
            side: Literal["left", "right"] = "left" if event.reported else "right"
            number = int(np.searchsorted(ends_ns, event.start_ns, side=side))
            split[min(number, runs - 1)].append(event)
        begun = [start_ns, *(int(end) for end in ends_ns[:-1])]
        return list(zip(begun, split))
    each = len(events) // runs
    pieces = [list(events[run * each : (run + 1) * each]) for run in range(runs)]
    shapes = {tuple(event[:5] for event in piece) for piece in pieces}
    if each * runs != len(events) or len(shapes) > 1:
        raise RuntimeFailedError(
            "the operators differ from run to run, and LiteRT's profiler does not tell which run "
            "they belong to; profile the model with --runtime tflite"
        )
    return [(None, piece) for piece in pieces]


def plan_operators(
    events: Sequence[PlanEvent],
    begun_ns: Optional[int],
    placement: Optional[Sequence[_core.Partition]],
) -> list[OperatorTime]:
    """Return the operators of one run, with who ran each.

    A delegate that times its own operators is not an event of the plan itself: its partition lasts
    as long as they do together.
    """
    plan = _Plan(placement)
    found: list[OperatorTime] = []
    index = 0
    while index < len(events):
        event = events[index]
        if event.inside:
            found.append(_within(event, found))
            index += 1
            continue
        if not event.reported:
            found.append(plan.entry(event, begun_ns))
            index += 1
            continue
        group = _reported_group(events, index)
        found.append(plan.partition(group))
        found += [_within(one, found[-1:]) for one in group]
        index += len(group)
    return found


def _reported_group(events: Sequence[PlanEvent], first: int) -> list[PlanEvent]:
    """Return what one delegate kernel reports: it counts its operators from 0."""
    group = [events[first]]
    for event in events[first + 1 :]:
        same = event.reported and not event.inside and event.subgraph == group[0].subgraph
        if not same or event.node <= group[-1].node:
            break
        group.append(event)
    return group


def _within(event: PlanEvent, before: Sequence[OperatorTime]) -> OperatorTime:
    owner = next((one.owner for one in reversed(before) if not one.inside), event.name)
    return OperatorTime(
        operator=event.name,
        owner=owner,
        duration_ns=float(event.duration_ns),
        inside=True,
        subgraph=event.subgraph,
    )


class _Plan:
    """The parts of the execution plan, in whose order the events of a run come."""

    def __init__(self, placement: Optional[Sequence[_core.Partition]]) -> None:
        self._parts: dict[int, list[_core.Partition]] = {}
        for part in placement or ():
            self._parts.setdefault(part.subgraph, []).append(part)
        self._next: dict[int, int] = {}

    def entry(self, event: PlanEvent, begun_ns: Optional[int]) -> OperatorTime:
        """Return a stamped node of the plan: a kernel of the runtime's, or a delegate's."""
        start_ns = None if begun_ns is None else float(event.start_ns - begun_ns)
        parts = self._parts.get(event.subgraph, ())
        own = next((n for n, part in enumerate(parts) if _runs_itself(part, event.node)), None)
        if own is not None or not parts:
            self._next[event.subgraph] = 0 if own is None else own + 1
            return OperatorTime(
                operator=event.name,
                owner=_BUILTIN,
                duration_ns=float(event.duration_ns),
                start_ns=start_ns,
                node=event.node,
                subgraph=event.subgraph,
            )
        part = self._delegated(event.subgraph)
        return OperatorTime(
            operator="partition",
            owner=event.name if part is None else part.owner,
            duration_ns=float(event.duration_ns),
            start_ns=start_ns,
            nodes=() if part is None else tuple(part.indexes),
            subgraph=event.subgraph,
        )

    def partition(self, group: Sequence[PlanEvent]) -> OperatorTime:
        """Return the partition that a delegate's own report is of."""
        part = self._delegated(group[0].subgraph)
        return OperatorTime(
            operator="partition",
            owner="delegate" if part is None else part.owner,
            duration_ns=float(sum(event.duration_ns for event in group)),
            nodes=() if part is None else tuple(part.indexes),
            subgraph=group[0].subgraph,
        )

    def _delegated(self, subgraph: int) -> Optional[_core.Partition]:
        """Return the next delegated part; a subgraph that runs again starts over."""
        parts = self._parts.get(subgraph, [])
        delegated = [number for number, part in enumerate(parts) if part.owner != _BUILTIN]
        if not delegated:
            return None
        after = self._next.get(subgraph, 0)
        number = next((one for one in delegated if one >= after), delegated[0])
        self._next[subgraph] = number + 1
        return parts[number]


def _runs_itself(part: _core.Partition, node: int) -> bool:
    return part.owner == _BUILTIN and node in part.indexes


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
                    f"{self._owner} cannot report the time of a layer: {error}"
                ) from error
            stamps_ns.append(time.monotonic_ns())
            self._runs.append(
                [OperatorTime(name, self._owner, float(time_ns)) for name, time_ns in layers]
            )
        return stamps_ns[0], np.diff(stamps_ns).astype(np.uint64)

    def operators(self) -> list[list[OperatorTime]]:
        """Return the layers of every run recorded."""
        return self._runs
