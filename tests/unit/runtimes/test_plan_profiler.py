"""TFLite's events, cut into runs and put together with who ran each node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from edgeloop.errors import RuntimeFailedError
from edgeloop.runtimes._plan_profiler import PlanEvent, PlanProfiler, plan_operators, split_runs


@dataclass
class Part:
    """A partition, as the native core has it."""

    owner: str
    indexes: Sequence[int]
    subgraph: int = 0
    delegate: str = ""
    operators: Sequence[str] = ()

    @property
    def nodes(self) -> int:
        return len(self.indexes)


def stamped(name: str, node: int, start_ns: int = 0, duration_ns: int = 10, **more: Any) -> Any:
    fields = {"subgraph": 0, "inside": False, **more}
    return PlanEvent(name=name, node=node, reported=False, start_ns=start_ns,
                     duration_ns=duration_ns, **fields)  # fmt: skip


def reported(name: str, node: int, duration_ns: int, start_ns: int = 0) -> PlanEvent:
    return PlanEvent(name, node, 0, False, True, start_ns, duration_ns)


def durations(*values_ns: int) -> Any:
    return np.array(values_ns, dtype=np.uint64)


def test_runs_are_told_apart_by_the_stamps_even_where_they_differ() -> None:
    events = [stamped("A", 0, 100), stamped("B", 1, 150), stamped("A", 0, 210)]
    split = split_runs(events, 100, durations(100, 100))
    assert [(begun, [e.name for e in run]) for begun, run in split] == [
        (100, ["A", "B"]),
        (200, ["A"]),
    ]


def test_runs_without_stamps_are_told_apart_by_their_sameness() -> None:
    once = [reported("A", 0, 1), reported("B", 1, 2)]
    split = split_runs([*once, *once, *once], 100, durations(1, 1, 1))
    assert [begun for begun, _ in split] == [None] * 3
    assert all(len(run) == 2 for _, run in split)
    with pytest.raises(RuntimeFailedError, match=r"differ from run to run.*--runtime tflite"):
        split_runs([*once, once[0], once[0]], 100, durations(1, 1))
    with pytest.raises(RuntimeFailedError, match="differ from run to run"):
        split_runs([*once, once[0]], 100, durations(1, 1))


def test_a_delegate_that_reports_afterwards_is_a_partition_of_what_it_reports() -> None:
    placement = [Part("X", [0, 1, 2]), Part("builtin", [3]), Part("X", [4])]
    events = [
        reported("conv", 0, 5),
        reported("add", 1, 2),
        stamped("SOFTMAX", 3, 107, 9),
        reported("copy", 0, 1),
    ]
    found = plan_operators(events, 100, placement)  # type: ignore[arg-type]
    assert [(o.operator, o.owner, o.duration_ns, o.inside, o.node, o.nodes) for o in found] == [
        ("partition", "X", 7.0, False, None, (0, 1, 2)),
        ("conv", "X", 5.0, True, None, ()),
        ("add", "X", 2.0, True, None, ()),
        ("SOFTMAX", "builtin", 9.0, False, 3, ()),
        ("partition", "X", 1.0, False, None, (4,)),
        ("copy", "X", 1.0, True, None, ()),
    ]
    assert found[3].start_ns == 7.0


def test_two_partitions_that_follow_each_other_both_count_from_0() -> None:
    placement = [Part("X", [0]), Part("Y", [1])]
    found = plan_operators([reported("a", 0, 5), reported("b", 0, 2)], None, placement)  # type: ignore[arg-type]
    assert [(one.owner, one.nodes) for one in found if not one.inside] == [("X", (0,)), ("Y", (1,))]


def test_a_silent_delegate_is_one_event_of_the_plan_and_keeps_its_place() -> None:
    # Its kernel is a node behind those of the file; the first partition reported nothing at all.
    placement = [Part("X", [0]), Part("builtin", [1]), Part("Npu", [2, 3])]
    events = [stamped("ADD", 1, 100), stamped("NpuKernel", 4, 110, 30),
              stamped("dma", 0, 112, 5, inside=True)]  # fmt: skip
    found = plan_operators(events, 100, placement)  # type: ignore[arg-type]
    assert [(one.operator, one.owner, one.nodes) for one in found] == [
        ("ADD", "builtin", ()),
        ("partition", "Npu", (2, 3)),
        ("dma", "Npu", ()),
    ]
    assert found[2].inside


def test_a_loop_body_that_runs_again_begins_anew() -> None:
    placement = [Part("builtin", [0]), Part("builtin", [0], subgraph=1), Part("X", [1], subgraph=1)]
    body = [stamped("LESS", 0, 100, subgraph=1), stamped("XKernel", 2, 101, subgraph=1)]
    found = plan_operators([*body, *body], 100, placement)  # type: ignore[arg-type]
    assert [one.owner for one in found] == ["builtin", "X", "builtin", "X"]


def test_without_a_placement_the_delegates_own_name_stands() -> None:
    found = plan_operators([stamped("ADD", 0), reported("conv", 0, 5)], None, None)
    assert [one.owner for one in found] == ["builtin", "delegate", "delegate"]


@dataclass
class Source:
    """A recorder whose buffer the runs before the block have filled."""

    events: list[Any] = field(default_factory=lambda: [stamped("OLD", 0)] * 5000)
    event_capacity: int = 100

    def take_events(self) -> list[Any]:
        taken, self.events = self.events, []
        return taken

    def drop_events(self) -> None:
        self.events = []


def test_a_block_holds_its_own_events_and_says_how_many_runs_fit() -> None:
    source = Source()
    profiler = PlanProfiler(source, None, "exact")

    def run_block(runs: int) -> Any:
        source.events = [stamped("A", 0, 1000 + 10 * run) for run in range(runs)]
        return 1000, durations(*[10] * runs)

    assert profiler.most_runs is None
    profiler.block(run_block, 3)
    assert [[one.operator for one in run] for run in profiler.operators()] == [["A"]] * 3
    assert profiler.most_runs == 11  # 99 events, nine a run
