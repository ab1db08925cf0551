"""The same measurement again and again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from edgeloop.errors import RuntimeFailedError, UsageError
from edgeloop.measure.observer import Silence
from edgeloop.measure.sessions import repeated
from edgeloop.spec.repetition import Repetition, parse_every


class Clock:
    """Time that passes in sleep() and in a measurement of 60 s."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.begun: list[float] = []

    def sleep(self, duration_s: float) -> None:
        self.now_s += duration_s

    def measure(self) -> Any:
        self.begun.append(self.now_s)
        self.now_s += 60.0
        return [SimpleNamespace(error=None, number=len(self.begun))], []

    def run(self, measure: Any, sessions: int, every_s: float) -> Any:
        return repeated(
            measure, Repetition(sessions, every_s), Silence(), lambda: self.now_s, self.sleep
        )


def test_sessions_begin_at_even_times_and_the_last_one_is_shown() -> None:
    clock = Clock()
    (result,), failures = clock.run(clock.measure, 3, 600.0)
    assert clock.begun == [0.0, 600.0, 1200.0]
    assert (result.number, failures) == (3, [])


def test_a_session_that_takes_longer_delays_the_next() -> None:
    clock = Clock()
    clock.run(clock.measure, 3, 10.0)
    assert clock.begun == [0.0, 60.0, 120.0]


def test_a_failure_ends_it_and_an_interrupted_pause_keeps_what_was_measured() -> None:
    clock = Clock()
    failed = ([], [("null", RuntimeFailedError("it crashed"))])
    assert clock.run(lambda: failed, 3, 600.0) == failed
    assert clock.now_s == 0.0

    def interrupt(duration_s: float) -> None:
        raise KeyboardInterrupt

    clock.sleep = interrupt  # type: ignore[method-assign]
    (result,), _ = clock.run(clock.measure, 3, 600.0)
    assert result.number == 1


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1.5h", 5400)])
def test_times_between_sessions(text: str, seconds: float) -> None:
    assert parse_every(text) == seconds


@pytest.mark.parametrize("text", ["10", "m", "-3m", "10 min", ""])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="write 90s, 10m or 2h"):
        parse_every(text)
