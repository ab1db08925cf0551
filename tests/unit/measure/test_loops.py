"""The native and the Python loop: contiguous stamps of one clock, counts, errors."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgeloop import _core
from edgeloop.errors import NotAvailableError, RuntimeFailedError, UsageError
from edgeloop.measure import native, pyloop

CLOCK = time.CLOCK_MONOTONIC_RAW

Loop = Callable[[int, int], tuple[int, np.ndarray]]


def native_loop(**settings: str) -> Loop:
    engine = _core.create_engine("null", settings=settings)
    return lambda runs, per_sample: native.run_block(engine, runs, per_sample, CLOCK)


def python_loop(**settings: str) -> Loop:
    engine = _core.create_engine("null", settings=settings)
    return lambda runs, per_sample: pyloop.run_block(engine.run, runs, per_sample, CLOCK)


both = pytest.mark.parametrize("loop", [native_loop, python_loop])


@both
@pytest.mark.parametrize(("runs", "per_sample"), [(1, 1), (7, 1), (12, 3), (12, 12), (100_000, 1)])
def test_a_block_has_one_sample_for_so_many_runs(
    runs: int, per_sample: int, loop: Callable[..., Loop]
) -> None:
    _, durations = loop()(runs, per_sample)
    assert durations.dtype == np.uint64
    assert durations.shape == (runs // per_sample,)


@both
def test_the_samples_fill_the_time_of_the_block(loop: Callable[..., Loop]) -> None:
    run = loop(multiplications="10000")
    before = time.clock_gettime_ns(CLOCK)
    start, durations = run(2000, 2)
    after = time.clock_gettime_ns(CLOCK)
    assert before <= start
    assert start + int(durations.sum()) <= after
    # A run of 10,000 dependent multiplications takes longer than any clock's tick.
    assert (durations > 0).all()


def test_the_sum_of_the_python_samples_is_the_elapsed_time(monkeypatch: Any) -> None:
    stamps = [1000, 1003, 1003, 1110, 5000]
    reads = iter(stamps)
    monkeypatch.setattr(time, "clock_gettime_ns", lambda clock: next(reads))
    start, durations = pyloop.run_block(lambda: None, 4, 1, CLOCK)
    assert start == 1000
    assert durations.tolist() == [3, 0, 107, 3890]


def test_python_samples_of_several_runs_hold_one_read_each(monkeypatch: Any) -> None:
    events: list[str] = []

    def read(clock: int) -> int:
        events.append(f"read {clock}")
        return len(events)

    monkeypatch.setattr(time, "clock_gettime_ns", read)
    pyloop.run_block(lambda: events.append("run"), 6, 3, 4)
    assert events == ["read 4", *["run"] * 3, "read 4", *["run"] * 3, "read 4"]


def test_long_blocks_are_differenced_across_their_pieces() -> None:
    stamps = np.cumsum(np.arange(200_000, dtype=np.uint64) % 977)
    assert np.array_equal(pyloop._differences(stamps.copy()), np.diff(stamps))


def test_stamps_beyond_63_bits_are_differenced_without_a_sign(monkeypatch: Any) -> None:
    reads = iter([2**63 - 1, 2**63 + 5, 2**64 - 1])
    monkeypatch.setattr(time, "clock_gettime_ns", lambda clock: next(reads))
    _, durations = pyloop.run_block(lambda: None, 2, 1, CLOCK)
    assert durations.tolist() == [6, 2**63 - 6]


def test_a_clock_that_runs_backwards_is_refused(monkeypatch: Any) -> None:
    reads = iter([1000, 1010, 993, 1020])
    monkeypatch.setattr(time, "clock_gettime_ns", lambda clock: next(reads))
    with pytest.raises(NotAvailableError, match="the clock ran backwards by 17 ns"):
        pyloop.run_block(lambda: None, 3, 1, CLOCK)


@both
def test_every_run_is_run(loop: Callable[..., Loop]) -> None:
    loop(**{"fail-at": "13"})(12, 4)
    with pytest.raises(RuntimeFailedError, match="null: failed at run 12, as it was told to"):
        loop(**{"fail-at": "12"})(12, 4)


@both
@pytest.mark.parametrize(
    ("runs", "per_sample"), [(0, 1), (-1, 1), (10, 3), (3, 10), (1, 0), (4, -2)]
)
def test_a_block_of_no_whole_samples_is_refused(
    runs: int, per_sample: int, loop: Callable[..., Loop]
) -> None:
    with pytest.raises(UsageError, match=f"a block of {runs} runs cannot be cut"):
        loop()(runs, per_sample)


def failing() -> None:
    raise ValueError("the words of the callable")


def test_what_a_callable_raises_comes_out_of_the_python_loop() -> None:
    with pytest.raises(ValueError, match="the words of the callable"):
        pyloop.run_block(failing, 3, 1, CLOCK)


def test_what_a_callable_raises_comes_out_of_the_native_loop() -> None:
    engine = _core.create_engine("callable", callable=failing)
    with pytest.raises(RuntimeFailedError, match="the words of the callable"):
        native.run_block(engine, 3, 1, CLOCK)


def test_the_callable_loop_calls_as_often_as_the_native_one() -> None:
    calls: list[None] = []
    engine = _core.create_engine("callable", callable=lambda: calls.append(None))
    native.run_block(engine, 30, 3, CLOCK)
    assert len(calls) == 30


def test_the_samples_outlive_the_block_and_are_read_only() -> None:
    _, first = native_loop()(1000, 1)
    copy = first.copy()
    native_loop()(1000, 1)
    assert np.array_equal(first, copy)
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1


def test_at_a_fixed_rate_no_run_starts_before_it_is_due() -> None:
    engine = _core.create_engine("null")
    before = time.clock_gettime_ns(CLOCK)
    start, durations, busy = native.run_schedule(engine, 6, 2_000_000, CLOCK)
    after = time.clock_gettime_ns(CLOCK)
    assert before <= start
    assert after - start >= 5 * 2_000_000
    assert durations.shape == (6,)
    assert 0 <= busy <= after - start
    assert start + 5 * 2_000_000 + int(durations[-1]) <= after


def test_runs_that_come_late_are_counted_from_when_they_were_due() -> None:
    engine = _core.create_engine("null", settings={"multiplications": "100000"})
    _, durations, busy = native.run_schedule(engine, 10, 1000, CLOCK)
    # A run takes longer than 1 µs, so that each waits for all before it.
    assert (np.diff(durations.astype(np.int64)) > 0).all()
    assert int(durations[-1]) + 9 * 1000 >= busy


def test_an_engine_that_fails_at_a_fixed_rate() -> None:
    engine = _core.create_engine("null", settings={"fail-at": "3"})
    with pytest.raises(RuntimeFailedError, match="failed at run 3"):
        native.run_schedule(engine, 5, 1000, CLOCK)
