"""Arrays of a program as a data set: an .npz for as long as a call takes."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeloop.errors import CannotWriteError, UsageError

if TYPE_CHECKING:
    import numpy.typing as npt

_FORMS = "give a path, an array, (x, y), or a dict of arrays by their names"


@contextmanager
def on_disk(data: object, x_key: str, y_key: str) -> Iterator[str]:
    """Yield the path of an .npz that holds `data` until the block ends, in a folder of its own.

    `data`: the samples (n, *shape), or (x, y) with one label for each, whose x may be a mapping
    of input names; or a mapping with the keys of an .npz. Raises UsageError for anything else,
    CannotWriteError where there is no room.
    """
    arrays = {name: _array(name, value) for name, value in _named(data, x_key, y_key).items()}
    with tempfile.TemporaryDirectory(prefix="edgeloop-data-") as folder:
        path = Path(folder) / "arrays.npz"
        try:
            with zipfile.ZipFile(path, "w") as archive:  # savez cannot write an array 'file'
                for name, array in arrays.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, array, allow_pickle=False)
        except OSError as error:
            raise CannotWriteError(
                f"the arrays of the data cannot be kept in {folder}: {error.strerror}; name a "
                "folder with room in TMPDIR"
            ) from error
        yield str(path)


def is_path(data: object) -> bool:
    """Tell whether data is named by a path."""
    return isinstance(data, (str, os.PathLike))


def _named(data: object, x_key: str, y_key: str) -> dict[str, object]:
    if isinstance(data, Mapping):
        return {str(name): value for name, value in data.items()}
    if isinstance(data, tuple) and len(data) == 2:
        x, y = data
        inputs = _named(x, x_key, y_key)
        return inputs if y is None else {**inputs, y_key: y}
    if hasattr(data, "__array__"):
        return {x_key: data}
    raise UsageError(f"data is a {type(data).__name__}, neither a path nor arrays; {_FORMS}")


def _array(name: str, value: object) -> npt.NDArray[Any]:
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:  # torch: on a GPU, with a gradient
        raise UsageError(f"'{name}' of the data is not an array: {error}") from error
    if array.dtype.hasobject:
        raise UsageError(f"'{name}' of the data holds Python objects; numbers are wanted")
    return array
