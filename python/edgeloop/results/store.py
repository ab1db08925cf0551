"""Result files: one JSON document a line, appended and synced as the measurement goes on."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Optional

from edgeloop.errors import CannotWriteError, ModelError
from edgeloop.results.schema import SCHEMA_VERSION, Invocation, Result

SUFFIX = ".edgeloop.jsonl"


def default_folder() -> Path:
    """Return the folder of the results, by the XDG base directory specification."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "edgeloop" / "results"


def file_name(model: str, runtime: str) -> str:
    """Return a name that sorts by time and tells what was measured."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(model).stem).strip("-.") or "model"
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{stem}-{runtime}{SUFFIX}"


class ResultWriter:
    """A result file that is being written. Opened at once, so that a bad path fails at second 0."""

    def __init__(self, path: Path) -> None:
        """Create the file; never overwrites one that exists.

        Raises CannotWriteError with the system's reason.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("x", encoding="utf-8")
        except FileExistsError as error:
            raise CannotWriteError(
                f"the result file {path} exists already; choose another name with --out"
            ) from error
        except OSError as error:
            raise CannotWriteError(
                f"the result file {path} cannot be created ({error.strerror}); "
                "choose another place with --out, or none with --no-save"
            ) from error
        self._lines = 0

    def __enter__(self) -> ResultWriter:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._file.close()
        if self._lines == 0:
            self.path.unlink()  # nothing was measured: leave nothing behind

    def append(self, document: dict[str, Any]) -> None:
        """Write one line and have it on the disk before returning.

        Raises CannotWriteError where the disk is full or gone.
        """
        try:
            self._file.write(json.dumps(document, allow_nan=False) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise CannotWriteError(
                f"the result file {self.path} cannot be written ({error.strerror}); "
                f"it holds the {self._lines} lines before"
            ) from error
        self._lines += 1


def new_path(out: Optional[str], model: str, runtime: str) -> Path:
    """Return where a result goes: the file named, or a fresh name in the folder named.

    A fresh name never collides with a result of the same second.
    """
    folder = Path(out) if out is not None else default_folder()
    if out is not None and out.endswith(SUFFIX):
        return folder
    name = file_name(model, runtime)
    path = folder / name
    number = 2
    while path.exists():
        path = folder / name.replace(SUFFIX, f"-{number}{SUFFIX}")
        number += 1
    return path


def read_result(path: str) -> Result:
    """Read a result file of any schema version up to this one.

    A torn last line is dropped: the run was killed while it wrote it.
    Raises ModelError where the file is not a result, is damaged before its last line, or is newer.
    """
    documents = _lines(Path(path))
    header = documents[0]
    version = header.get("schema_version")
    if not isinstance(version, int):
        raise ModelError(f"{path} is not a result of edgeloop: its first line is no header")
    if version > SCHEMA_VERSION:
        raise ModelError(
            f"{path} was written by a newer edgeloop (schema {version}, this one reads up to "
            f"{SCHEMA_VERSION}); update edgeloop"
        )
    result = Result(header=header, path=path)
    for document in documents[1:]:
        if "summary" in document:
            result.summary = document
        else:
            result.invocations.append(Invocation.from_dict(document))
    return result


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ModelError(f"the result {path} cannot be read: {error.strerror}") from error
    lines = raw.split(b"\n")
    last = lines.pop()  # empty after a whole last line; otherwise torn
    documents: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        document = _parsed(line)
        if document is None:
            raise ModelError(f"{path} is damaged at line {number}: it is not a JSON object")
        documents.append(document)
    whole = _parsed(last)
    if whole is not None:
        documents.append(whole)
    if not documents:
        raise ModelError(f"{path} is not a result of edgeloop: it has no whole line")
    return documents


def _parsed(line: bytes) -> Optional[dict[str, Any]]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
