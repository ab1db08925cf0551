"""Bounded reading of untrusted FlatBuffers.

Generated accessors trust the file: they follow an offset wherever it leads and loop as often as a
length says. Here each read is checked against the file's size, and the whole visit has a budget,
because a few kilobytes of shared offsets can describe more tables than could ever be visited.
Layout: https://flatbuffers.dev/internals/
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from edgeloop.errors import ModelError

MAX_TEXT = 65536  # bytes of one string that are read; names and descriptions are far shorter
_MAX_VALUES = 1_000_000  # tables and numbers visited in one file; 50,000 operators fit
# No more than a file can hold: a table takes at least eight bytes, a number one to four.
_MIN_VALUES, _BYTES_PER_VALUE = 4096, 2
_BYTES_PER_STEP = 16  # of text and blobs that cost as much as one value
_MAX_FIELDS = 64  # fields of one table that are looked at; the schema's largest has 17
_WIDTHS = {"b": 1, "B": 1, "?": 1, "h": 2, "H": 2, "i": 4, "I": 4, "f": 4, "q": 8, "Q": 8}


class FlatbufferReader:
    """Reads one open file; every method raises ModelError outside of it."""

    def __init__(self, stream: BinaryIO, size: int, path: str) -> None:
        self.size = size
        self.path = path
        self._stream = stream
        self._left = min(_MAX_VALUES, _MIN_VALUES + size // _BYTES_PER_VALUE)

    def broken(self, what: str) -> ModelError:
        """Return the error for a file whose structure is impossible."""
        return ModelError(f"{self.path} is damaged or cut short: {what}. Fetch or convert it again")

    def spend(self, values: int) -> None:
        """Count values visited and stop where a file asks for an absurd number."""
        self._left -= values
        if self._left < 0:
            raise self.broken("it describes more values than a file of its size can hold")

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes at `offset`."""
        if offset < 0 or length < 0 or offset + length > self.size:
            raise self.broken(
                f"it refers to {length} bytes at {offset}, but it has {self.size} bytes"
            )
        self._stream.seek(offset)
        data = self._stream.read(length)
        if len(data) != length:
            raise self.broken(f"{length} bytes at {offset} could not be read")
        return data

    def number(self, offset: int, code: str) -> int:
        """Return the little-endian integer of struct type `code` at `offset`."""
        return int(struct.unpack("<" + code, self.read(offset, _WIDTHS[code]))[0])

    def root(self) -> Table:
        """Return the root table."""
        return Table(self, self.number(0, "I"))


class Table:
    """One table; fields are named by their slot, the position in the schema from 0."""

    __slots__ = ("_fields", "_position", "_reader")

    def __init__(self, reader: FlatbufferReader, position: int) -> None:
        reader.spend(1)
        vtable = position - reader.number(position, "i")
        length = reader.number(vtable, "H")
        if length < 4 or length % 2:
            raise reader.broken(f"the table at {position} has no valid field list")
        count = min(length // 2 - 2, _MAX_FIELDS)
        self._reader = reader
        self._position = position
        self._fields = struct.unpack(f"<{count}H", reader.read(vtable + 4, 2 * count))

    def _offset(self, slot: int) -> int | None:
        if slot >= len(self._fields) or not self._fields[slot]:
            return None
        return self._position + int(self._fields[slot])

    def _target(self, slot: int) -> int | None:
        offset = self._offset(slot)
        return None if offset is None else offset + self._reader.number(offset, "I")

    def number(self, slot: int, code: str, default: int = 0) -> int:
        """Return an integer field, or the schema's default where the file leaves it out."""
        offset = self._offset(slot)
        return default if offset is None else self._reader.number(offset, code)

    def child(self, slot: int) -> Table | None:
        """Return a table field."""
        target = self._target(slot)
        return None if target is None else Table(self._reader, target)

    def children(self, slot: int) -> Iterator[Table]:
        """Yield the tables of a vector field."""
        start, length = self.vector(slot, 4)
        self._reader.spend(length)
        for position in range(start, start + 4 * length, 4):
            yield Table(self._reader, position + self._reader.number(position, "I"))

    def vector(self, slot: int, width: int) -> tuple[int, int]:
        """Return where a vector's data begins and how many items of `width` bytes it has.

        Both are 0 where the field is absent; the whole vector is known to lie in the file.
        """
        target = self._target(slot)
        if target is None:
            return 0, 0
        length = self._reader.number(target, "I")
        if target + 4 + length * width > self._reader.size:
            raise self._reader.broken(
                f"a list of {length} items at {target} runs past its {self._reader.size} bytes"
            )
        return target + 4, length

    def blob(self, slot: int) -> bytes:
        """Return a vector of bytes, such as a FlatBuffer in this one; empty where it is absent."""
        start, length = self.vector(slot, 1)
        self._reader.spend(1 + length // _BYTES_PER_STEP)
        return self._reader.read(start, length)

    def byte_strings(self, slot: int) -> Iterator[bytes]:
        """Yield the strings of a vector field as bytes, whatever they hold."""
        start, length = self.vector(slot, 4)
        self._reader.spend(length)
        for position in range(start, start + 4 * length, 4):
            target = position + self._reader.number(position, "I")
            size = self._reader.number(target, "I")
            self._reader.spend(size // _BYTES_PER_STEP)
            yield self._reader.read(target + 4, size)

    def _items(self, slot: int, code: str) -> bytes:
        width = _WIDTHS[code]
        start, length = self.vector(slot, width)
        self._reader.spend(length)
        return self._reader.read(start, length * width)

    def integers(self, slot: int, code: str) -> tuple[int, ...]:
        """Return a vector of integers; empty where the field is absent."""
        data = self._items(slot, code)
        return struct.unpack(f"<{len(data) // _WIDTHS[code]}{code}", data)

    def floats(self, slot: int) -> tuple[float, ...]:
        """Return a vector of 32-bit floats; empty where the field is absent."""
        data = self._items(slot, "f")
        return struct.unpack(f"<{len(data) // 4}f", data)

    def text(self, slot: int) -> str:
        """Return a string field; empty where it is absent, cut where it is absurdly long."""
        start, length = self.vector(slot, 1)
        length = min(length, MAX_TEXT)
        self._reader.spend(1 + length // _BYTES_PER_STEP)
        return self._reader.read(start, length).decode("utf-8", "replace")
