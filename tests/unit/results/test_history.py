"""The results folder as a list."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from edgeloop.errors import ModelError, UsageError
from edgeloop.results import history as module
from edgeloop.results.collection import collect
from edgeloop.results.history import (
    HistoryFilter,
    find_result,
    history,
    read_entry,
    remove,
    to_prune,
)
from edgeloop.results.store import SUFFIX, ResultWriter

NOW = datetime(2026, 11, 25, 12, tzinfo=timezone.utc)


def write(
    folder: Path,
    name: str = "a",
    *,
    days_ago: float = 0,
    runtime: str = "litert",
    model: str = "/m/mobilenet.tflite",
    board: Any = "Raspberry Pi 5",
    median_ns: Any = 5e6,
    invocations: int = 1,
    effort: str = "standard",
    data: Any = None,
    end: str = "\n",
) -> Path:
    created = (NOW - timedelta(days=days_ago)).strftime("%Y-%m-%dT%H:%M:%S%z")
    header = {
        "schema_version": 1, "command": "bench", "created": created,
        "title": f"{Path(model).name}@{runtime}",
        "host": {"board": {"model": board}, "cpu": {"model_names": ["Cortex-A76"]}},
        "model": {"path": model, "sha256": "0123456789abcdef"}, "runtime": {"name": runtime},
        "spec": {"effort": effort, "inputs": {"data": data}, "seed": days_ago},
    }  # fmt: skip
    summary = {"summary": {"median_ns": median_ns, "median_ci95_ns": [4.9e6, 5.1e6]}}
    lines = [header, *[{"blocks": ["x" * 3000]}] * invocations, summary]
    path = folder / f"{name}{SUFFIX}"
    path.write_text("\n".join(json.dumps(line) for line in lines) + end, encoding="utf-8")
    return path


def test_an_entry_is_the_first_and_the_last_line(tmp_path: Path, golden: Path) -> None:
    entry = read_entry(write(tmp_path, invocations=40))
    assert (entry.runtime, entry.board, entry.median_ns) == ("litert", "Raspberry Pi 5", 5e6)
    assert entry.median_ci95_ns == (4.9e6, 5.1e6)
    assert entry.note == ""
    assert read_entry(golden).median_ns is not None  # every published version


def test_nothing_between_the_first_and_the_last_line_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, invocations=40)
    lines = path.read_bytes().split(b"\n")
    lines[20] = b"\xff not JSON"
    path.write_bytes(b"\n".join(lines))
    assert read_entry(path).median_ns == 5e6


def test_a_run_that_was_killed_is_listed_as_such(tmp_path: Path) -> None:
    path = write(tmp_path)
    whole = path.read_bytes()
    for cut in (len(whole) - 5, whole.index(b"\n") + 1, whole.index(b"\n") + 20):
        path.write_bytes(whole[:cut])
        entry = read_entry(path)
        assert entry.median_ns is None
        assert entry.note == "ended before its summary"


def test_a_run_that_was_killed_before_it_measured_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / f"killed{SUFFIX}").touch()
    assert history(tmp_path) == ([], [])
    with pytest.raises(ModelError, match="no result was found"):
        collect([str(tmp_path)])


def test_a_withheld_headline_says_why(tmp_path: Path) -> None:
    path = write(tmp_path, median_ns=None)
    assert read_entry(path).note == "no median"


def test_a_cpu_stands_for_a_board_without_a_name(tmp_path: Path) -> None:
    assert read_entry(write(tmp_path, board=None)).board == "Cortex-A76"


def test_text_from_a_file_cannot_steer_the_terminal(tmp_path: Path) -> None:
    assert "\x1b" not in (read_entry(write(tmp_path, board="\x1b[31mPi")).board or "")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{}\n", "not a header"),
        (b'{"schema_version": 99}\n', "newer edgeloop"),
        (b'{"schema_version": 1}\n', "damaged"),
        (b'{"schema_version": 1, "host": 3}\n', "damaged"),
        (b"\x00\xff" * 100, "not a header"),
    ],
)
def test_what_is_no_result_is_named_and_the_list_goes_on(
    tmp_path: Path, content: bytes, words: str
) -> None:
    write(tmp_path, "good")
    (tmp_path / f"bad{SUFFIX}").write_bytes(content)
    entries, unreadable = history(tmp_path)
    assert [Path(entry.path).name for entry in entries] == [f"good{SUFFIX}"]
    assert len(unreadable) == 1
    assert words in unreadable[0]


def test_the_oldest_comes_first_and_a_missing_folder_is_empty(tmp_path: Path) -> None:
    write(tmp_path, "a", days_ago=1)
    write(tmp_path, "b", days_ago=2)
    assert [Path(entry.path).name[0] for entry in history(tmp_path)[0]] == ["b", "a"]
    assert history(tmp_path / "none") == ([], [])
    with pytest.raises(ModelError, match="cannot be read"):
        history(write(tmp_path, "c"))


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        (HistoryFilter(), True),
        (HistoryFilter(model="MobileNet"), True),
        (HistoryFilter(model="01234567"), True),
        (HistoryFilter(model="012345"), False),  # too short for a hash
        (HistoryFilter(model="resnet"), False),
        (HistoryFilter(runtime="litert", board="pi 5"), True),
        (HistoryFilter(runtime="onnxruntime"), False),
        (HistoryFilter(board="jetson"), False),
    ],
)
def test_a_filter_takes_model_runtime_and_board(
    tmp_path: Path, wanted: HistoryFilter, passes: bool
) -> None:
    write(tmp_path)
    assert bool(history(tmp_path, wanted)[0]) is passes


def test_a_result_is_found_by_path_name_or_beginning(tmp_path: Path) -> None:
    path, other = write(tmp_path, "20261125-a"), write(tmp_path, "20261125-b")
    assert find_result(str(path), tmp_path / "none") == path
    assert find_result(path.name, tmp_path) == path
    assert find_result("20261125-b", tmp_path) == other
    with pytest.raises(UsageError, match="begins the names of 2"):
        find_result("20261125", tmp_path)
    with pytest.raises(UsageError, match="no result '2025' was found"):
        find_result("2025", tmp_path)


def test_pruning_keeps_the_newest_of_each_kind(tmp_path: Path) -> None:
    for days in range(5):
        write(tmp_path, f"litert{days}", days_ago=days)
        write(tmp_path, f"onnx{days}", days_ago=days, runtime="onnxruntime")
    entries, _ = history(tmp_path)

    def names(older_than_days: Any, keep: int) -> set[str]:
        old = to_prune(entries, NOW.timestamp(), older_than_days, keep)
        return {Path(entry.path).name.partition(".")[0] for entry in old}

    assert names(None, 4) == {"litert4", "onnx4"}
    assert names(2.5, 0) == {"litert3", "litert4", "onnx3", "onnx4"}
    assert names(2.5, 4) == {"litert4", "onnx4"}
    assert names(90, 0) == set()


def test_pruning_keeps_what_differs_in_data_set_or_effort(tmp_path: Path) -> None:
    write(tmp_path, "rigorous", days_ago=3, effort="rigorous")
    write(tmp_path, "thousand", days_ago=2, data="/d/thousand.npz")
    write(tmp_path, "again", days_ago=1)
    write(tmp_path, "newest")
    entries, _ = history(tmp_path)
    old = to_prune(entries, NOW.timestamp(), None, 1)
    assert [Path(entry.path).name.partition(".")[0] for entry in old] == ["again"]


def test_a_number_counts_from_the_newest_and_suites_are_among_them(tmp_path: Path) -> None:
    suite = tmp_path / "mine"
    suite.mkdir()
    old, new = write(tmp_path, "a", days_ago=1), write(suite, "b")
    assert [entry.path for entry in history(tmp_path)[0]] == [str(old), str(new)]
    assert find_result("1", tmp_path) == new
    assert find_result("2", tmp_path) == old
    with pytest.raises(UsageError, match="there is no result 3"):
        find_result("3", tmp_path)


def test_removing_takes_only_what_was_named(tmp_path: Path) -> None:
    path, other = write(tmp_path, "a"), write(tmp_path, "b")
    gone = read_entry(path)
    assert list(remove([gone])) == [gone]
    assert not path.exists()
    assert other.exists()
    assert list(remove([gone])) == []  # someone else was faster


def test_what_is_being_written_is_not_removed(tmp_path: Path) -> None:
    document = json.loads(write(tmp_path, "a").read_text(encoding="utf-8").splitlines()[0])
    path = tmp_path / f"b{SUFFIX}"
    with ResultWriter(path) as writer:
        writer.append(document)
        entry = read_entry(path)
        assert list(remove([entry])) == []
        assert path.exists()
    assert list(remove([entry])) == [entry]


def test_a_long_last_line_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TAIL_BYTES", 7)
    assert read_entry(write(tmp_path)).median_ns == 5e6
