"""The board's copies of models and data, each by its hash: copied once, found again."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Optional

from edgeloop.errors import CannotWriteError, ModelError
from edgeloop.host.user_folders import cache_folder


def place_of(digest: str) -> Path:
    """Return the folder of one copy. Raises ModelError for what is not a SHA-256."""
    if len(digest) != hashlib.sha256().digest_size * 2 or set(digest) - set("0123456789abcdef"):
        raise ModelError(f"'{digest}' is not a SHA-256")
    return cache_folder() / "models" / digest


class Incoming:
    """A copy that is arriving; it gets its name when it is whole, or leaves nothing."""

    def __init__(self, digest: str) -> None:
        """Make its scratch folder. Raises CannotWriteError."""
        self._place = place_of(digest)
        self._error: Optional[str] = None
        self._file: Optional[BinaryIO] = None
        self._wanted = ""
        self._hash = hashlib.sha256()
        try:
            self._place.parent.mkdir(parents=True, exist_ok=True)
            self._scratch = Path(tempfile.mkdtemp(prefix=".incoming-", dir=self._place.parent))
        except OSError as error:
            raise CannotWriteError(
                f"the board keeps models in {self._place.parent}, which cannot be written "
                f"({error.strerror}); make room there, or set XDG_CACHE_HOME"
            ) from error

    def begin(self, name: str, sha256: str) -> None:
        """Begin a file; `name` is relative, and stays inside."""
        self._finish_file()
        target = (self._scratch / name).resolve()
        if self._scratch.resolve() not in target.parents:
            self._error = self._error or f"the name '{name}' leaves its folder"
        self._wanted, self._hash = sha256, hashlib.sha256()
        if self._error is None:
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._file = target.open("xb")
            except OSError as error:
                self._fail(error)

    def piece(self, data: Any) -> None:
        """Append to the file; after an error the rest is only counted down."""
        self._hash.update(data)
        if self._file is not None:
            try:
                self._file.write(data)
            except OSError as error:
                self._fail(error)

    def end(self) -> None:
        """Give it its name. Raises CannotWriteError where it could not be written."""
        self._finish_file()
        if self._error is not None:
            self.drop()
            raise CannotWriteError(
                f"the model cannot be copied to {self._place.parent} on the board ({self._error}); "
                "make room there, or set XDG_CACHE_HOME"
            )
        try:
            self._scratch.rename(self._place)
        except OSError as error:
            self.drop()
            if not self._place.is_dir():  # else another connection was faster
                raise CannotWriteError(
                    f"the copy {self._place} on the board cannot be written: {error.strerror}"
                ) from error

    def drop(self) -> None:
        """Leave nothing behind."""
        if self._file is not None:
            self._file.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _finish_file(self) -> None:
        if self._file is None:
            return
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            self._fail(error)
        self._file = None
        if self._hash.hexdigest() != self._wanted and self._error is None:
            self._error = "a file arrived with another hash"

    def _fail(self, error: OSError) -> None:
        self._error = self._error or str(error.strerror)
        if self._file is not None:
            with suppress(OSError):  # what is still buffered does not fit either
                self._file.close()
            self._file = None
