"""Data sets of pictures with boxes: COCO's json.

It is read in pieces, and some numbers for each box stay in memory. It may be anybody's: a picture
that it names lies in the folder of the pictures.
"""

from __future__ import annotations

import json
import os
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Optional, Protocol

import numpy as np

from edgeloop.data.labels import ClassNames
from edgeloop.data.source import Skipped
from edgeloop.errors import ModelError, plain
from edgeloop.metrics.average_precision import Truth

if TYPE_CHECKING:
    import numpy.typing as npt

_PIECE = 1 << 20
_MOST_VALUE = 64 << 20
_SPACE = re.compile(r"\s*")

_IMAGES_HINT = "name their folder with --images DIR"


@dataclass(frozen=True)
class Category:
    """A class of a data set: the number that its files give it, and its name."""

    id: int
    name: str
    objects: int = 1
    """In the whole data set; a category without any is in no metric."""


class BoxSet(Protocol):
    """Pictures and the objects in them."""

    @property
    def kind(self) -> str:
        """What the files are, in words."""
        ...

    @property
    def categories(self) -> Sequence[Category]:
        """The classes, in the order of their numbers."""
        ...

    @property
    def pictures(self) -> Sequence[str]:
        """The paths of the pictures."""
        ...

    @property
    def faults(self) -> Sequence[Skipped]:
        """Boxes so far that were left out or cut."""
        ...

    def truth(self, picture: int, width: int, height: int) -> Truth:
        """Return what is in a picture, numbered from 0, of this size in pixels."""
        ...


class CocoBoxes:
    """COCO's json: `images`, `annotations` and `categories` (cocodataset.org/#format-data)."""

    kind = "COCO json"

    def __init__(self, path: str, images: Optional[str] = None) -> None:
        """Read the numbers of a json of any size. Raises ModelError that says what is wrong."""
        self.faults: list[Skipped] = []
        self.points = 0
        """Keypoints of each object; 0 where the file has none."""
        names: list[str] = []
        ids: list[int] = []
        known: dict[int, str] = {}
        rows, points = array("d"), array("d")
        with _fields_of(path):
            for key, item in json_items(path):
                if key == "images":
                    ids.append(int(item["id"]))
                    names.append(str(item["file_name"]))
                elif key == "categories":
                    known[int(item["id"])] = str(item["name"])
                elif key == "annotations":
                    self._keep(item, rows, points)
        for what, found in (("images", names), ("categories", known)):
            if not found:
                raise ModelError(f"{path} is not a COCO json: it has no '{what}'")
        table = np.frombuffer(rows, np.float64).reshape(-1, 8)
        objects = Counter(table[:, 1].astype(np.int64).tolist())
        self.categories = [
            Category(number, known[number], objects[number]) for number in sorted(known)
        ]
        folder = _folder_of_pictures(Path(path), names[0], images)
        self.pictures = [_inside(folder, name, path) for name in names]
        self._names = names
        places = {number: place for place, number in enumerate(ids)}
        owner = np.array([places.get(int(number), -1) for number in table[:, 0]], np.int64)
        if (owner < 0).any():
            raise ModelError(
                f"{path}: an annotation is of the picture {int(table[owner < 0][0, 0])}, which is "
                "not among its 'images'"
            )
        classes = {one.id: place for place, one in enumerate(self.categories)}
        numbers = np.array([classes.get(int(number), -1) for number in table[:, 1]], np.int64)
        if (numbers < 0).any():
            raise ModelError(
                f"{path}: an annotation is of the category {int(table[numbers < 0][0, 1])}, which "
                "is not among its 'categories'"
            )
        order = np.argsort(owner, kind="stable")
        self._starts = np.searchsorted(owner[order], np.arange(len(ids) + 1))
        self._classes = numbers[order]
        self._table = table[order]
        self._points = None
        if self.points:
            self._points = np.frombuffer(points).reshape(-1, self.points, 3)[order]

    def _keep(self, item: Any, rows: array[float], points: array[float]) -> None:
        x, y, width, height = (float(value) for value in item["bbox"])
        crowd = float(bool(item.get("iscrowd", 0)))
        area = float(item.get("area", width * height))
        rows.extend((
            float(item["image_id"]), float(item["category_id"]),
            x, y, x + width, y + height, crowd, area,
        ))  # fmt: skip
        found = item.get("keypoints")
        if found is not None:
            self.points = self.points or len(found) // 3
            points.extend(float(value) for value in found)

    def truth(self, picture: int, width: int, height: int) -> Truth:
        """Return the objects of a picture; boxes are cut where they leave it."""
        own = slice(self._starts[picture], self._starts[picture + 1])
        table = self._table[own]
        crowd = table[:, 6] > 0
        boxes, kept = _cut(table[:, 2:6], width, height, self._names[picture], self.faults)
        points = None if self._points is None else self._points[own][kept]
        ignored = crowd[kept]
        if points is not None:  # an object without a labelled point cannot be found by its points
            ignored = ignored | ~(points[:, :, 2] > 0).any(axis=1)
        return Truth(boxes, self._classes[own][kept], crowd[kept], ignored, points, table[kept, 7])


def open_boxes(path: Path, images: Optional[str], names: Optional[ClassNames]) -> Optional[BoxSet]:
    """Open a data set of boxes; None where the path is not one. Raises ModelError."""
    if path.suffix.lower() == ".json" and path.is_file():
        return CocoBoxes(str(path), images)
    return None


def json_items(path: str) -> Iterator[tuple[str, Any]]:
    """Yield (key, element) of the lists in a JSON object, one after the other, and other values.

    One element at a time is in memory. Raises ModelError where it is not a JSON object.
    """
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            reader = _JsonReader(file)
            reader.take("{")
            while not reader.next_is("}"):
                key = str(reader.value())
                reader.take(":")
                if not reader.next_is("["):
                    yield key, reader.value()
                else:
                    while not reader.next_is("]"):
                        yield key, reader.value()
                        reader.next_is(",")
                reader.next_is(",")
    except (ValueError, RecursionError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} cannot be read as JSON: {plain(str(error))}") from error


class _JsonReader:
    """Reads one value after the other from a text that is longer than what it holds."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._text = ""
        self._at = 0
        self._ended = False
        self._decoder = json.JSONDecoder()

    def take(self, wanted: str) -> None:
        """Pass a character that has to come next."""
        if not self.next_is(wanted):
            raise ValueError(f"'{wanted}' is missing before '{self._text[self._at :][:20]}'")

    def next_is(self, wanted: str) -> bool:
        """Pass a character where it comes next."""
        found = self._look()
        if not found:
            raise ValueError("it ends in the middle")
        self._at += found == wanted
        return found == wanted

    def value(self) -> Any:
        """Pass the next value and return it."""
        self._look()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except ValueError:
                if self._ended:
                    raise
            else:
                if end < len(self._text) or self._ended:  # else a number may go on
                    self._at = end
                    return value
            self._more()

    def _look(self) -> str:
        """Return the next character that is not white space; nothing at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._more()

    def _more(self) -> None:
        piece = self._file.read(_PIECE)
        self._ended = not piece
        self._text, self._at = self._text[self._at :] + piece, 0
        if len(self._text) > _MOST_VALUE:
            raise ValueError(f"one value is longer than {_MOST_VALUE >> 20} MB")


@contextmanager
def _fields_of(path: str) -> Iterator[None]:
    """Turn what a field of an unexpected kind raises into a ModelError."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"has no {error}" if isinstance(error, KeyError) else f"is odd: {error}"
        raise ModelError(
            f"{path} is not a COCO json: an entry {plain(what)} (images have id and file_name, "
            "categories id and name, annotations image_id, category_id and bbox, all ids numbers)"
        ) from error


def _folder_of_pictures(path: Path, first: str, images: Optional[str]) -> Path:
    """Return the folder that the names of pictures count from.

    COCO keeps annotations/instances_val2017.json beside val2017/.
    """
    if images is not None:
        return Path(images)
    split = path.stem.rsplit("_", 1)[-1]
    here, above = path.parent, path.parent.parent
    candidates = [here, here / "images", here / split, above / split, above / "images" / split,
                  above / "images"]  # fmt: skip
    for folder in candidates:
        if (folder / first).is_file():
            return folder
    raise ModelError(
        f"the picture {plain(first)} of {path} is not in {here}, {here / 'images'} or "
        f"{above / split}; {_IMAGES_HINT}"
    )


def _inside(folder: Path, name: str, path: str) -> str:
    """Return the path of a picture in its folder. Raises ModelError where it leads out of it."""
    whole = os.path.normpath(folder / name)
    if Path(os.path.relpath(whole, folder)).parts[0] == os.pardir:
        raise ModelError(
            f"{path} names the picture {plain(name)}, which is outside {folder}; {_IMAGES_HINT}"
        )
    return whole


def _cut(
    boxes: npt.NDArray[np.float64], width: int, height: int, name: str, faults: list[Skipped]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return the boxes that have an area in a picture, cut at its edges, and which these are.

    A box that reaches out by more than a pixel, or is left out, is a fault.
    """
    cut = np.clip(boxes, 0.0, [width, height, width, height])
    kept = (cut[:, 2] > cut[:, 0]) & (cut[:, 3] > cut[:, 1]) & np.isfinite(boxes).all(axis=1)
    beyond = np.abs(np.where(np.isfinite(boxes), boxes - cut, 0.0)).max(axis=1, initial=0.0)
    for box, good, far in zip(boxes, kept, beyond):
        if not good or far > 1.0:
            said = ", ".join(f"{value:g}" for value in box)
            why = "left out: it has no area in" if not good else "cut: it reaches out of"
            faults.append(Skipped(name, f"the box {said} is {why} its {width}x{height} pixels"))
    return np.where(beyond[kept, None] > 1.0, cut[kept], boxes[kept]), kept
