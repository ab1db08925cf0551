"""Pictures in folders, one folder for each class."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from edgeloop.data.images import Listing
from edgeloop.data.labels import ClassNames
from edgeloop.data.picture import SUFFIXES
from edgeloop.errors import ModelError

# Of archives and file managers; no class is called so.
_NO_CLASS = ("__MACOSX", "@eaDir")

_MOST_NAMED = 5


def list_folder(path: str, names: Optional[ClassNames]) -> Listing:
    """List the pictures of every class folder, or those of a folder without any (no labels).

    A class's number is its folder's name where all are numbers, else that of its name in the file
    of class names, else its place in the sorted list, which is said. A folder without pictures is
    no class. Raises ModelError where a folder's name is not a class, or there is no picture.
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
        notes.append(f"folders without pictures are no classes: {_named(empty)}")
    return Listing(
        paths=[picture for name in classes for picture in found[name]],
        labels=[number for name, number in zip(classes, numbers) for _ in found[name]],
        notes=notes,
        ordered=len(classes) if note.startswith(_BY_ORDER) else None,
    )


_BY_ORDER = "labels: the folders' places in alphabetical order"


def _numbers(
    path: str, classes: Sequence[str], names: Optional[ClassNames]
) -> tuple[list[int], str]:
    known = [None if names is None else names.number(name) for name in classes]
    found = [number for number in known if number is not None]
    if names is not None and len(found) == len(classes):
        return found, f"labels: by {names.path}"
    if all(name.isdecimal() for name in classes):
        return [int(name) for name in classes], "labels: the numbers that the folders are called"
    if names is None:
        first = ", ".join(f"{name} = {number}" for number, name in enumerate(classes[:3]))
        note = f"{_BY_ORDER} ({first}, ...); say --labels FILE where the model's order is another"
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
