"""Durations as text: little-endian integers, compressed, in base64."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.errors import ModelError

if TYPE_CHECKING:
    import numpy.typing as npt

_ENCODING = "zlib+base64"
_DTYPES = ("<u4", "<u8")

# 16 times the samples of the largest block; more is a file that was made to fill the memory.
MAX_BYTES = 1 << 27
# Of all blocks of a result: some millions, and more where the text is long. A character of it
# stands for less than a sample; where all durations are equal it stands for some hundred.
_MOST_SAMPLES, _SAMPLES_PER_CHARACTER = 4_000_000, 8


class SampleBudget:
    """How many samples the blocks of one result may still hold."""

    def __init__(self) -> None:
        self.left = _MOST_SAMPLES


def encode(durations_ns: npt.NDArray[Any]) -> dict[str, str]:
    """Return durations in ns as JSON-able text; 4 bytes each where they fit."""
    largest = int(durations_ns.max()) if durations_ns.size else 0
    dtype = "<u4" if largest <= np.iinfo(np.uint32).max else "<u8"
    packed = zlib.compress(durations_ns.astype(dtype).tobytes(), level=6)
    return {"dtype": dtype, _ENCODING: base64.b64encode(packed).decode("ascii")}


def decode(document: Any, budget: Optional[SampleBudget] = None) -> npt.NDArray[np.uint64]:
    """Return the durations in ns; `budget` is that of the blocks of one result.

    Raises ModelError where the text is not what `encode` writes, or more than the budget.
    """
    budget = budget or SampleBudget()
    try:
        dtype = document["dtype"]
        packed = base64.b64decode(document[_ENCODING], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"durations are not in the form {_ENCODING}: {error!r}") from error
    if dtype not in _DTYPES:
        raise ModelError(f"durations of dtype {dtype!r} are unknown; known: {', '.join(_DTYPES)}")
    budget.left += len(packed) * _SAMPLES_PER_CHARACTER
    most = min(MAX_BYTES, budget.left * np.dtype(dtype).itemsize)
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, max(1, most))
    except zlib.error as error:
        raise ModelError(f"durations cannot be unpacked: {error}") from error
    if not unpacker.eof or unpacker.unused_data:
        raise ModelError(
            "durations are truncated, larger than any block or run, or followed by other data"
        )
    if len(data) % np.dtype(dtype).itemsize:
        raise ModelError(f"{len(data)} bytes are not whole durations of dtype {dtype}")
    budget.left -= len(data) // np.dtype(dtype).itemsize
    return np.frombuffer(data, dtype=dtype).astype(np.uint64)
