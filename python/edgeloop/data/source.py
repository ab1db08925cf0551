"""What every kind of data set offers: its size, its arrays, and its samples piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, Protocol

import numpy as np

from edgeloop.data.picture import Placement

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True)
class ArraySpec:
    """dtype and shape of one sample, without the dimension that counts samples."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Chunk:
    """Some samples: `x` maps an array's name to (k, *sample shape); labels (k, ...) or None."""

    x: Mapping[str, npt.NDArray[Any]]
    labels: Optional[npt.NDArray[Any]]
    placements: Sequence[Placement] = ()
    """Of pictures: where each lies in the model's input."""

    @property
    def n(self) -> int:
        """The number of samples."""
        return len(next(iter(self.x.values())))


@dataclass(frozen=True)
class Skipped:
    """A sample that could not be read, and why."""

    name: str
    reason: str


class DataSource(Protocol):
    """A data set as it is stored; reading it never takes more memory than a chunk."""

    @property
    def path(self) -> str:
        """Where it was found."""
        ...

    @property
    def n(self) -> int:
        """Samples that are listed; some may turn out to be unreadable."""
        ...

    @property
    def arrays(self) -> Mapping[str, ArraySpec]:
        """What a sample consists of, by name."""
        ...

    @property
    def labels(self) -> Optional[ArraySpec]:
        """What a label is; None where the data has none."""
        ...

    @property
    def skipped(self) -> Sequence[Skipped]:
        """What could not be read so far."""
        ...

    @property
    def turned(self) -> int:
        """Pictures that were turned upright so far, as their EXIF orientation says."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What was decided for the user, one sentence each."""
        ...

    def chunks(self, most: int, rows: Optional[npt.NDArray[np.int64]] = None) -> Iterator[Chunk]:
        """Yield at most `most` samples at a time: all, or those numbered in `rows` (ascending).

        Raises ModelError where the file is damaged.
        """
        ...


def random_rows(n: int, count: int, seed: int) -> npt.NDArray[np.int64]:
    """Choose `count` of `n` samples at random, each once; all of them where there are no more."""
    chosen = np.random.default_rng(seed).choice(n, min(count, n), replace=False)
    return np.sort(chosen).astype(np.int64)


def pieces(
    n: int, rows: Optional[npt.NDArray[np.int64]], most: int
) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the numbers of at most `most` samples at a time: of all `n`, or those in `rows`.

    The numbers of all would be 8 bytes a sample, more than some sets have of data.
    """
    for start in range(0, n if rows is None else len(rows), most):
        if rows is None:
            yield np.arange(start, min(n, start + most))
        else:
            yield rows[start : start + most]
