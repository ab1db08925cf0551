"""Samples and labels from the arrays of an .npz or .npy, which is read in pieces."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.data.npy_stream import MAGIC, NpyStream, RowReader
from edgeloop.data.source import ArraySpec, Chunk, Skipped, pieces
from edgeloop.errors import EdgeloopError, ModelError, plain

if TYPE_CHECKING:
    import numpy.typing as npt

# Name of the samples' file → that of the labels beside it.
_PARTNERS = {"x": "y", "x_data": "y_data"}

_SUFFIX = ".npy"


class NpzSource:
    """The arrays of an .npz by their keys; the order in the file means nothing."""

    skipped: Sequence[Skipped] = ()
    turned = 0
    notes: Sequence[str] = ()

    def __init__(self, path: str, keys: Sequence[str], y_key: str) -> None:
        """Read the headers of the arrays `keys`, and of the labels where there are some.

        Raises ModelError where one is missing or they do not belong together.
        """
        self.path = path
        self._keys = tuple(keys)
        try:
            with zipfile.ZipFile(path) as archive:
                known = [name[: -len(_SUFFIX)] for name in archive.namelist() if _is_array(name)]
                _require_keys(path, self._keys, known)
                self._y_key = y_key if y_key in known and y_key not in self._keys else None
                headers = {key: _header(archive, key) for key in self._all_keys()}
        except EdgeloopError:
            raise
        except Exception as error:
            raise unreadable(path, error) from error
        self.n = sample_count(path, {key: header[0] for key, header in headers.items()})
        specs = {key: ArraySpec(dtype, shape[1:]) for key, (shape, dtype) in headers.items()}
        self.labels: Optional[ArraySpec] = specs.pop(self._y_key) if self._y_key else None
        self.arrays: Mapping[str, ArraySpec] = specs

    def chunks(self, most: int, rows: Optional[npt.NDArray[np.int64]] = None) -> Iterator[Chunk]:
        """Yield samples from the archive, of which one piece at a time is unpacked."""
        try:
            with ExitStack() as stack:
                archive = stack.enter_context(zipfile.ZipFile(self.path))
                readers = {
                    key: RowReader(NpyStream(stack.enter_context(archive.open(key + _SUFFIX))))
                    for key in self._all_keys()
                }
                for piece in pieces(self.n, rows, most):
                    read = {key: reader.read(piece) for key, reader in readers.items()}
                    labels = read.pop(self._y_key) if self._y_key else None
                    yield Chunk(read, labels)
        except EdgeloopError:
            raise
        except Exception as error:
            raise unreadable(self.path, error) from error

    def _all_keys(self) -> tuple[str, ...]:
        return self._keys if self._y_key is None else (*self._keys, self._y_key)


def unreadable(path: str, error: Exception) -> ModelError:
    """Return the error for a file that is damaged.

    NumPy and zipfile raise a dozen kinds for those, from zlib.error to tokenize.TokenError.
    """
    return ModelError(
        f"the data file {path} cannot be read as .npz or .npy ({plain(str(error), 200)}); "
        "write it with numpy.savez(path, x_data=..., y_data=...)"
    )


def sample_count(path: str, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Return the number of samples that all arrays have. Raises ModelError where it is none."""
    for key, shape in shapes.items():
        if not shape:
            raise ModelError(f"{path}: '{key}' is a single value and not one per sample")
    counts = {shape[0] for shape in shapes.values()}
    if len(counts) != 1:
        raise ModelError(f"{path}: the arrays have different numbers of samples: {sorted(counts)}")
    n = counts.pop()
    if n == 0:
        raise ModelError(f"{path} has no samples")
    return n


def _is_array(name: str) -> bool:
    return name.endswith(_SUFFIX)


def _header(archive: zipfile.ZipFile, key: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    with archive.open(key + _SUFFIX) as member:
        try:
            array = NpyStream(member)
        except ValueError as error:
            raise ValueError(f"'{key}': {error}") from error
        size = archive.getinfo(key + _SUFFIX).file_size
        if size < array.nbytes:
            raise ValueError(f"'{key}' claims to hold {array.nbytes} bytes, of {size} stored")
    return array.shape, array.dtype


def _require_keys(path: str, keys: Sequence[str], known: Sequence[str]) -> None:
    missing = [key for key in keys if key not in known]
    if not missing:
        return
    hint = " (name the right one with --x-key)" if len(keys) == 1 else ""
    raise ModelError(
        f"{path} has no array '{missing[0]}'; it has {', '.join(sorted(known)) or 'none'}{hint}"
    )


def is_zip(path: Path) -> bool:
    """Return whether a file begins as a zip archive does."""
    with path.open("rb") as file:
        return file.read(2) == b"PK"


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
        headers = {name: _npy_header(name) for name in (path, y_path) if name is not None}
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
    """Return whether a file begins as an .npy does."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _rows_of(path: str, stack: ExitStack) -> RowReader:
    return RowReader(NpyStream(stack.enter_context(Path(path).open("rb"))))


def _npy_header(path: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
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
        raise unreadable(path, ValueError(f"it claims to hold {array.nbytes} bytes, of {held}"))
    return array.shape, array.dtype


def _partner(path: str) -> Optional[str]:
    stem = _PARTNERS.get(Path(path).stem)
    if stem is None:
        return None
    partner = Path(path).with_name(f"{stem}.npy")
    return str(partner) if partner.is_file() else None
