"""The journal of a suite: its plan, then a line for every entry that has ended."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Optional

from edgeloop.errors import CannotWriteError, ModelError, UsageError, plain

NAME = "suite.jsonl"

FINISHED = "finished"
FAILED = "failed"


@dataclass(frozen=True)
class Ended:
    """What became of one entry."""

    entry: str
    """Its id."""
    state: str
    elapsed_s: float
    result: Optional[str] = None
    """Name of the result's file in the suite's folder."""
    error: Optional[str] = None
    exit_code: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the line of the journal."""
        return {
            "entry": self.entry,
            "state": self.state,
            "elapsed_s": round(self.elapsed_s, 3),
            "result": self.result,
            "error": self.error,
            "exit_code": self.exit_code,
        }


@dataclass
class Content:
    """What a journal says."""

    plan: dict[str, Any] = field(default_factory=dict)
    """The newest plan: name, order seed, ids of the entries in their order."""
    ended: dict[str, Ended] = field(default_factory=dict)
    """Entry → the last line about it."""
    whole_bytes: int = 0
    """Length without a torn last line."""


def read_journal(path: Path) -> Content:
    """Read a journal; a torn last line is dropped. Raises ModelError where it is damaged."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ModelError(f"the journal {path} cannot be read: {error.strerror}") from error
    content = Content(whole_bytes=raw.rfind(b"\n") + 1)
    for number, line in enumerate(raw[: content.whole_bytes].splitlines(), start=1):
        try:
            document = json.loads(line)
            if "plan" in document:
                content.plan = dict(document["plan"])
            else:
                ended = Ended(**document)
                content.ended[ended.entry] = ended
        except (ValueError, TypeError, RecursionError) as error:
            raise ModelError(
                f"the journal {path} is damaged at line {number}: {plain(str(error))}"
            ) from error
    return content


class Journal:
    """A journal that is being written; a lock keeps a second run out of the folder."""

    def __init__(self, folder: Path, *, resume: bool) -> None:
        """Open or create it; `content` is what it said before.

        Raises CannotWriteError where the folder takes no file, UsageError where a suite is there
        already (or runs there now), or is to be resumed and is not.
        """
        self.path = folder / NAME
        exists = self.path.exists()
        if resume and not exists:
            raise UsageError(f"there is no suite to resume in {folder}: {NAME} is missing")
        if exists and not resume:
            raise UsageError(
                f"a suite has been run in {folder} already; --resume continues it, --out names "
                "another folder"
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise CannotWriteError(
                f"the suite cannot be written to {folder} ({error.strerror}); choose another "
                "folder with --out"
            ) from error
        try:
            self._lock(folder)
            self.content = read_journal(self.path)
            if os.lseek(self._fd, 0, os.SEEK_END) > self.content.whole_bytes:
                os.ftruncate(self._fd, self.content.whole_bytes)
                os.lseek(self._fd, 0, os.SEEK_END)
            _sync_folder(folder)
        except BaseException:
            os.close(self._fd)
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        os.close(self._fd)

    def plan(self, document: dict[str, Any]) -> None:
        """Write the plan, where it is not the one that stands there."""
        if document != self.content.plan:
            self._append({"plan": document})
            self.content.plan = document

    def ended(self, ended: Ended) -> None:
        """Write what became of an entry; it is on the disk when this returns."""
        self._append(ended.as_dict())
        self.content.ended[ended.entry] = ended

    def _lock(self, folder: Path) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another run of a suite is writing to {folder} now") from None
        except OSError:  # a file system without locks
            return

    def _append(self, document: dict[str, Any]) -> None:
        rest = memoryview(json.dumps(document).encode() + b"\n")
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
            os.fsync(self._fd)
        except OSError as error:
            raise CannotWriteError(
                f"the journal {self.path} cannot be written: {error.strerror}"
            ) from error


def _sync_folder(folder: Path) -> None:
    """Have the name of a new file on the disk too."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
