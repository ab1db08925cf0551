"""Progress fits the terminal, stays on one line, and keeps out of pipes."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
from dataclasses import replace

import pytest

from edgeloop.cli.output import TerminalObserver, cut, progress_line
from edgeloop.measure.observer import Progress

PROGRESS = Progress(
    title="mobilenet_v2_1.0_224_quant.tflite@litert,threads=4,delegate=xnnpack",
    process=3,
    processes=8,
    elapsed_s=21.4,
    budget_s=60.0,
    runs=812,
    median_ns=12_345_678.0,
)


@pytest.mark.parametrize("width", [20, 39, 79, 200])
def test_the_line_fits_the_terminal(width: int) -> None:
    line = progress_line(PROGRESS, width)
    assert len(line) <= width
    assert "12.35 ms" in line or width < 39


def test_the_line_tells_what_where_and_how_long() -> None:
    line = progress_line(PROGRESS, 79)
    assert "mobilenet_v2" in line
    assert "process 3 of 8" in line
    assert "at most 39 s left" in line


def test_time_that_is_over_is_not_counted_below_zero() -> None:
    late = replace(PROGRESS, elapsed_s=61.0)
    assert "finishing" in progress_line(late, 79)
    assert late.fraction == 1.0


def test_a_fixed_count_has_runs_and_no_time() -> None:
    line = progress_line(replace(PROGRESS, budget_s=None), 79)
    assert "812 runs" in line
    assert "left" not in line


@pytest.mark.parametrize(
    ("text", "width", "short"), [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("a", 0, "")]
)
def test_cut(text: str, width: int, short: str) -> None:
    assert cut(text, width) == short


_DRAWING = """
from dataclasses import replace
from edgeloop.cli.output import TerminalObserver
from edgeloop.measure.observer import Progress
observer = TerminalObserver()
observer.phase("loading " + "x" * 200)
start = Progress("mobilenet_v2_1.0_224_quant.tflite@litert,threads=4", 1, 8, 0.0, 60.0, 9, 12e6)
for second in range(30):
    observer._drawn_s = -1.0
    observer.progress(replace(start, elapsed_s=float(second)))
observer.clear()
"""


@pytest.mark.parametrize("columns", [40, 80])
def test_on_a_terminal_no_line_wraps_and_nothing_scrolls(columns: int) -> None:
    parent, child = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", _DRAWING],
        check=True,
        stderr=child,
        env=dict(os.environ, COLUMNS=str(columns), LINES="24", TERM="xterm", PYTHONUTF8="1"),
        timeout=60,
    )
    os.close(child)
    text = _read(parent).decode()
    os.close(parent)
    assert done.returncode == 0
    assert "\n" not in text
    assert max(len(one) for one in text.split("\r")) < columns
    assert "31 s left" in text


_BUSY = """
import threading
from edgeloop.cli import output
output._TICK_S = 0.01
drawn, twice = [], threading.Event()
write = output.TerminalObserver._draw
def draw(self, line, end=""):
    write(self, line, end)
    drawn.append(line)
    if drawn.count(line) > 2:
        twice.set()
output.TerminalObserver._draw = draw
with output.TerminalObserver().busy("compiling " + "x" * 200) as change:
    assert twice.wait(60)
    twice.clear()
    change("linking")
    assert twice.wait(60)
"""


@pytest.mark.parametrize("columns", [40, 80])
def test_a_line_of_what_takes_long_is_kept_alive(columns: int) -> None:
    parent, child = pty.openpty()
    subprocess.run(
        [sys.executable, "-c", _BUSY],
        check=True,
        stderr=child,
        env=dict(os.environ, COLUMNS=str(columns), LINES="24", TERM="xterm", PYTHONUTF8="1"),
        timeout=120,
    )
    os.close(child)
    lines = _read(parent).decode().split("\r")
    os.close(parent)
    assert not any("\n" in line for line in lines)
    assert max(map(len, lines)) < columns
    assert any(re.fullmatch(r"compiling x+…, \d+ s", line) for line in lines)
    assert any(re.fullmatch(r"linking, \d+ s *", line) for line in lines)
    assert lines[-1] == ""
    assert lines[-2].isspace()


def test_in_a_pipe_what_takes_long_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with TerminalObserver().busy("compiling") as change:
        change("linking")
    assert capsys.readouterr().err == "compiling\n"


def _read(descriptor: int) -> bytes:
    written = b""
    while select.select([descriptor], [], [], 0)[0]:
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:  # all that was written has been read
            break
        if not chunk:
            break
        written += chunk
    return written


def test_in_a_pipe_phases_are_lines_and_progress_is_silent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    observer = TerminalObserver()
    observer.phase("loading")
    observer.progress(PROGRESS)
    observer.note("threads 2")
    assert capsys.readouterr().err == "loading\nthreads 2\n"
