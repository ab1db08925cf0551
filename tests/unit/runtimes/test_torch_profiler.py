"""The calls that PyTorch's profiler tells, cut into runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Optional

import pytest

from edgeloop.errors import RuntimeFailedError
from edgeloop.runtimes.torch import outermost, split_calls


def call(name: str, start_us: float, parent: Optional[Any] = None, us: float = 2.0) -> Any:
    span = SimpleNamespace(start=start_us, elapsed_us=lambda: us)
    return SimpleNamespace(name=name, time_range=span, cpu_parent=parent)


def test_only_the_outermost_operators_count() -> None:
    forward = call("forward", 0)  # TorchScript's own frame has no namespace
    conv = call("aten::conv2d", 5, forward)
    inner = call("aten::_convolution", 6, conv)
    add = call("aten::add", 1, forward)
    assert outermost([forward, conv, inner, call("aten::x", 7, inner), add]) == [add, conv]


def test_runs_are_cut_where_they_repeat() -> None:
    calls = [call("aten::a", 10), call("aten::b", 13.5), call("aten::a", 20), call("aten::b", 24)]
    runs = split_calls(calls, 2)
    assert [[(one.operator, one.start_ns, one.duration_ns) for one in run] for run in runs] == [
        [("aten::a", 0.0, 2000.0), ("aten::b", 3500.0, 2000.0)],
        [("aten::a", 0.0, 2000.0), ("aten::b", 4000.0, 2000.0)],
    ]
    with pytest.raises(RuntimeFailedError, match="other operators from run to run"):
        split_calls([*calls[:3], call("aten::c", 30)], 2)
    with pytest.raises(RuntimeFailedError, match="other operators from run to run"):
        split_calls(calls[:3], 2)
