"""Bounded reading of an untrusted zip archive."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Optional

from edgeloop.errors import CannotWriteError, ModelError, plain

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

# A description, not weights: what it may unpack to, beside a multiple of the file's own size, and
# how many values it may hold, each of which takes some 60 bytes in memory.
_JSON_BYTES = 16 << 20
_JSON_BYTES_PER_BYTE = 4
_JSON_VALUES = 4_000_000

# The last records of an archive (PKWARE's APPNOTE 6.3.10, 4.3.14 to 4.3.16).
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")


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

    def read_json(self, name: str) -> bytes:
        """Return a member that is a JSON document, by its full name.

        Raises ModelError where it is so large, beside the file, that it was made to fill memory.
        """
        limit = _JSON_BYTES + _JSON_BYTES_PER_BYTE * self._path.stat().st_size
        text = self.read(name, limit)
        if sum(map(text.count, (b",", b"[", b"{"))) > _JSON_VALUES:
            raise ModelError(
                f"{self._path}: '{plain(name)}' has more than {_JSON_VALUES:,} values, which no "
                "model needs"
            )
        return text

    def doubt(self) -> Optional[str]:
        """Say why another reader may see other members in this archive; None where it will not."""
        lowered = {name.lower() for name in self.sizes}
        infos = self._archive.infolist()
        if len(lowered) != len(infos):
            return "members of the same name, of which readers take different ones"
        if any(info.orig_filename != info.filename for info in infos):
            return "a member whose name has a null byte"
        if _directory_start(self._path) != self._archive.start_dir:
            return "two lists of members, of which readers take different ones"
        return None

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


def _directory_start(path: Path) -> Optional[int]:
    """Return where the last record says that the list of members is; None where it is not last.

    zipfile looks for the list before that record and PyTorch where the record says.
    """
    with path.open("rb") as stream:
        end = stream.seek(0, 2) - _END.size
        if end < 0:
            return None
        stream.seek(end)
        signature, *_, size, start, comment = _END.unpack(stream.read(_END.size))
        if signature != b"PK\x05\x06" or comment:
            return None
        place = end - _LOCATOR.size
        stream.seek(max(place, 0))
        locator = stream.read(_LOCATOR.size)
        if place < 0 or locator[:4] != b"PK\x06\x07":
            return int(start) if start + size == end else None
        record = place - _END_64.size
        if record < 0 or _LOCATOR.unpack(locator)[2] != record:
            return None
        stream.seek(record)
        signature, *_, size, start = _END_64.unpack(stream.read(_END_64.size))
        if signature != b"PK\x06\x06" or start + size != record:
            return None
        return int(start)


@contextmanager
def opened_zip(path: Path) -> Iterator[Members]:
    """Open an archive; raises ModelError where it is not one."""
    try:
        archive = zipfile.ZipFile(path)
    except _DAMAGE as error:
        raise ModelError(
            f"{path} is a zip archive that is damaged or cut short ({plain(str(error))}); fetch "
            "or save it again"
        ) from error
    with archive:
        yield Members(archive, path)
