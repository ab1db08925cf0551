from __future__ import annotations

import json
import time
from types import SimpleNamespace

import pytest

from edgeloop import _core
from edgeloop.measure.clock import SYSCALL_READ_NS, choose_clock


def stub_costs(monkeypatch: pytest.MonkeyPatch, raw_ns: float, plain_ns: float) -> None:
    costs = {time.CLOCK_MONOTONIC_RAW: raw_ns, time.CLOCK_MONOTONIC: plain_ns}
    monkeypatch.setattr(
        _core, "measure_clock", lambda clock: SimpleNamespace(tick_ns=40, read_ns=costs[clock])
    )


@pytest.mark.parametrize(
    ("raw_ns", "plain_ns", "name"),
    [
        (18.0, 5.0, "CLOCK_MONOTONIC_RAW"),  # cheap enough: RAW, whatever the other costs
        (SYSCALL_READ_NS + 1, 20.0, "CLOCK_MONOTONIC"),  # RAW leaves the vDSO, the other does not
        (900.0, 880.0, "CLOCK_MONOTONIC_RAW"),  # both are system calls
    ],
)
def test_which_clock(
    raw_ns: float, plain_ns: float, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub_costs(monkeypatch, raw_ns, plain_ns)
    clock = choose_clock()
    assert clock.name == name
    assert clock.id == getattr(time, name)
    assert clock.read_ns == (raw_ns if name.endswith("RAW") else plain_ns)
    assert clock.tick_ns == 40


def test_one_preemption_does_not_change_the_cost_of_a_read(monkeypatch: pytest.MonkeyPatch) -> None:
    stub_costs(monkeypatch, 18.0, 5.0)
    reads = 0

    def read(clock: int) -> int:
        nonlocal reads
        reads += 1
        return reads * 50 + (4_000_000 if reads > 5000 else 0)  # 4 ms are lost in one stretch

    monkeypatch.setattr(time, "clock_gettime_ns", read)
    assert choose_clock().python_read_ns == 50.0


def test_the_description_is_json() -> None:
    clock = choose_clock()
    assert json.loads(json.dumps(clock.as_dict())) == clock.as_dict()
    assert set(clock.as_dict()) == {"id", "name", "tick_ns", "read_ns", "python_read_ns"}
