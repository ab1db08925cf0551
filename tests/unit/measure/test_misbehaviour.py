"""Workers that crash, hang, leave or talk too much: what the parent says, and what is left."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from edgeloop.errors import RuntimeFailedError
from edgeloop.worker.log import KEPT_BYTES
from edgeloop.worker.requests import Outputs


def child_of(worker: Any) -> int:
    return int(re.findall(r"child (\d+)", worker.log.text())[0])


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGKILL, "was killed by SIGKILL, as the kernel does when the memory runs out,"),
        (signal.SIGSEGV, "crashed with SIGSEGV"),
        (signal.SIGRTMIN + 3, f"crashed with signal {signal.SIGRTMIN + 3}"),
    ],
)
def test_a_crash_while_idle_names_signal_and_step(
    number: int, words: str, start_worker: Any
) -> None:
    worker = start_worker()
    os.kill(worker.pid, number)
    with pytest.raises(RuntimeFailedError) as caught:
        worker.load()
    assert str(caught.value) == f"the worker {words} while loading the model"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_crash_in_a_block_names_signal_and_step(number: int, start_worker: Any) -> None:
    worker = start_worker()
    worker.load()
    killer = threading.Timer(0.2, os.kill, (worker.pid, number))
    killer.start()
    with pytest.raises(RuntimeFailedError, match="while running the native loop") as caught:
        worker.block(runs=10_000_000_000, per_sample=100_000)
    killer.join()
    assert signal.Signals(number).name in str(caught.value)


def test_a_crash_is_told_again_to_who_asks_again(start_worker: Any) -> None:
    worker = start_worker()
    os.kill(worker.pid, signal.SIGSEGV)
    for _ in range(2):
        with pytest.raises(RuntimeFailedError, match="crashed with SIGSEGV"):
            worker.load()


@pytest.mark.usefixtures("fake_runtime")
@pytest.mark.parametrize(
    ("act", "words"),
    [
        ("exit", "ended by itself with exit code 3"),
        ("exit at once", "ended by itself with exit code 7"),
        ("crash", "crashed with SIGSEGV"),
        ("illegal instruction", "an instruction that this CPU does not have"),
    ],
)
@pytest.mark.parametrize(("step", "doing"), [("load", "loading the model"), ("run", "loading")])
def test_a_runtime_that_ends_the_process(
    act: str, words: str, step: str, doing: str, start_worker: Any
) -> None:
    with pytest.raises(RuntimeFailedError) as caught:
        start_worker().misbehave(**{step: act})
    assert words in str(caught.value)
    assert f"while {doing}" in str(caught.value)


@pytest.mark.usefixtures("fake_runtime")
def test_a_hang_is_killed_in_time(start_worker: Any, wait_for_death: Callable[[int], None]) -> None:
    worker = start_worker()
    worker.timeout_s = 0.3
    with pytest.raises(RuntimeFailedError) as caught:
        worker.misbehave(load="hang")
    assert str(caught.value) == (
        "no answer within 0.3 s while loading the model: the worker was killed; "
        "allow more with --timeout"
    )
    wait_for_death(worker.pid)
    with pytest.raises(RuntimeFailedError, match="had to be killed while running the native loop"):
        worker.block()


def test_a_block_that_takes_too_long_is_killed(start_worker: Any) -> None:
    worker = start_worker()
    worker.load()
    worker.timeout_s = 0.3
    with pytest.raises(RuntimeFailedError, match=r"within 0\.3 s while running the native loop"):
        worker.block(runs=10_000_000_000, per_sample=10_000)


def test_a_stopped_worker_is_killed_in_time(
    start_worker: Any, wait_for_death: Callable[[int], None]
) -> None:
    worker = start_worker()
    worker.load()
    os.kill(worker.pid, signal.SIGSTOP)
    worker.timeout_s = 0.3
    with pytest.raises(RuntimeFailedError, match=r"no answer within 0\.3 s"):
        worker.block()
    wait_for_death(worker.pid)


@pytest.mark.usefixtures("fake_runtime")
def test_a_runtime_that_closes_every_descriptor(start_worker: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("edgeloop.worker.process._ENDING_S", 0.2)
    with pytest.raises(RuntimeFailedError, match="closed its connection and had to be killed"):
        start_worker().misbehave(load="close every descriptor")


@pytest.mark.usefixtures("fake_runtime")
def test_megabytes_of_output_disturb_nothing(start_worker: Any) -> None:
    worker = start_worker()
    loaded = worker.misbehave(load="print megabytes")
    assert loaded["runtime_version"] == "13"
    assert worker.block("framework").frames
    worker.close()
    log = worker.log.text()
    assert log.startswith("the first words\nxxx")
    assert log.endswith("xxx\nthe last words\n")
    (dropped,) = re.findall(r"\[… (\d+) bytes dropped …\]", log)
    written = len("the first words\n" + "\nthe last words\n") + (4 << 20)
    assert int(dropped) == written - 2 * KEPT_BYTES


@pytest.mark.timeout(30)
@pytest.mark.usefixtures("fake_runtime")
def test_output_without_end_does_not_put_off_the_time_out(
    start_worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = start_worker()
    worker.timeout_s = 0.3
    # However fast the parent reads, there is more.
    monkeypatch.setattr(os, "read", lambda descriptor, size: b"again and again\n" * 1000)
    with pytest.raises(RuntimeFailedError, match=r"no answer within 0\.3 s") as caught:
        worker.misbehave(load="print for ever")
    assert "again and again" in str(caught.value)


@pytest.mark.usefixtures("fake_runtime")
def test_what_a_callable_raises_is_in_the_error_and_its_traceback_in_the_log(
    start_worker: Any,
) -> None:
    worker = start_worker()
    with pytest.raises(RuntimeFailedError, match=r"^ValueError: the runtime's own words$"):
        worker.misbehave(run="raise")
    worker.stop()
    worker.close()
    assert "in raise_error" in worker.log.text()


@pytest.mark.usefixtures("fake_runtime")
def test_a_long_error_becomes_one_sentence(start_worker: Any) -> None:
    with pytest.raises(RuntimeFailedError) as caught:
        start_worker().misbehave(load="raise at length")
    sentence = str(caught.value)
    assert sentence.startswith("ValueError: begins frame 0 frame 1")
    assert sentence.endswith("frame 999 ends")
    assert "\n" not in sentence
    assert len(sentence) < 700


@pytest.mark.usefixtures("fake_runtime")
def test_out_of_memory_says_so(start_worker: Any) -> None:
    with pytest.raises(RuntimeFailedError, match="ran out of memory; a smaller --batch-size"):
        start_worker().misbehave(load="run out of memory")


@pytest.mark.usefixtures("fake_runtime")
def test_children_of_a_runtime_end_with_the_worker(
    start_worker: Any, wait_for_death: Callable[[int], None]
) -> None:
    worker = start_worker()
    worker.misbehave(load="start a child")
    child = child_of(worker)
    os.kill(child, 0)  # it is there
    worker.close()
    wait_for_death(child)


@pytest.mark.usefixtures("fake_runtime")
def test_children_of_a_runtime_that_crashed_end_too(
    start_worker: Any, wait_for_death: Callable[[int], None]
) -> None:
    worker = start_worker()
    worker.misbehave(load="start a child")
    os.kill(worker.pid, signal.SIGSEGV)
    with pytest.raises(RuntimeFailedError, match="SIGSEGV"):
        worker.block("framework")
    wait_for_death(child_of(worker))


@pytest.mark.usefixtures("fake_runtime")
def test_a_crash_is_seen_though_a_fork_holds_the_connection(
    start_worker: Any, wait_for_death: Callable[[int], None]
) -> None:
    if not hasattr(os, "pidfd_open"):
        pytest.skip("this Python has no os.pidfd_open: the crash shows as a time-out")
    worker = start_worker()
    with pytest.raises(RuntimeFailedError, match="crashed with SIGSEGV while loading the model"):
        worker.misbehave(load="crash beside a fork")
    wait_for_death(child_of(worker))


@pytest.mark.usefixtures("fake_runtime")
def test_a_crash_is_seen_though_a_program_goes_on(
    start_worker: Any, wait_for_death: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a kernel that tells of no death, and with a program that outlives its worker."""
    monkeypatch.setattr("edgeloop.worker.process._exit_fd", lambda pid: None)
    worker = start_worker()
    worker.timeout_s = 20.0
    with pytest.raises(RuntimeFailedError, match="crashed with SIGSEGV while loading the model"):
        worker.misbehave(load="crash beside a program")
    wait_for_death(child_of(worker))


@pytest.mark.usefixtures("fake_runtime")
def test_an_output_of_no_dimension_keeps_its_shape(start_worker: Any) -> None:
    worker = start_worker()
    worker.misbehave()
    answer = worker.request(Outputs("framework"), "fetching the outputs")
    assert answer.body["outputs"] == [
        {"dtype": "float32", "shape": [2, 3]},
        {"dtype": "float32", "shape": []},
    ]
    assert [len(frame) for frame in answer.frames] == [24, 4]
