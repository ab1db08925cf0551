"""Bounded reading of an untrusted zip archive."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeloop.errors import ModelError
from edgeloop.models.plain_text import plain

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
