"""Result files: written line by line, read whatever became of them."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edgeloop.errors import CannotWriteError, ModelError
from edgeloop.results import store
from edgeloop.results.document import SCHEMA_VERSION
from edgeloop.results.store import SUFFIX, ResultWriter, read_result

HEADER = {"schema_version": 1, "spec": {"loops": ["native"]}}


def write(path: Path, *documents: Any) -> Path:
    with ResultWriter(path) as writer:
        for document in documents:
            writer.append(document)
    return path


def why_not(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_result(str(path))
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_what_is_written_is_read(tmp_path: Path, invocation: Any) -> None:
    summary = {"summary": {"n": 2}, "loops": {}}
    path = write(tmp_path / f"a{SUFFIX}", HEADER, invocation().as_dict(), summary)
    result = read_result(str(path))
    assert result.header == HEADER
    assert [i.as_dict() for i in result.invocations] == [invocation().as_dict()]
    assert result.summary == summary
    assert result.path == str(path)
    assert result.loop_names == ["native"]


def test_a_line_is_on_the_disk_before_append_returns(tmp_path: Path) -> None:
    path = tmp_path / f"a{SUFFIX}"
    with ResultWriter(path) as writer:
        for number in range(3):
            writer.append({"number": number, "text": "two\nlines and a µ"})
            assert len(path.read_bytes().splitlines()) == number + 1


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_json_is_not_written(number: float, tmp_path: Path) -> None:
    path = tmp_path / f"a{SUFFIX}"
    with ResultWriter(path) as writer:
        writer.append(HEADER)
        with pytest.raises(ValueError, match="not JSON compliant"):
            writer.append({"median_ns": number})
    assert read_result(str(path)).header == HEADER


def test_a_file_torn_at_every_byte_gives_what_is_whole(golden: Path, tmp_path: Path) -> None:
    raw = golden.read_bytes()
    whole = read_result(str(golden))
    ends = [match.start() for match in re.finditer(rb"\n", raw)]
    assert len(ends) == len(whole.invocations) + 2
    path = tmp_path / f"torn{SUFFIX}"
    path.write_bytes(raw)
    for length in reversed(range(len(raw))):
        os.truncate(path, length)
        lines = sum(length >= end for end in ends)  # one without its line feed is whole
        if lines == 0:
            assert "no complete line" in why_not(path)
            continue
        result = read_result(str(path))
        assert result.header == whole.header
        assert len(result.invocations) == min(lines - 1, len(whole.invocations))
        assert bool(result.summary) == (lines == len(ends))


def test_a_tail_of_zeros_is_torn_too(golden: Path, tmp_path: Path) -> None:
    """As a file system leaves it where the power went."""
    raw = golden.read_bytes()
    path = tmp_path / f"zeros{SUFFIX}"
    end = raw.index(b"\n") + 1
    path.write_bytes(raw[:end] + bytes(4096))
    assert read_result(str(path)).invocations == []


@pytest.mark.parametrize("damage", [b"", b"rubbish", b"[1]", b"null", b'{"a": ', b"\xff\xfe"])
def test_a_damaged_line_in_the_middle_is_named(damage: bytes, golden: Path, tmp_path: Path) -> None:
    lines = golden.read_bytes().split(b"\n")
    lines[1] = damage
    path = tmp_path / f"damaged{SUFFIX}"
    path.write_bytes(b"\n".join(lines))
    assert "damaged at line 2: it is not a JSON object" in why_not(path)


def test_an_invocation_that_is_malformed_is_named(golden: Path, tmp_path: Path) -> None:
    lines = golden.read_bytes().split(b"\n")
    document = json.loads(lines[1])
    del document["load_ns"]
    lines[1] = json.dumps(document).encode()
    path = tmp_path / f"damaged{SUFFIX}"
    path.write_bytes(b"\n".join(lines))
    assert "damaged at line 2: 'load_ns' is missing" in why_not(path)


def test_a_newer_version_says_to_update(tmp_path: Path) -> None:
    newer = {**HEADER, "schema_version": SCHEMA_VERSION + 1}
    words = why_not(write(tmp_path / f"a{SUFFIX}", newer))
    assert f"schema {SCHEMA_VERSION + 1}, this one reads up to {SCHEMA_VERSION}" in words
    assert "update edgeloop" in words


@pytest.mark.parametrize("version", [None, "1", 1.0, True, 0, -1, [1]])
def test_a_first_line_that_is_no_header(version: object, tmp_path: Path) -> None:
    path = write(tmp_path / f"a{SUFFIX}", {**HEADER, "schema_version": version})
    assert "its first line is not a header" in why_not(path)


@pytest.mark.parametrize("spec", [None, [], {}, {"loops": "native"}])
def test_a_header_without_its_loops(spec: object, tmp_path: Path) -> None:
    path = write(tmp_path / f"a{SUFFIX}", {"schema_version": 1, "spec": spec})
    assert "the header of" in why_not(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"hello\n", b"{", b"\x89PNG\r\n\x1a\n", b"[" * 100_000, b'{"a": 1}\n'],
    ids=["empty", "line", "text", "brace", "image", "nested", "another object"],
)
def test_a_file_that_is_no_result(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert "is not a result of edgeloop" in why_not(path) or "is damaged at line 1" in why_not(path)


def test_a_file_that_is_not_there_and_a_folder(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in why_not(tmp_path / "nowhere")
    assert "is not a file" in why_not(tmp_path)


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / f"a{SUFFIX}"
    path.write_text("precious")
    with pytest.raises(CannotWriteError, match="exists already; choose another name with --out"):
        ResultWriter(path)
    assert path.read_text() == "precious"


def test_folders_are_made(tmp_path: Path) -> None:
    path = write(tmp_path / "a" / "b" / f"c{SUFFIX}", HEADER)
    assert read_result(str(path)).header == HEADER


def test_where_nothing_was_measured_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with ResultWriter(tmp_path / "mine" / "new" / "newer" / f"a{SUFFIX}"):
        pass
    assert list(tmp_path.rglob("*")) == [tmp_path / "mine"]
    with pytest.raises(ZeroDivisionError), ResultWriter(tmp_path / "mine" / f"a{SUFFIX}"):
        raise ZeroDivisionError
    assert list(tmp_path.rglob("*")) == [tmp_path / "mine"]


def test_a_new_folder_that_others_use_meanwhile_stays(tmp_path: Path) -> None:
    with ResultWriter(tmp_path / "new" / f"a{SUFFIX}"):
        (tmp_path / "new" / "theirs").write_text("x")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["theirs"]


def test_a_file_that_was_taken_away_meanwhile_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / f"a{SUFFIX}"
    with ResultWriter(path):
        path.unlink()


@pytest.mark.parametrize("folder", ["/proc/nowhere", "/dev/null/x", "/sys/kernel"])
def test_a_place_that_takes_no_files(folder: str) -> None:
    with pytest.raises(CannotWriteError, match=r"cannot be created .*; choose another place") as e:
        ResultWriter(Path(folder) / f"a{SUFFIX}")
    assert "--no-save" in str(e.value)


def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("this user (root?) writes everywhere")
    try:
        for folder in (tmp_path, tmp_path / "deeper"):
            with pytest.raises(CannotWriteError, match="Permission denied"):
                ResultWriter(folder / f"a{SUFFIX}")
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(CannotWriteError, match=r"cannot be created .*file is a file") as caught:
        ResultWriter(tmp_path / "file" / f"a{SUFFIX}")
    assert "exists already" not in str(caught.value)
    with pytest.raises(CannotWriteError, match="cannot be created"):
        ResultWriter(tmp_path / "file" / "deeper" / f"a{SUFFIX}")


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(CannotWriteError, match="File name too long"):
        ResultWriter(tmp_path / "new" / f"{'a' * 300}{SUFFIX}")
    assert list(tmp_path.iterdir()) == []


@contextmanager
def full_disk_after(size_bytes: int) -> Iterator[None]:
    """Have every write beyond this size of a file fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_full_disk_keeps_the_lines_before(tmp_path: Path, invocation: Any) -> None:
    path = tmp_path / f"a{SUFFIX}"
    with ResultWriter(path) as writer, full_disk_after(2000):
        writer.append(HEADER)
        writer.append(invocation().as_dict())
        with pytest.raises(CannotWriteError, match=r"File too large.*it holds the 2 lines before"):
            writer.append({"summary": "x" * 3000})
        writer.append({"summary": {"n": 2}})  # no half line is in its way
    result = read_result(str(path))
    assert len(result.invocations) == 1
    assert result.summary == {"summary": {"n": 2}}


def test_a_disk_that_is_full_at_once_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(CannotWriteError, match="it holds the 0 lines before"),
        ResultWriter(tmp_path / "new" / f"a{SUFFIX}") as writer,
        full_disk_after(10),
    ):
        writer.append(HEADER)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_on_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with ResultWriter(tmp_path / f"a{SUFFIX}") as writer:
        writer.append(HEADER)
        monkeypatch.setattr(store.os, "fsync", fail)
        with pytest.raises(CannotWriteError, match="Input/output error"):
            writer.append({"more": 1})
    assert read_result(str(tmp_path / f"a{SUFFIX}")).invocations == []


def test_a_result_of_every_version_is_read(golden: Path) -> None:
    result = read_result(str(golden))
    assert result.header["command"] == "bench"
    assert result.loop_names == ["native", "binding"]
    assert len(result.invocations) == 2
    for run in result.invocations:
        for loop in result.loop_names:
            assert sum(block.runs for block in run.run_times(loop)) == 40
    assert result.summary["summary"]["n"] == 80
    # Two processes: what intervals the file holds are the scatter within them.
    for summary in (result.summary["summary"], *result.summary["loops"].values()):
        assert summary["median_ci95_ns"] is None
        assert "not enough processes (need 3" in summary["median_ci95_ns_reason"]
    assert result.summary["summary"]["stop_reason"] == "fixed_count"
