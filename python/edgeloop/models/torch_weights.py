"""Count the numbers stored in a PyTorch file from the blocks that its pickle refers to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeloop.errors import ModelError
from edgeloop.models.pickle_scan import Storage

RULE = (
    "stored floating-point and quantised numbers; batch-norm statistics, and whatever else the "
    "file keeps beside the weights, are among them"
)

# Storage classes of PyTorch: name of the type, bytes of an element, counted as a parameter.
_STORAGES = {
    "FloatStorage": ("float32", 4, True),
    "HalfStorage": ("float16", 2, True),
    "BFloat16Storage": ("bfloat16", 2, True),
    "DoubleStorage": ("float64", 8, True),
    "ComplexFloatStorage": ("complex64", 8, True),
    "ComplexDoubleStorage": ("complex128", 16, True),
    "QInt8Storage": ("qint8", 1, True),
    "QUInt8Storage": ("quint8", 1, True),
    "QInt32Storage": ("qint32", 4, True),
    "CharStorage": ("int8", 1, True),
    "ByteStorage": ("uint8", 1, False),
    "ShortStorage": ("int16", 2, False),
    "IntStorage": ("int32", 4, False),
    "LongStorage": ("int64", 8, False),
    "BoolStorage": ("bool", 1, False),
}
_PRECISIONS = {"float32": "fp32", "float16": "fp16"}


@dataclass(frozen=True)
class Weights:
    """Stored numbers that may be parameters, by type; bytes are those of the counted ones."""

    elements: int
    stored_bytes: int
    by_type: Mapping[str, int]

    def precision(self) -> tuple[str | None, str]:
        """Return the name of the precision that the stored types suggest, and how."""
        kinds = sorted(self.by_type)
        how = f"the types of the stored numbers: {', '.join(kinds) or 'none'}"
        if len(kinds) == 1:
            return _PRECISIONS.get(kinds[0]), how
        if kinds and all(kind.startswith(("float", "bfloat")) for kind in kinds):
            return "mixed", how
        return None, f"{how}; what they are computed in is known only to PyTorch"


def count_weights(
    storages: Sequence[Storage], sizes: Mapping[str, int] | None, path: str
) -> Weights:
    """Add up storages; `sizes` are the bytes of each in the archive, None where not separate.

    Raises ModelError where a storage is missing or smaller than the pickle says.
    """
    counted: Counter[str] = Counter()
    stored = 0
    for storage in storages:
        dtype, width, counts = _STORAGES.get(storage.type_name, (storage.type_name, 1, False))
        needed = storage.elements * width
        held = needed if sizes is None else sizes.get(storage.key, -1)
        if storage.elements < 0 or held < needed:
            raise ModelError(
                f"{path} is damaged or cut short: {needed:,} bytes of weights are announced, "
                f"{max(held, 0):,} are there. Fetch or save it again"
            )
        if counts:
            counted[dtype] += storage.elements
            stored += needed
    return Weights(sum(counted.values()), stored, dict(counted))
