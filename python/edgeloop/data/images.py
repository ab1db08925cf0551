"""Pictures as a data set, from a folder, a list or one by one, decoded in turn."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Union

import numpy as np

from edgeloop.data.labels import ClassNames
from edgeloop.data.picture import (
    SUFFIXES,
    Placement,
    UnreadablePictureError,
    decode,
    pixels,
    require_pillow,
    sized,
)
from edgeloop.data.source import ArraySpec, Chunk, Skipped, pieces
from edgeloop.data.step_times import StepTimes
from edgeloop.errors import CheckFailedError, ModelError
from edgeloop.spec.inputs import Preprocess

if TYPE_CHECKING:
    import numpy.typing as npt

# Left by archives and file managers; never the name of a class.
_NO_CLASS = ("__MACOSX", "@eaDir")

_MOST_NAMED = 5


_BY_ORDER = "labels: the folders' places in alphabetical order"

_FILE, _LABEL = "file", "label"

KEY = "image"


@dataclass(frozen=True)
class Listing:
    """Pictures and their labels, as a folder or a file lists them."""

    paths: Sequence[str]
    labels: Optional[Sequence[Union[int, float]]]
    notes: Sequence[str] = ()
    ordered: Optional[int] = None
    """How many class folders were numbered in alphabetical order; None: numbered otherwise."""


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
            yield Chunk(
                {KEY: np.stack([picture for _, (picture, _) in good])},
                labels,
                [placement for _, (_, placement) in good],
            )
        if len(self.skipped) == wanted:
            first = self.skipped[0]
            if wanted == 1:
                raise ModelError(f"the picture {first.name} cannot be read: {first.reason}")
            raise ModelError(
                f"none of the {wanted} pictures of {self.path} can be read; the first, "
                f"{first.name}: {first.reason}"
            )

    def _read(self, row: int) -> Optional[tuple[npt.NDArray[Any], Placement]]:
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

    def _timed(self, path: str) -> tuple[npt.NDArray[Any], Placement]:
        times = StepTimes() if self._times is None else self._times
        with times.step("decode"):
            picture, turned = decode(path, self._color)
        self.turned += turned
        with times.step("resize"):
            fitted, placement = sized(
                picture, self._preprocess, self._size.height, self._size.width
            )
            return pixels(fitted, self._color), placement


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


def list_csv(path: str, names: Optional[ClassNames]) -> Listing:
    """List the pictures of a CSV file; paths count from the folder it lies in.

    A first line `file,label` (in any order, beside other columns) names the columns; without it
    they are the first two, and with one column there are no labels. Labels are whole numbers, real
    numbers, or names of the file of class names. Raises ModelError with the line that is wrong.
    """
    lines = list(csv_lines(path))
    if not lines:
        raise ModelError(f"{path} lists no pictures; write a line 'file,label' for each")
    folder = Path(path).resolve().parent
    paths = [os.path.normpath(folder / line.file) for line in lines]
    if not any(line.label for line in lines):
        return Listing(paths, None, ("no labels: the lines name none",))
    return Listing(paths, [_label(path, line.label, names) for line in lines])


@dataclass(frozen=True)
class CsvLine:
    """A picture of a CSV file."""

    file: str
    """As it is written: seen from the CSV's folder."""
    label: str
    """Empty where there is none."""


def csv_lines(path: str) -> Iterator[CsvLine]:
    """Yield the pictures that a CSV names, as `list_csv` reads it; labels are not looked at."""
    file_column, label_column = 0, 1
    first = True
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            for row in reader:
                if not row or not "".join(row).strip():
                    continue
                lowered = [cell.strip().lower() for cell in row]
                if first and _FILE in lowered:
                    file_column = lowered.index(_FILE)
                    label_column = lowered.index(_LABEL) if _LABEL in lowered else len(row)
                    continue
                if file_column >= len(row):
                    raise ModelError(f"{path}, line {reader.line_num}: no file is named")
                first = False
                label = row[label_column].strip() if label_column < len(row) else ""
                yield CsvLine(row[file_column].strip(), label)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ModelError(f"{path} cannot be read as CSV: {error}") from error


def _label(path: str, word: str, names: Optional[ClassNames]) -> Union[int, float]:
    if not word:
        raise ModelError(f"{path}: some pictures have a label and some have none")
    known = None if names is None else names.number(word)
    if known is not None:
        return known
    try:
        return int(word)
    except ValueError:
        pass
    try:
        return float(word)
    except ValueError:
        if names is not None:
            raise ModelError(f"{path}: the label {names.unknown(word)}") from None
        raise ModelError(
            f"{path}: the label '{word}' is not a number; --labels FILE names the classes"
        ) from None


def list_folder(path: str, names: Optional[ClassNames]) -> Listing:
    """List the pictures of every class folder, or those of a folder without any (no labels).

    A class's number is its folder's name where all are numbers, else that of its name in the file
    of class names, else its place in the sorted list, which is noted. A folder without pictures is
    not a class. Raises ModelError where a folder's name is not a class, or there is no picture.
    """
    folder = Path(path)
    inner = sorted(
        entry.name
        for entry in folder.iterdir()
        if entry.is_dir() and entry.name[0] != "." and entry.name not in _NO_CLASS
    )
    found = {name: pictures_in(folder / name) for name in inner}
    classes = [name for name in inner if found[name]]
    if not classes:
        pictures = pictures_in(folder)
        if not pictures:
            raise ModelError(
                f"{path} holds neither pictures ({', '.join(SUFFIXES)}) nor a folder for each class"
            )
        return Listing(pictures, None, ("no labels: the pictures lie in no folder of a class",))
    numbers, note = _numbers(path, classes, names)
    notes = [note]
    if len(classes) < len(inner):
        empty = [name for name in inner if not found[name]]
        notes.append(f"folders without pictures are not classes: {_named(empty)}")
    return Listing(
        paths=[picture for name in classes for picture in found[name]],
        labels=[number for name, number in zip(classes, numbers) for _ in found[name]],
        notes=notes,
        ordered=len(classes) if note.startswith(_BY_ORDER) else None,
    )


def _numbers(
    path: str, classes: Sequence[str], names: Optional[ClassNames]
) -> tuple[list[int], str]:
    known = [None if names is None else names.number(name) for name in classes]
    found = [number for number in known if number is not None]
    if names is not None and len(found) == len(classes):
        return found, f"labels: by {names.path}"
    if all(name.isdecimal() for name in classes):
        return [int(name) for name in classes], "labels: the folders' names, which are numbers"
    if names is None:
        first = ", ".join(f"{name} = {number}" for number, name in enumerate(classes[:3]))
        note = f"{_BY_ORDER} ({first}, ...); give --labels FILE if the model's order is different"
        return list(range(len(classes))), note
    unknown = next(name for name, number in zip(classes, known) if number is None)
    raise ModelError(f"{path}: the folder {names.unknown(unknown)}")


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def pictures_in(folder: Path) -> list[str]:
    """Return the pictures in a folder and those below it, sorted."""
    found: list[str] = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name[0] != ".")
        found += [
            str(Path(place) / name)
            for name in sorted(files)
            if name[0] != "." and Path(name).suffix.lower() in SUFFIXES
        ]
    return found
