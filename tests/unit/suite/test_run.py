"""Suites of the null engine: rows, resuming, kills, changed files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Callable

import pytest

from edgeloop.cli.pages.suite import plan_page, suite_page
from edgeloop.errors import CannotWriteError, UsageError
from edgeloop.measure.observer import Silence
from edgeloop.measure.rest import Rest
from edgeloop.suite.journal import FAILED, FINISHED, NAME, Journal
from edgeloop.suite.run import SuiteSpec, plan_suite, run_suite

Write = Callable[[str], str]

# Three entries of a few ms each, one of which fails at its third run.
THREE = """
threads = 1
runs = 20
[matrix]
models = ["null"]
runtimes = ["null"]
loops = ["native", "binding"]
[[include]]
model = "null"
runtime = "null"
set = { fail-at = 3 }
"""


def _lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / NAME).read_text().splitlines()]


def test_every_entry_is_a_row_and_the_failed_one_has_its_reason(
    toml: Write, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    spec = SuiteSpec(toml(THREE), out=str(out), order_seed=5)
    report = run_suite(spec, Silence())
    assert report.exit_code == 5
    plan, *ended = _lines(out)
    assert plan["plan"]["order_seed"] == 5
    assert [one["id"] for one in plan["plan"]["entries"]] == [one["entry"] for one in ended]
    assert sorted(one["state"] for one in ended) == [FAILED, FINISHED, FINISHED]
    failed = next(one for one in ended if one["state"] == FAILED)
    assert "failed at run 3" in failed["error"]
    assert failed["result"] is None
    for one in ended:
        assert one["result"] is None or (out / one["result"]).is_file()
    page = suite_page(report)
    assert "failed: null: failed at run 3" in page
    assert "1 failed, 2 finished" in page
    document = json.loads(json.dumps(report.as_dict()))
    assert [row["state"] for row in document["entries"]] == [one["state"] for one in ended]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("trust-pickle = true", ["trust-pickle"]),
        ('power-command = "cat w"', ["power-command"]),
        (f'python = "{sys.executable}"', ["python"]),
    ],
)
def test_a_suite_that_runs_programs_of_its_author_says_so(
    toml: Write, tmp_path: Path, line: str, words: list[str]
) -> None:
    class Notes(Silence):
        def note(self, text: str) -> None:
            noted.append(text)

    noted: list[str] = []
    run_suite(SuiteSpec(toml(line + THREE), out=str(tmp_path / "out")), Notes())
    said = [text for text in noted if "its author chose" in text]
    assert [text.partition("chose: ")[2] for text in said] == ([", ".join(words)] if words else [])


def test_a_resumed_suite_measures_nothing_twice(toml: Write, tmp_path: Path) -> None:
    out = tmp_path / "out"
    spec = SuiteSpec(toml(THREE), out=str(out))
    run_suite(spec, Silence())
    with pytest.raises(UsageError, match="--resume continues it"):
        run_suite(spec, Silence())
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    again = run_suite(replace(spec, resume=True), Silence())
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before
    assert again.exit_code == 5
    retried = run_suite(replace(spec, resume=True, retry_failed=True), Silence())
    assert retried.exit_code == 5
    assert len(_lines(out)) == 5  # the failed one once more, and only that


def test_a_torn_result_is_measured_again_and_kept_aside(toml: Write, tmp_path: Path) -> None:
    out = tmp_path / "out"
    spec = SuiteSpec(toml(THREE), out=str(out))
    run_suite(spec, Silence())
    lines = (out / NAME).read_text().splitlines(keepends=True)
    finished = [i for i, line in enumerate(lines) if '"finished"' in line]
    whole, torn = (json.loads(lines[i])["result"] for i in finished)
    # Both lines of the journal are lost; one result is whole, the other was killed while written.
    kept = [line for i, line in enumerate(lines) if i not in finished]
    (out / NAME).write_text("".join(kept) + '{"entry": "half a li')
    content = (out / torn).read_bytes()
    (out / torn).write_bytes(content[: content.rindex(b'"summary"')])
    whole_ns = (out / whole).stat().st_mtime_ns
    report = run_suite(replace(spec, resume=True), Silence())
    assert [row.ended.state for row in report.rows if row.ended].count(FINISHED) == 2
    assert (out / whole).stat().st_mtime_ns == whole_ns
    assert (out / f"{torn}.torn").is_file()
    assert len(_lines(out)) == 4


def test_a_changed_suite_may_only_gain_entries(toml: Write, tmp_path: Path) -> None:
    out = tmp_path / "out"
    spec = SuiteSpec(toml(THREE), out=str(out), resume=False)
    run_suite(spec, Silence())
    toml(THREE.replace('"binding"]', '"binding", "callable"]').replace("native", "native"))
    grown = run_suite(replace(spec, resume=True), Silence())
    assert len(grown.rows) == 4
    toml(THREE.replace("runs = 20", "runs = 21"))
    with pytest.raises(UsageError, match="lacks 4 of its entries"):
        run_suite(replace(spec, resume=True), Silence())


def test_places_that_cannot_be(toml: Write, tmp_path: Path) -> None:
    path = toml(THREE)
    with pytest.raises(UsageError, match="no suite to resume"):
        run_suite(SuiteSpec(path, out=str(tmp_path / "none"), resume=True), Silence())
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWriteError, match="choose another folder"):
        run_suite(SuiteSpec(path, out=str(tmp_path / "file" / "below")), Silence())


def test_two_runs_cannot_share_a_folder(tmp_path: Path) -> None:
    with Journal(tmp_path / "out", resume=False), pytest.raises(UsageError, match="another run"):
        Journal(tmp_path / "out", resume=True)


def test_the_plan_measures_nothing(toml: Write, tmp_path: Path) -> None:
    plan = plan_suite(SuiteSpec(toml(THREE.replace("runs = 20", 'effort = "quick"'))))
    page = plan_page(plan)
    assert "3 entries, at most 15 s of measuring" in page
    assert plan.as_dict()["at_most_s"] == 15.0
    assert [one.name for one in tmp_path.iterdir()] == ["boards.toml"]


def test_between_entries_it_cools_down() -> None:
    degrees = iter([50.0, 70.0, 60.0, 53.0])
    waits: list[float] = []
    rest = Rest(lambda: next(degrees), None, 60.0, Silence(), waits.append)
    assert rest.take() == 2.0
    assert len(waits) == 2
    hot = Rest(lambda: 90.0, 40.0, 5.0, Silence(), waits.append)
    assert hot.take() == 5.0
    assert Rest(lambda: None, None, 60.0, Silence(), waits.append).take() == 0.0


def test_killed_three_times_nothing_is_lost_or_run_twice(toml: Write, tmp_path: Path) -> None:
    """SIGKILL of the whole session at three moments; then it is resumed to its end."""
    text = THREE.replace('loops = ["native", "binding"]', "threads = [1, 2, 3, 4, 5, 6]")
    path = toml(text.replace("threads = 1\n", "").replace("runs = 20", "budget = 0.5\n"
                'effort = "quick"'))  # fmt: skip
    out = tmp_path / "out"
    command = [sys.executable, "-m", "edgeloop", "suite", path, "--out", str(out)]
    finished: dict[str, int] = {}
    for kill_after in (0, 2, 4):
        resume = ["--resume"] if (out / NAME).exists() else []
        process = subprocess.Popen(
            [*command, *resume],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline_s = time.monotonic() + 120
        while time.monotonic() < deadline_s and process.poll() is None:
            if (out / NAME).exists() and len((out / NAME).read_bytes().splitlines()) > kill_after:
                time.sleep(0.3)  # in the middle of the next entry
                break
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for line in _whole_lines(out):
            if line.get("state") == FINISHED:
                found_ns = (out / line["result"]).stat().st_mtime_ns
                assert finished.setdefault(line["result"], found_ns) == found_ns
    done = subprocess.run([*command, "--resume"], capture_output=True, timeout=200, check=False)
    assert done.returncode == 5, done.stderr
    lines = _whole_lines(out)
    ids = [line["entry"] for line in lines if "entry" in line]
    assert sorted(ids) == sorted(set(ids))
    assert len(ids) == 7
    for name, found_ns in finished.items():
        assert (out / name).stat().st_mtime_ns == found_ns
    assert len(list(out.glob("*.edgeloop.jsonl"))) == 6


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_keeps_what_ended_and_resumes(toml: Write, tmp_path: Path) -> None:
    path = toml(THREE.replace("runs = 20", 'budget = 2.0\neffort = "quick"'))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "edgeloop", "suite", path, "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline_s = time.monotonic() + 100
    while time.monotonic() < deadline_s and process.poll() is None:
        if (out / NAME).exists() and list(out.glob("*.edgeloop.jsonl")):
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "interrupted: --resume continues" in printed
    assert "pending" in printed
    report = run_suite(SuiteSpec(path, out=str(out), resume=True), Silence())
    assert sorted(row.ended.state for row in report.rows if row.ended) == [
        FAILED,
        FINISHED,
        FINISHED,
    ]


def _whole_lines(folder: Path) -> list[dict]:
    raw = (folder / NAME).read_bytes()
    return [json.loads(line) for line in raw[: raw.rfind(b"\n") + 1].splitlines()]
