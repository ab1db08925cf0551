"""Samples from an .npy, and labels from another beside it; both are read in pieces.

Not mapped into memory: the pages of a mapped file count as the process's own until they are
wanted elsewhere, and a data set should cost a chunk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.data.npy_stream import MAGIC, NpyStream, RowReader
from edgeloop.data.npz import sample_count, unreadable
from edgeloop.data.source import ArraySpec, Chunk, Skipped, pieces
from edgeloop.errors import EdgeloopError, ModelError

if TYPE_CHECKING:
    import numpy.typing as npt

# Name of the samples' file → that of the labels beside it.
_PARTNERS = {"x": "y", "x_data": "y_data"}


class NpySource:
    """One .npy of samples under the name `key`, with the labels of another."""

    skipped: Sequence[Skipped] = ()
    turned = 0

    def __init__(self, path: str, key: str, y_path: Optional[str]) -> None:
        """Read the headers. Raises ModelError where a file is missing or they do not fit."""
        self.path = path
        self._key = key
        self.notes: list[str] = []
        if y_path is None:
            y_path = _partner(path)
            if y_path is not None:
                self.notes.append(f"labels: from {y_path}, which lies beside the samples")
        self._y_path = y_path
        headers = {name: _header(name) for name in (path, y_path) if name is not None}
        self.n = sample_count(path, {Path(name).name: h[0] for name, h in headers.items()})
        specs = {name: ArraySpec(dtype, shape[1:]) for name, (shape, dtype) in headers.items()}
        self.labels: Optional[ArraySpec] = None if y_path is None else specs[y_path]
        self.arrays: Mapping[str, ArraySpec] = {key: specs[path]}

    def chunks(self, most: int, rows: Optional[npt.NDArray[np.int64]] = None) -> Iterator[Chunk]:
        """Yield samples; those that are not wanted are passed over."""
        with ExitStack() as stack:
            x = _rows_of(self.path, stack)
            y = None if self._y_path is None else _rows_of(self._y_path, stack)
            for piece in pieces(self.n, rows, most):
                try:
                    chunk = Chunk({self._key: x.read(piece)}, None if y is None else y.read(piece))
                except ValueError as error:
                    raise unreadable(self.path, error) from error
                yield chunk


def is_npy(path: Path) -> bool:
    """Tell whether a file begins as an .npy does."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _rows_of(path: str, stack: ExitStack) -> RowReader:
    return RowReader(NpyStream(stack.enter_context(Path(path).open("rb"))))


def _header(path: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    if not Path(path).is_file():
        raise ModelError(f"the data file {path} does not exist")
    try:
        with Path(path).open("rb") as file:
            array = NpyStream(file)
            held = Path(path).stat().st_size - file.tell()
    except EdgeloopError:
        raise
    except Exception as error:
        raise unreadable(path, error) from error
    if held < array.nbytes:
        raise unreadable(path, ValueError(f"it is said to hold {array.nbytes} bytes, of {held}"))
    return array.shape, array.dtype


def _partner(path: str) -> Optional[str]:
    stem = _PARTNERS.get(Path(path).stem)
    if stem is None:
        return None
    partner = Path(path).with_name(f"{stem}.npy")
    return str(partner) if partner.is_file() else None
