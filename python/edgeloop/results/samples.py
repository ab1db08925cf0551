"""Durations as text: little-endian integers, compressed, in base64."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeloop.errors import ModelError

if TYPE_CHECKING:
    import numpy.typing as npt

_ENCODING = "zlib+base64"
_DTYPES = ("<u4", "<u8")

# 16 times the samples of the largest block; more is a file that was made to fill the memory.
MAX_BYTES = 1 << 27


def encode(durations_ns: npt.NDArray[Any]) -> dict[str, str]:
    """Return durations in ns as JSON-able text; 4 bytes each where they fit."""
    largest = int(durations_ns.max()) if durations_ns.size else 0
    dtype = "<u4" if largest <= np.iinfo(np.uint32).max else "<u8"
    packed = zlib.compress(durations_ns.astype(dtype).tobytes(), level=6)
    return {"dtype": dtype, _ENCODING: base64.b64encode(packed).decode("ascii")}


def decode(document: Any) -> npt.NDArray[np.uint64]:
    """Return the durations in ns. Raises ModelError where the text is not what `encode` writes."""
    try:
        dtype = document["dtype"]
        packed = base64.b64decode(document[_ENCODING], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"durations are not in the form {_ENCODING}: {error!r}") from error
    if dtype not in _DTYPES:
        raise ModelError(f"durations of dtype {dtype!r} are unknown; known: {', '.join(_DTYPES)}")
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, MAX_BYTES)
    except zlib.error as error:
        raise ModelError(f"durations cannot be unpacked: {error}") from error
    if not unpacker.eof or unpacker.unused_data:
        raise ModelError("durations are cut off, larger than any block, or followed by something")
    if len(data) % np.dtype(dtype).itemsize:
        raise ModelError(f"{len(data)} bytes are not whole durations of dtype {dtype}")
    return np.frombuffer(data, dtype=dtype).astype(np.uint64)
