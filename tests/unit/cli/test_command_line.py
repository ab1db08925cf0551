"""The command line as a user sees it: help, JSON, streams, errors and exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import edgeloop

COMMANDS = (
    *("demo", "doctor", "bench", "overhead", "inspect", "setup", "compare", "quantize"),
    *("suite", "sweep"),
)


def test_version_imports_no_numpy(command_line: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "edgeloop", "--version"],
        capture_output=True, text=True, check=True, env=command_line.environment,
    )  # fmt: skip
    assert done.stdout == f"edgeloop {edgeloop.__version__}\n"
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "edgeloop.cli.app" in modules
    assert not modules & {"numpy", "scipy", "edgeloop._core"}


def test_help_lists_every_command(command_line: Any) -> None:
    done = command_line("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert command in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_teaches_by_example(command: str, command_line: Any) -> None:
    done = command_line(command, "--help")
    assert done.returncode == 0
    # Once in the usage, and once at least where it is shown how.
    assert done.stdout.count(f"edgeloop {command}") >= 2


def test_bench_prints_figures_to_stdout_and_the_rest_to_stderr(command_line: Any) -> None:
    done = command_line("bench", "null", "--effort", "quick")
    assert done.returncode == 0, done.stderr
    assert "median" in done.stdout
    assert "result: " in done.stderr
    assert "measuring null@null" in done.stderr
    assert "measuring null@null" not in done.stdout
    assert "\r" not in done.stderr  # no progress line where nobody watches


def test_json_to_stdout_is_pure_json(command_line: Any) -> None:
    done = command_line("overhead", "null", "--effort", "quick", "--json", "-")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["schema_version"] == 1
    assert set(result["loops"]) == {"native", "binding", "callable", "framework", "framework-io"}
    binding = result["overhead"]["loops"]["binding"]
    low, high = binding["difference_ci95_ns"]
    assert low <= binding["difference_ns"] <= high


def test_fixed_count_records_exactly_what_was_asked(command_line: Any) -> None:
    done = command_line("bench", "null", "--runs", "1234", "--warmup", "7", "--json", "-")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["summary"]["n"] == 1234
    assert result["summary"]["stop_reason"] == "fixed_count"
    assert len(result["invocations"]) == 1


def test_open_loop_counts_from_when_a_run_was_due(command_line: Any) -> None:
    # A chain of about 0.8 ms at 4 kHz: the queue grows, so the latency is many intervals.
    done = command_line(
        "bench", "null", "--set", "multiplications=1000000", "--rate", "4000", "--effort", "quick",
        "--budget", "3", "--json", "-",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)["summary"]
    assert summary["rate_hz"] == 4000
    assert summary["utilisation"] > 1
    assert summary["missed_deadlines"] > 0.9 * summary["n"]
    assert summary["median_ns"] > 10 * 250_000


def test_result_file_is_kept_where_it_was_asked_for(command_line: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.edgeloop.jsonl"
    arguments = ("bench", "null", "--runs", "10", "--out", str(path))
    assert command_line(*arguments).returncode == 0
    lines = path.read_text().splitlines()
    assert len(lines) == 3  # header, one process, summary
    again = command_line(*arguments)
    assert again.returncode == 6
    assert "exists already" in again.stderr
    assert path.read_text().splitlines() == lines


def test_no_save_keeps_nothing(command_line: Any, tmp_path: Path) -> None:
    assert command_line("bench", "null", "--runs", "10", "--no-save").returncode == 0
    assert list(tmp_path.iterdir()) == []


BAD = [
    (("bench", "/nowhere/model.tflite"), 4, "does not exist"),
    (("bench", "null", "--runtime", "litertt"), 2, "did you mean 'litert'?"),
    (("bench", "null", "--loops", "nativ"), 2, "did you mean 'native'?"),
    (("bench", "null", "--effort", "quik"), 2, "did you mean 'quick'?"),
    (("bench", "null", "--set", "spin=1"), 2, "multiplications"),
    (("bench", "null", "--set", "nonsense"), 2, "KEY=VALUE"),
    (("bench", "null", "--shape", "x=1xtwo"), 2, "NAME=1x3x224x224"),
    (("bench", "null", "--threads", "0"), 2, "--threads"),
    (("bench", "null", "--runs", "0"), 2, "--runs"),
    (("bench", "null", "--warmup", "5"), 2, "--runs"),
    (("bench", "null", "--rate", "0"), 2, "--rate"),
    (("bench", "null", "--rate", "10", "--loops", "binding"), 2, "native or callable"),
    (("overhead", "null", "--rate", "10"), 2, "--rate is for bench"),
    (("bench", "null", "--budget", "-1"), 2, "--budget"),
    (("compare", "null@null", "@null"), 2, "names no model"),
    (("bench", "null", "--nonsense"), 2, "--nonsense"),
    (("bench",), 2, "MODEL"),
    (("nonsense",), 2, "nonsense"),
    (("bench", "null", "--python", "/nowhere/python", "--runtime", "null"), 3, "/nowhere/python"),
    (("bench", "null", "--json", "/nowhere/x.json"), 6, "/nowhere"),
    (("bench", "null", "--out", "/proc/results"), 6, "/proc/results"),
    (("bench", "null", "--set", "fail-at=20000"), 5, "failed at run 20000"),
    (("bench", "null", "--data", "/nowhere.npz", "--runs", "5"), 4, "does not exist"),
    (("setup", "tflite"), 2, "did you mean 'tflite-c'?"),
    (("inspect", "/nowhere/model.onnx"), 4, "does not exist"),
]


@pytest.mark.parametrize(("arguments", "code", "words"), BAD, ids=[" ".join(b[0]) for b in BAD])
def test_bad_input_is_one_sentence_and_its_exit_code(
    arguments: tuple[str, ...], code: int, words: str, command_line: Any
) -> None:
    done = command_line(*arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback(command_line: Any) -> None:
    done = command_line("bench", "/nowhere/model.tflite", "--debug")
    assert done.returncode == 4
    assert "Traceback" in done.stderr


def test_a_run_that_fails_keeps_what_was_measured(command_line: Any, tmp_path: Path) -> None:
    path = tmp_path / "broken.edgeloop.jsonl"
    done = command_line(
        "bench", "null", "--set", "multiplications=1000000", "--set", "fail-at=900",
        "--runs", "2000", "--warmup", "10", "--out", str(path),
    )  # fmt: skip
    assert done.returncode == 5
    header, invocation, summary = (json.loads(line) for line in path.read_text().splitlines())
    assert header["schema_version"] == 1
    assert "failed at run 900" in invocation["error"]
    assert invocation["blocks"]
    assert summary["summary"]["stop_reason"] == "failed"


def _workers(parent: int) -> list[Path]:
    """Return the worker processes that a process has started, of all on this machine."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if b"edgeloop.measure.worker" in command and command.endswith(b"--parent\0%d\0" % parent):
            found.append(folder)
    return found


def _wait_for(condition: Any, what: str) -> None:
    deadline_s = time.monotonic() + 120  # a busy machine may need most of it
    while not condition():
        assert time.monotonic() < deadline_s, f"{what} did not happen within 120 s"
        time.sleep(0.02)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_worker_outlives_the_command(
    number: signal.Signals, command_line: Any, tmp_path: Path
) -> None:
    path = tmp_path / "cut.edgeloop.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-m", "edgeloop", "bench", "null", "--set", "multiplications=3000000",
         "--budget", "10",
         "--out", str(path)],
        env=command_line.environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    _wait_for(lambda: path.exists() and path.read_text().count("\n") >= 2, "the first process")
    _wait_for(lambda: _workers(process.pid), "the next worker")
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=120)
    _wait_for(lambda: not _workers(process.pid), "the end of the workers")
    lines = path.read_text().splitlines()
    assert json.loads(lines[1])["blocks"]
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert "interrupted" in errors
        assert json.loads(lines[-1])["summary"]["n"] > 0
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "words", [("bench", "null", "--data"), ("eval", "null"), ("compare", "null"), ("report",)]
)
def test_a_text_that_is_too_long_for_a_path(command_line: Any, words: tuple[str, ...]) -> None:
    done = command_line(*words, "x" * 5000)
    assert done.returncode == 2, done.stderr
    assert "is too long for the name of a file" in done.stderr


def test_an_interruption_within_an_exec_has_the_exit_code_of_any_other(tmp_path: Path) -> None:
    """A dataclass is made by exec(): Ctrl-C in one, though caught, makes 'python -m' die of it."""
    script = """
import edgeloop.cli, edgeloop.cli.app

def interrupted(arguments):
    try:
        exec("raise KeyboardInterrupt")
    except KeyboardInterrupt:
        return edgeloop.cli.app.INTERRUPTED

edgeloop.cli.app.run = interrupted
edgeloop.cli.main()
"""
    (tmp_path / "interrupted.py").write_text(script, encoding="utf-8")
    command = [sys.executable, "-m", "interrupted"]
    done = subprocess.run(command, cwd=tmp_path, check=False, timeout=60)
    assert done.returncode == 130
