"""One array of an .npy stream, sample by sample, whatever its size."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Optional, Protocol

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

MAGIC = b"\x93NUMPY"

# An array in Fortran order has the parts of one sample all over the file: such a one is read whole.
_MOST_WHOLE_BYTES = 64 << 20

# What is skipped is read in pieces of this size.
_SKIP_BYTES = 1 << 20


class ByteStream(Protocol):
    """What an array is read from: a file, or a member of an archive."""

    def read(self, size: int = ..., /) -> bytes:
        """Read at most `size` bytes; nothing at the end."""
        ...


class NpyStream:
    """An array of which a few samples at a time are read, in order.

    Raises ValueError for what is not an .npy, holds Python objects, or ends too early.
    """

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        version = np.lib.format.read_magic(stream)
        readers = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in readers:
            raise ValueError(f"its format version is {version[0]}.{version[1]}")
        self.shape, fortran, self.dtype = readers[version](stream)
        if self.dtype.hasobject:
            raise ValueError("it holds Python objects, which are never unpickled")
        self._row_bytes = self.dtype.itemsize * prod(self.shape[1:])
        self._left = self.shape[0] if self.shape else 0
        self._fortran = fortran and len(self.shape) > 1
        self._whole: Optional[npt.NDArray[Any]] = None
        if self._fortran and self.nbytes > _MOST_WHOLE_BYTES:
            raise ValueError(
                f"its {self.nbytes >> 20} MiB are in Fortran order, which cannot be read sample by "
                "sample; save numpy.ascontiguousarray of it"
            )

    @property
    def nbytes(self) -> int:
        """Size of the array's values in bytes."""
        return self.dtype.itemsize * prod(self.shape)

    def read(self, rows: int) -> npt.NDArray[Any]:
        """Return the next samples (rows, *sample shape)."""
        if self._fortran:
            return self._read_of_whole(rows)
        data = self._bytes(rows * self._row_bytes)
        self._left -= rows
        if not self._left:
            self._require_end()
        return np.frombuffer(data, dtype=self.dtype).reshape((rows, *self.shape[1:]))

    def skip(self, rows: int) -> None:
        """Pass over the next samples."""
        step = max(1, _SKIP_BYTES // max(1, self._row_bytes))
        while rows:
            piece = min(rows, step)
            self.read(piece)
            rows -= piece

    def _require_end(self) -> None:
        """Read to the end, where an archive's member is compared with its checksum."""
        if self._stream.read(1):
            raise ValueError("it goes on after its last sample")

    def _read_of_whole(self, rows: int) -> npt.NDArray[Any]:
        if self._whole is None:
            data = self._bytes(self.nbytes)
            self._require_end()
            values = np.frombuffer(data, dtype=self.dtype)
            self._whole = values.reshape(self.shape[::-1]).transpose()
        start = len(self._whole) - self._left
        self._left -= rows
        return np.ascontiguousarray(self._whole[start : start + rows])

    def _bytes(self, count: int) -> bytearray:
        data = bytearray()
        while len(data) < count:
            part = self._stream.read(count - len(data))
            if not part:
                raise ValueError("it ends before its last sample")
            data += part
        return data


class RowReader:
    """Reads chosen samples of an array, in ascending order."""

    def __init__(self, stream: NpyStream) -> None:
        self._stream = stream
        self._position = 0

    def read(self, wanted: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return the samples numbered `wanted`, none of which was passed over already."""
        stream = self._stream
        if int(wanted[-1]) + 1 - self._position == len(wanted):
            self._position += len(wanted)
            return stream.read(len(wanted))
        rows = np.empty((len(wanted), *stream.shape[1:]), dtype=stream.dtype)
        for index, row in enumerate(wanted):
            stream.skip(int(row) - self._position)
            rows[index] = stream.read(1)[0]
            self._position = int(row) + 1
        return rows
