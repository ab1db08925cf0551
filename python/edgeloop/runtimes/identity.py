"""Which library it really was: path, size, date and build id."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Optional

from edgeloop.errors import reasoned

_ELF_MAGIC = b"\x7fELF"
_PT_NOTE = 4
_NT_GNU_BUILD_ID = 3

# No honest library has more: a dozen segments, notes of a few hundred bytes, ids of 20.
_MAX_SEGMENTS = 256
_MAX_NOTE_BYTES = 1 << 16
_MAX_ID_BYTES = 64


def library_identity(path: Optional[str]) -> dict[str, Any]:
    """Return path, size in bytes, mtime in s and the GNU build id; null where there is none."""
    if path is None:
        return _unknown(None, "this runtime is not a library of its own")
    try:
        status = Path(path).stat()
    except OSError as error:
        return _unknown(path, f"the file cannot be looked at: {error.strerror}")
    return {
        "path": path,
        "bytes": status.st_size,
        "mtime_s": status.st_mtime,
        **reasoned("build_id", elf_build_id(path), "the file has no GNU build id note"),
    }


def _unknown(path: Optional[str], reason: str) -> dict[str, Any]:
    return {
        **reasoned("path", path, reason),
        **reasoned("bytes", None, reason),
        **reasoned("mtime_s", None, reason),
        **reasoned("build_id", None, reason),
    }


def elf_build_id(path: str) -> Optional[str]:
    """Return the GNU build id of an ELF file in hex, or None."""
    try:
        with Path(path).open("rb") as file:
            header = file.read(64)
            if header[:4] != _ELF_MAGIC:
                return None
            order = ">" if header[5] == 2 else "<"
            build_ids = (_build_id(note, order) for note in _notes(file, header, order))
            return next((found for found in build_ids if found is not None), None)
    except (OSError, IndexError, ValueError, struct.error):
        # cut off, or offsets from nowhere
        return None


def _notes(file: BinaryIO, header: bytes, order: str) -> Iterator[bytes]:
    wide = header[4] == 2
    if wide:
        (table,) = struct.unpack_from(order + "Q", header, 32)
        size, count = struct.unpack_from(order + "HH", header, 54)
    else:
        (table,) = struct.unpack_from(order + "I", header, 28)
        size, count = struct.unpack_from(order + "HH", header, 42)
    for index in range(min(count, _MAX_SEGMENTS)):
        file.seek(table + index * size)
        entry = file.read(size)
        if struct.unpack_from(order + "I", entry)[0] != _PT_NOTE:
            continue
        if wide:
            (offset,) = struct.unpack_from(order + "Q", entry, 8)
            (length,) = struct.unpack_from(order + "Q", entry, 32)
        else:
            (offset,) = struct.unpack_from(order + "I", entry, 4)
            (length,) = struct.unpack_from(order + "I", entry, 16)
        file.seek(offset)
        yield file.read(min(length, _MAX_NOTE_BYTES))


def _build_id(note: bytes, order: str) -> Optional[str]:
    position = 0
    while position + 12 <= len(note):
        name_size, size, kind = struct.unpack_from(order + "III", note, position)
        name_at = position + 12
        data_at = name_at + (name_size + 3) // 4 * 4
        if kind == _NT_GNU_BUILD_ID and note[name_at : name_at + 4] == b"GNU\0":
            build_id = note[data_at : data_at + min(size, _MAX_ID_BYTES)]
            return build_id.hex() if build_id and len(build_id) == size else None
        position = data_at + (size + 3) // 4 * 4
    return None
