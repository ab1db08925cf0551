"""A list of pictures as a data set: decoded and brought to size one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, Union

import numpy as np

from edgeloop.data.picture import UnreadablePictureError, decode, pixels, require_pillow, sized
from edgeloop.data.source import ArraySpec, Chunk, Skipped, pieces
from edgeloop.data.step_times import StepTimes
from edgeloop.errors import CheckFailedError, ModelError
from edgeloop.spec.inputs import Preprocess

if TYPE_CHECKING:
    import numpy.typing as npt

KEY = "image"


@dataclass(frozen=True)
class Listing:
    """Pictures and their labels, as a folder or a file lists them."""

    paths: Sequence[str]
    labels: Optional[Sequence[Union[int, float]]]
    notes: Sequence[str] = ()
    ordered: Optional[int] = None
    """So many class folders were numbered by their alphabetical order; None: by something else."""


@dataclass(frozen=True)
class PictureSize:
    """What the model takes: height, width and channels."""

    height: int
    width: int
    channels: int


class ImageSource:
    """Pictures, as arrays of (height, width, channels) in uint8."""

    def __init__(
        self,
        path: str,
        listing: Listing,
        preprocess: Preprocess,
        size: PictureSize,
        strict: bool,
        times: Optional[StepTimes] = None,
    ) -> None:
        """Take a listing; `times` notes how long each picture's decoding and resizing took.

        Raises ModelError where the options cannot give what the model takes.
        """
        require_pillow()
        self.path = path
        self.n = len(listing.paths)
        if not self.n:
            raise ModelError(f"{path} lists no pictures")
        self.notes = list(listing.notes)
        self.skipped: list[Skipped] = []
        self.turned = 0
        self._paths = listing.paths
        self._labels = None if listing.labels is None else np.asarray(listing.labels)
        self._preprocess = preprocess
        self._size = size
        self._color = _color(preprocess, size)
        self._strict = strict
        self._times = times
        _require_size(preprocess, size)
        shape = (size.height, size.width, size.channels)
        self.arrays: Mapping[str, ArraySpec] = {KEY: ArraySpec(np.dtype(np.uint8), shape)}
        self.labels = None if self._labels is None else ArraySpec(self._labels.dtype, ())

    def chunks(self, most: int, rows: Optional[npt.NDArray[np.int64]] = None) -> Iterator[Chunk]:
        """Yield pictures that can be read; the others are counted and named in `skipped`.

        Raises CheckFailedError for the first of those where `strict`, and ModelError where none
        of all can be read.
        """
        self.skipped.clear()
        self.turned = 0
        wanted = self.n if rows is None else len(rows)
        for piece in pieces(self.n, rows, most):
            read = [(row, self._read(int(row))) for row in piece]
            good = [(row, picture) for row, picture in read if picture is not None]
            if not good:
                continue
            labels = None if self._labels is None else self._labels[[row for row, _ in good]]
            yield Chunk({KEY: np.stack([picture for _, picture in good])}, labels)
        if len(self.skipped) == wanted:
            first = self.skipped[0]
            if wanted == 1:
                raise ModelError(f"the picture {first.name} cannot be read: {first.reason}")
            raise ModelError(
                f"none of the {wanted} pictures of {self.path} can be read; the first, "
                f"{first.name}: {first.reason}"
            )

    def _read(self, row: int) -> Optional[npt.NDArray[Any]]:
        path = self._paths[row]
        try:
            return self._timed(path)
        except UnreadablePictureError as error:
            if self._strict:
                raise CheckFailedError(
                    f"the picture {path} cannot be used: {error} (without --strict it is counted "
                    "and left out)"
                ) from error
            self.skipped.append(Skipped(path, str(error)))
            return None

    def _timed(self, path: str) -> npt.NDArray[Any]:
        times = StepTimes() if self._times is None else self._times
        with times.step("decode"):
            picture, turned = decode(path, self._color)
        self.turned += turned
        with times.step("resize"):
            return pixels(
                sized(picture, self._preprocess, self._size.height, self._size.width), self._color
            )


def _color(preprocess: Preprocess, size: PictureSize) -> str:
    color = preprocess.color or ("gray" if size.channels == 1 else "rgb")
    channels = 1 if color == "gray" else 3
    if channels != size.channels:
        raise ModelError(
            f"--color {color} gives {channels} channels, but the model takes {size.channels}"
        )
    return color


def _require_size(preprocess: Preprocess, size: PictureSize) -> None:
    """Raise ModelError where the options lead to another size than the model takes."""
    if preprocess.crop:
        given = (preprocess.crop[0], preprocess.crop[-1])
    elif len(preprocess.resize) == 2:
        given = (preprocess.resize[0], preprocess.resize[1])
    else:
        return
    if given != (size.height, size.width):
        raise ModelError(
            f"--resize and --crop give pictures of {given[0]}x{given[1]}, but the model takes "
            f"{size.height}x{size.width}"
        )
