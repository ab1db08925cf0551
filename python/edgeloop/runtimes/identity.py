"""Which library it really was: path, size, date and build id."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO, Optional

_ELF_MAGIC = b"\x7fELF"
_PT_NOTE = 4
_NT_GNU_BUILD_ID = 3
_MAX_NOTE_BYTES = 1 << 16  # a note segment is a few hundred bytes; more is no honest library


def library_identity(path: Optional[str]) -> dict[str, Any]:
    """Return path, size in bytes, mtime in s and the GNU build id; null where there is none."""
    if path is None:
        reason = "this runtime is not a library of its own"
        return {"path": None, "path_reason": reason, "bytes": None, "mtime_s": None,
                "build_id": None, "build_id_reason": reason}
    status = Path(path).stat()
    build_id = elf_build_id(path)
    identity: dict[str, Any] = {
        "path": path,
        "bytes": status.st_size,
        "mtime_s": status.st_mtime,
        "build_id": build_id,
    }
    if build_id is None:
        identity["build_id_reason"] = "the file has no GNU build id note"
    return identity


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
    except (OSError, IndexError, struct.error):
        return None


def _notes(file: BinaryIO, header: bytes, order: str) -> list[bytes]:
    wide = header[4] == 2
    if wide:
        (table,) = struct.unpack_from(order + "Q", header, 32)
        size, count = struct.unpack_from(order + "HH", header, 54)
    else:
        (table,) = struct.unpack_from(order + "I", header, 28)
        size, count = struct.unpack_from(order + "HH", header, 42)
    notes = []
    for index in range(count):
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
        notes.append(file.read(min(length, _MAX_NOTE_BYTES)))
    return notes


def _build_id(note: bytes, order: str) -> Optional[str]:
    position = 0
    while position + 12 <= len(note):
        name_size, size, kind = struct.unpack_from(order + "III", note, position)
        name_at = position + 12
        data_at = name_at + (name_size + 3) // 4 * 4
        if kind == _NT_GNU_BUILD_ID and note[name_at : name_at + 4] == b"GNU\0":
            return note[data_at : data_at + size].hex()
        position = data_at + (size + 3) // 4 * 4
    return None
