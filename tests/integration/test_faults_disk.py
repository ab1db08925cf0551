"""A disk that is full or read-only: exit 6, and what was measured is on stdout or in the file."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeloop.results.store import read_result

# Their durations take more room than the header does, however well they compress.
MANY = ("--runs", "300000", "--processes", "2")


def mounted(folder: Path, options: str) -> Iterator[Path]:
    """Mount a small file system; skip where that is not allowed."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def small_disk(watched: Any) -> Iterator[Path]:
    """The folder of the results, on a disk of two pages."""
    yield from mounted(watched.results, "size=8k")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder in which not even root can write."""
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o555)
    if os.access(folder, os.W_OK):  # root's own
        yield from mounted(folder, "size=8k,ro")
    else:
        yield folder
        folder.chmod(0o755)


def failed(done: Any, words: str) -> None:
    assert done.returncode == 6, (done.returncode, done.stderr)
    said = [line for line in done.stderr.splitlines() if line.startswith("edgeloop:")]
    assert len(said) == 1, done.stderr
    assert words in said[0]


def check_kept(done: Any, watched: Any) -> None:
    """Check that the figures were printed, and that the file ends with a whole line."""
    assert "600000 samples" in done.stdout
    assert f"result: {watched.results}" in done.stderr
    saved = watched.saved()
    assert saved.header["title"].startswith("null@null")
    assert saved.invocations == []
    assert saved.summary == {}


@pytest.mark.usefixtures("small_disk")
def test_a_disk_that_runs_full_ends_the_file_and_not_the_measurement(watched: Any) -> None:
    done = watched("bench", "null", *MANY, "--out", str(watched.results))
    failed(done, "cannot be written (No space left on device)")
    check_kept(done, watched)


def test_a_file_that_must_not_grow_ends_the_file_and_not_the_measurement(watched: Any) -> None:
    done = watched(
        "bench", "null", *MANY, "--out", str(watched.results),
        limits=((resource.RLIMIT_FSIZE, 8192),),
    )  # fmt: skip
    failed(done, "cannot be written (File too large)")
    check_kept(done, watched)


def test_a_result_of_which_not_a_byte_can_be_written_leaves_no_file(watched: Any) -> None:
    done = watched(
        "bench", "null", "--runs", "50", "--out", str(watched.results),
        limits=((resource.RLIMIT_FSIZE, 0),),
    )  # fmt: skip
    failed(done, "cannot be written (File too large); it holds the 0 lines before")
    assert "50 samples" in done.stdout
    assert "result: " not in done.stderr
    assert not watched.results.exists()


@pytest.mark.usefixtures("small_disk")
def test_a_comparison_on_a_full_disk_is_printed(watched: Any) -> None:
    done = watched(
        "compare", "null@null,loop=native", "null@null,loop=binding", "--effort", "quick",
        "--out", str(watched.results),
    )  # fmt: skip
    failed(done, "cannot be written (No space left on device)")
    # A binding's call takes many times what the null engine does, however busy the machine is.
    assert "B is slower than A" in done.stdout
    for path in watched.results.glob("*"):
        assert read_result(str(path)).header["command"] == "compare"


@pytest.mark.parametrize(
    "command",
    [
        ("bench", "null", "--runs", "50"),
        ("overhead", "null", "--runs", "50"),
        ("compare", "null@null,loop=native", "null@null,loop=binding"),
    ],
    ids=lambda command: command[0],
)
@pytest.mark.parametrize("inside", ["", "new/folders"])
def test_a_read_only_folder_fails_before_anything_is_measured(
    command: tuple[str, ...], inside: str, read_only: Path, watched: Any
) -> None:
    done = watched(*command, "--out", str(read_only / inside))
    failed(done, "cannot be created")
    assert done.stdout == ""
    assert "measuring" not in done.stderr


def test_a_json_file_on_a_full_disk_leaves_the_table_and_the_result(watched: Any) -> None:
    done = watched("bench", "null", "--runs", "50", "--json", "/dev/full", "--out",
                   str(watched.results))  # fmt: skip
    failed(done, "--json /dev/full cannot be written: No space left on device")
    assert "50 samples" in done.stdout
    assert watched.saved().summary["summary"]["n"] == 50
    assert Path("/dev/full").exists()


def test_half_a_json_file_is_not_left(watched: Any, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    done = watched(
        "bench", "null", "--runs", "50", "--no-save", "--json", str(path),
        limits=((resource.RLIMIT_FSIZE, 1024),),
    )  # fmt: skip
    failed(done, f"--json {path} cannot be written: File too large")
    assert not path.exists()


@pytest.mark.parametrize("json_option", [(), ("--json", "-")])
def test_a_full_stdout_leaves_the_result(json_option: tuple[str, ...], watched: Any) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = watched("bench", "null", "--runs", "50", *json_option, "--out",
                       str(watched.results), stdout=full)  # fmt: skip
    failed(done, "the output cannot be written: No space left on device")
    assert f"result: {watched.results}" in done.stderr
    assert watched.saved().summary["summary"]["n"] == 50


@pytest.mark.parametrize("command", ["--version", "--help", "doctor"])
def test_a_full_stdout_fails_every_command(command: str, watched: Any) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        failed(watched(command, stdout=full), "the output cannot be written")


def test_a_reader_that_has_gone_is_no_failure(watched: Any) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone:
        done = watched("bench", "null", "--runs", "50", "--json", "-", "--no-save", stdout=gone)
    assert done.returncode == 0
    assert "edgeloop:" not in done.stderr


def test_the_document_in_the_file_is_the_one_that_is_printed(watched: Any, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    done = watched("bench", "null", "--runs", "50", "--json", str(path), "--out",
                   str(watched.results))  # fmt: skip
    assert done.returncode == 0
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document == watched.saved().as_dict()
