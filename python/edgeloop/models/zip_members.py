"""Bounded reading of an untrusted zip archive."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from edgeloop.errors import CannotWriteError, ModelError
from edgeloop.spec.plain_text import plain

# zipfile raises these for archives that are damaged, encrypted or of an unknown variant.
_DAMAGE = (
    zipfile.BadZipFile,
    RuntimeError,
    zlib.error,
    EOFError,
    OSError,
    struct.error,
    ValueError,
)
_CHUNK = 1 << 20  # bytes
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Members:
    """The members of one open archive.

    `sizes` are bytes by full name, `inner` the full names by what PyTorch calls the members.
    """

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self._archive = archive
        self._path = path
        # A later entry of the same name is the one that readers see.
        self.sizes = {info.filename: info.file_size for info in archive.infolist()}
        self.inner = _without_top(list(self.sizes))

    def read(self, name: str, limit: int) -> bytes:
        """Return a member by its full name.

        Raises ModelError above `limit` bytes, whatever its header claims.
        """
        info = self._archive.getinfo(name)
        if info.compress_type not in _METHODS:
            raise self.damaged(f"'{plain(name)}' is compressed by an unknown method")
        try:
            with self._archive.open(info) as stream:
                data = stream.read(limit + 1)
        except _DAMAGE as error:
            raise self.damaged(f"'{plain(name)}': {plain(str(error))}") from error
        if len(data) > limit:
            raise ModelError(
                f"{self._path}: '{plain(name)}' has more than {limit:,} bytes, which no model "
                "needs; nothing was read from it"
            )
        return data

    def head(self, name: str, most: int) -> bytes:
        """Return the first bytes of a member by its full name."""
        try:
            with self._archive.open(name) as stream:
                return stream.read(most)
        except (*_DAMAGE, NotImplementedError) as error:
            raise self.damaged(f"'{plain(name)}': {plain(str(error))}") from error

    def copy_stored(self, name: str, target: BinaryIO) -> None:
        """Copy a member that is not compressed, so that no more comes out than is in the file.

        Raises ModelError where it is compressed or damaged, CannotWriteError where there is no
        room for it.
        """
        info = self._archive.getinfo(name)
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise ModelError(
                f"{self._path}: '{plain(name)}' is compressed, which PyTorch does not do; save the "
                "package with PyTorch again"
            )
        try:
            for chunk in self._chunks(info):
                target.write(chunk)
            target.flush()
        except OSError as error:
            raise CannotWriteError(
                f"'{plain(name)}' of {self._path} cannot be unpacked: {error.strerror}; set TMPDIR "
                "to a folder with more room"
            ) from error

    def _chunks(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        try:
            with self._archive.open(info) as stream:
                yield from iter(lambda: stream.read(_CHUNK), b"")
        except _DAMAGE as error:
            raise self.damaged(f"'{plain(info.filename)}': {plain(str(error))}") from error

    def damaged(self, what: str) -> ModelError:
        """Return the error for an archive that contradicts itself."""
        return ModelError(f"{self._path} is damaged or cut short ({what}); fetch or save it again")


def _without_top(names: list[str]) -> dict[str, str]:
    """Return full names by the name below the one folder that PyTorch puts around them.

    Older exports have no such folder; their names stay.
    """
    top = names[0].split("/", 1)[0] + "/" if names else ""
    wrapped = all(name.startswith(top) for name in names)
    return {name[len(top) :] if wrapped else name: name for name in names}


@contextmanager
def opened_zip(path: Path) -> Iterator[Members]:
    """Open an archive; raises ModelError where it is none."""
    try:
        archive = zipfile.ZipFile(path)
    except _DAMAGE as error:
        raise ModelError(
            f"{path} is a zip archive that is damaged or cut short ({plain(str(error))}); fetch "
            "or save it again"
        ) from error
    with archive:
        yield Members(archive, path)
