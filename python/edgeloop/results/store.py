"""Result files: one JSON document a line, appended and synced as the measurement goes on."""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Optional, Protocol

from edgeloop.errors import CannotWriteError, ModelError, UsageError
from edgeloop.host.user_folders import data_folder
from edgeloop.results.document import checked_invocation, checked_line, upgraded
from edgeloop.results.fields import mapping, sequence
from edgeloop.results.old_intervals import without_false_certainty
from edgeloop.results.samples import SampleBudget
from edgeloop.results.schema import Invocation, Result

SUFFIX = ".edgeloop.jsonl"

# In one file; the durations of a block are one value, and a second of a run has some twenty.
_MOST_VALUES = 5_000_000

# Of a model's name, as much as leaves room for the rest in the 255 bytes of a file name.
_STEM_CHARACTERS = 120


def default_folder() -> Path:
    """Return the folder of the results, by the XDG base directory specification.

    Raises CannotWriteError where the user has no home.
    """
    try:
        return data_folder() / "results"
    except CannotWriteError as error:
        raise CannotWriteError(
            f"{error}, a place for the result with --out, or keep none with --no-save"
        ) from error


def file_name(model: str, runtime: str) -> str:
    """Return a name that sorts by time and shows what was measured."""
    # The runtime's name, too: of a run on a board it is the board's word.
    stem, runtime = (
        re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:_STEM_CHARACTERS].strip("-.")
        for name in (Path(model).stem, runtime)
    )
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{stem or 'model'}-{runtime}{SUFFIX}"


class LineWriter(Protocol):
    """Where the lines of a result go."""

    path: Path

    def append(self, document: dict[str, Any]) -> None:
        """Write one line for good. Raises CannotWriteError."""
        ...


class ResultWriter:
    """A result file that is being written. Opened at once, so that a bad path fails at second 0."""

    def __init__(self, path: Path) -> None:
        """Create the file and its folder; never overwrites one that exists.

        Raises CannotWriteError with the system's reason.
        """
        self.path = path
        self._lines = 0
        folders = (path.parent, *path.parent.parents)
        self._new_folders = [folder for folder in folders if not _exists(folder)]
        try:
            _make_folder(path.parent)
            # Unbuffered: what could not be written must not be tried again when it is closed.
            self._file = path.open("xb", buffering=0)
            with suppress(OSError):  # a file system without locks
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._remove_new_folders()
            raise CannotWriteError(_why_not_created(path, error)) from error

    def __enter__(self) -> ResultWriter:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._file.close()
        if self._lines == 0:  # nothing was measured: leave nothing behind
            with suppress(OSError):
                self.path.unlink()
            self._remove_new_folders()

    def append(self, document: dict[str, Any]) -> None:
        """Write one line and have it on the disk before returning.

        Raises CannotWriteError where the disk is full or gone; the lines before it stand.
        """
        line = json.dumps(document, allow_nan=False).encode() + b"\n"
        end = self._file.tell()
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            with suppress(OSError):  # half a line would spoil the next
                self._file.truncate(end)
                self._file.seek(end)
            raise CannotWriteError(
                f"the result file {self.path} cannot be written ({error.strerror}); "
                f"it holds the {self._lines} lines before"
            ) from error
        self._lines += 1

    def _remove_new_folders(self) -> None:
        with suppress(OSError):
            for folder in self._new_folders:
                folder.rmdir()


def open_result(out: Optional[str], model: str, runtime: str) -> ResultWriter:
    """Create the result file that `new_path` names.

    Another process may take a fresh name first; then the next one is tried.
    """
    while True:
        path = new_path(out, model, runtime)
        try:
            return ResultWriter(path)
        except CannotWriteError as error:
            if _is_file(out) or not isinstance(error.__cause__, FileExistsError):
                raise


def new_path(out: Optional[str], model: str, runtime: str) -> Path:
    """Return where a result goes: the file named, or a fresh name in the folder named.

    A fresh name is that of no result of the same second. Raises UsageError for a name that looks
    like a file's but does not belong to a result.
    """
    folder = default_folder() if out is None else Path(out)
    if _is_file(out):
        return folder
    if folder.suffix in (".json", ".jsonl"):
        raise UsageError(
            f"--out {out}: the name of a result file ends in {SUFFIX}; any other name is a folder"
        )
    name = file_name(model, runtime)
    path = folder / name
    number = 2
    while _exists(path):
        path = folder / name.replace(SUFFIX, f"-{number}{SUFFIX}")
        number += 1
    return path


def _is_file(out: Optional[str]) -> bool:
    return out is not None and out.endswith(SUFFIX)


def _exists(path: Path) -> bool:
    """Look; a folder that may not be searched shows nothing, and fails when it is written to."""
    try:
        return path.exists()
    except OSError:
        return False


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(error.errno, f"{folder} is a file") from error


def _why_not_created(path: Path, error: OSError) -> str:
    if isinstance(error, FileExistsError):
        return f"the result file {path} exists already; choose another name with --out"
    return (
        f"the result file {path} cannot be created ({error.strerror}); "
        "choose another place with --out, or keep none with --no-save"
    )


def read_result(path: str) -> Result:
    """Read a result file of any schema version up to this one.

    A torn last line is dropped: the run was killed while it wrote it.
    Raises ModelError where the file is not a result, is damaged before its last line, or is newer.
    """
    return result_of(_lines(Path(path)), path)


def result_of(lines: Sequence[tuple[int, dict[str, Any]]], path: str) -> Result:
    """Return the result that numbered lines hold; `path` is where they are from."""
    result = Result(header=_header(path, lines[0][1]), path=path)
    budget = SampleBudget()
    for number, document in lines[1:]:
        try:
            if "summary" in document:
                result.summary = checked_line(document)
                without_false_certainty(result.summary)
            else:
                result.invocations.append(
                    Invocation.from_dict(checked_invocation(document), budget)
                )
        except ModelError as error:
            raise ModelError(f"{path} is damaged at line {number}: {error}") from error
    return result


def _header(path: str, header: dict[str, Any]) -> dict[str, Any]:
    header = upgraded(header, path)
    try:
        sequence(mapping(header.get("spec")), "loops")
        return checked_line(header)
    except ModelError as error:
        raise ModelError(f"the header of {path} is damaged: {error}") from error


def is_being_written(path: Path) -> bool:
    """Say whether a run holds the file open to write it. Raises OSError."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # a file system without locks
            return False
    return False


def holds_nothing(path: Path) -> bool:
    """Say whether this is an empty file: its run has just begun, or was killed before it measured.

    A folder's results are shown without it.
    """
    with suppress(OSError):
        found = path.stat()
        return stat.S_ISREG(found.st_mode) and found.st_size == 0
    return False


def require_file(path: Path) -> None:
    """Raise ModelError for what may never end, or never begin: a pipe or a device.

    Raises OSError where there is nothing.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ModelError(f"{path} is not a file; name a result, or a folder of results")


def _lines(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Return the whole lines with their numbers."""
    try:
        require_file(path)
        raw = path.read_bytes()
    except OSError as error:
        raise ModelError(f"the result {path} cannot be read: {error.strerror}") from error
    if sum(map(raw.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        raise ModelError(f"{path} holds more than {_MOST_VALUES:,} values, which no result does")
    *ended, torn = raw.split(b"\n")  # after a whole last line, what follows it is empty
    documents: list[tuple[int, dict[str, Any]]] = []
    for number, line in enumerate(ended, start=1):
        document = _parsed(line)
        if document is None:
            raise ModelError(f"{path} is damaged at line {number}: it is not a JSON object")
        documents.append((number, document))
    whole = _parsed(torn)
    if whole is not None:
        documents.append((len(ended) + 1, whole))
    if not documents:
        raise ModelError(f"{path} is not a result of edgeloop: it has no complete line")
    return documents


def _parsed(line: bytes) -> Optional[dict[str, Any]]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
