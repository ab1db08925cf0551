"""The pause until the fixed-work probe recovers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from edgeloop.measure import recovery
from edgeloop.measure.recovery import MOST_IN_VAIN, RECOVERY_TIMEOUT_S, Recovery


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Replace the time by one that passes in sleep() only."""
    fake = SimpleNamespace(now_s=100.0)

    def sleep(duration_s: float) -> None:
        fake.now_s += duration_s

    fake.monotonic, fake.sleep = lambda: fake.now_s, sleep
    monkeypatch.setattr(recovery, "time", fake)
    return fake


def slowed(probe_ns: int = 1100) -> Recovery:
    seen = Recovery()
    seen.saw(1000)
    seen.saw(probe_ns)
    return seen


def never() -> int:
    raise AssertionError("nothing to wait for")


@pytest.mark.parametrize("probe_ns", [1000, 1030])
def test_no_pause_where_the_probe_is_as_fast_as_ever(probe_ns: int, clock: SimpleNamespace) -> None:
    seen = slowed(probe_ns)
    seen.wait(never)
    assert (seen.pauses, seen.paused_s, clock.now_s) == (0, 0.0, 100.0)


def test_no_pause_without_a_probe() -> None:
    seen = Recovery()
    seen.wait(never)
    seen.saw(1000)
    seen.saw(None)
    seen.wait(never)
    assert seen.pauses == 0


def test_waits_until_the_probe_recovers() -> None:
    seen = slowed()
    probes = iter([1090, 1050, 1020])
    seen.wait(lambda: next(probes))
    assert list(probes) == []
    assert (seen.pauses, seen.in_vain) == (1, 0)
    assert seen.paused_s == pytest.approx(0.15)
    seen.wait(never)


def test_a_faster_look_becomes_the_reference() -> None:
    seen = slowed()
    seen.wait(lambda: 900)
    assert seen.fastest_ns == 900
    seen.saw(1000)
    seen.wait(lambda: 910)
    assert seen.pauses == 2


def test_the_wait_is_bounded_and_given_up_where_it_is_always_in_vain(
    clock: SimpleNamespace,
) -> None:
    seen = slowed()
    for _ in range(20):
        seen.wait(lambda: 1100)
    assert (seen.pauses, seen.in_vain) == (MOST_IN_VAIN, MOST_IN_VAIN)
    # A look may begin just before the bound: one more of 0.05 s.
    assert clock.now_s - 100.0 <= MOST_IN_VAIN * (RECOVERY_TIMEOUT_S + 0.051)
    assert seen.paused_s == pytest.approx(clock.now_s - 100.0)


def test_a_recovery_in_between_lets_it_wait_again() -> None:
    seen = slowed()
    for probe_ns in (1100, 1100, 1000):
        seen.saw(1100)
        seen.wait(lambda probe_ns=probe_ns: probe_ns)
    for _ in range(MOST_IN_VAIN + 1):
        seen.saw(1100)
        seen.wait(lambda: 1100)
    assert seen.pauses == 3 + MOST_IN_VAIN
    assert seen.in_vain == 2 + MOST_IN_VAIN
