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


def list_folder(path: str, names: Optional[ClassNames]) -> Listing:
    """List the pictures of every class folder, or those of a folder without any (no labels).

    A class's number is its folder's name where all are numbers, else its line in the file of class
    names, else its place in the sorted list, which is said. Raises ModelError where a folder's name
    is no class, or there is no picture.
    """
    folder = Path(path)
    classes = sorted(
        entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name[0] != "."
    )
    if not classes:
        pictures = _pictures(folder)
        if not pictures:
            raise ModelError(
                f"{path} holds neither pictures ({', '.join(SUFFIXES)}) nor a folder for each class"
            )
        return Listing(pictures, None, ("no labels: the pictures lie in no folder of a class",))
    numbers, note = _numbers(path, classes, names)
    paths: list[str] = []
    labels: list[int] = []
    for name, number in zip(classes, numbers):
        found = _pictures(folder / name)
        paths += found
        labels += [number] * len(found)
    if not paths:
        raise ModelError(f"{path}: the folders {', '.join(classes[:5])} hold no pictures")
    return Listing(paths, labels, (note,))


def _numbers(
    path: str, classes: Sequence[str], names: Optional[ClassNames]
) -> tuple[list[int], str]:
    if all(name.isdecimal() for name in classes):
        return [int(name) for name in classes], "labels: the numbers that the folders are called"
    if names is None:
        first = ", ".join(f"{name} = {number}" for number, name in enumerate(classes[:3]))
        note = (
            f"labels: the folders' places in alphabetical order ({first}, ...); say --labels FILE "
            "where the model's order is another one"
        )
        return list(range(len(classes))), note
    found = [names.number(name) for name in classes]
    unknown = [name for name, number in zip(classes, found) if number is None]
    if unknown:
        raise ModelError(
            f"{path}: the folder '{unknown[0]}' is no class of {names.path}, which names "
            f"{len(names.names)}: {', '.join(names.names[:5])}, ..."
        )
    return [number for number in found if number is not None], f"labels: by {names.path}"


def _pictures(folder: Path) -> list[str]:
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
