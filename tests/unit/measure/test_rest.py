"""Whether a process is at rest, told from outside."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from edgeloop.measure import rest
from edgeloop.measure.rest import comes_to_rest, process_cpu_ns

# Beside the thread that waits, one that works a fifth of the time: less than two ticks of 10 ms.
PULSES = """
import threading, time
def pulses():
    while True:
        end = time.monotonic() + 0.001
        while time.monotonic() < end: pass
        time.sleep(0.004)
threading.Thread(target=pulses, daemon=True).start()
print("ready", flush=True)
input()
"""


@pytest.fixture
def program(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """Start a program and wait until it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", request.param], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


@pytest.mark.parametrize("program", ["print('ready', flush=True); input()"], indirect=True)
def test_a_process_that_waits_is_at_rest(program: subprocess.Popen[str]) -> None:
    assert comes_to_rest(program.pid, timeout_s=60)


@pytest.mark.parametrize(
    "program", ["print('ready', flush=True)\nwhile True: pass", PULSES], indirect=True
)
def test_a_thread_that_works_now_and_then_is_no_rest(program: subprocess.Popen[str]) -> None:
    assert not comes_to_rest(program.pid, timeout_s=0.2)


@pytest.mark.parametrize("program", ["print('ready', flush=True); input()"], indirect=True)
def test_a_process_that_is_gone_is_at_rest(program: subprocess.Popen[str]) -> None:
    program.kill()
    program.wait()
    assert process_cpu_ns(program.pid) is None
    assert comes_to_rest(program.pid, timeout_s=0.0)


@pytest.mark.parametrize("program", ["print('ready', flush=True)\nwhile True: pass"], indirect=True)
def test_a_kernel_without_the_clock_is_asked_for_its_ticks(
    program: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(clock: int) -> int:
        raise OSError

    monkeypatch.setattr(rest.time, "clock_gettime_ns", refuse)
    assert process_cpu_ns(program.pid) is not None
    assert not comes_to_rest(program.pid, timeout_s=0.2)
