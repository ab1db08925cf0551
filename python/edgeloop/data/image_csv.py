"""Pictures that a CSV file lists: file,label in every line."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Optional, Union

from edgeloop.data.images import Listing
from edgeloop.data.labels import ClassNames
from edgeloop.errors import ModelError

_FILE, _LABEL = "file", "label"


def list_csv(path: str, names: Optional[ClassNames]) -> Listing:
    """List the pictures of a CSV file; paths count from the folder it lies in.

    A first line `file,label` (in any order, beside other columns) names the columns; without it
    they are the first two, and with one column there are no labels. Labels are whole numbers, real
    numbers, or names of the file of class names. Raises ModelError with the line that is wrong.
    """
    folder = Path(path).resolve().parent
    paths: list[str] = []
    words: list[str] = []
    file_column, label_column = 0, 1
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            for row in reader:
                if not row or not "".join(row).strip():
                    continue
                lowered = [cell.strip().lower() for cell in row]
                if not paths and _FILE in lowered:
                    file_column = lowered.index(_FILE)
                    label_column = lowered.index(_LABEL) if _LABEL in lowered else len(row)
                    continue
                if file_column >= len(row):
                    raise ModelError(f"{path}, line {reader.line_num}: no file is named")
                paths.append(_inside(path, reader.line_num, folder, row[file_column].strip()))
                words.append(row[label_column].strip() if label_column < len(row) else "")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ModelError(f"{path} cannot be read as CSV: {error}") from error
    if not paths:
        raise ModelError(f"{path} lists no pictures; write a line 'file,label' for each")
    if not any(words):
        return Listing(paths, None, ("no labels: the lines name none",))
    return Listing(paths, [_label(path, word, names) for word in words])


def _inside(path: str, line: int, folder: Path, name: str) -> str:
    """Return the picture's path. Raises ModelError where it leads out of the CSV's folder."""
    place = os.path.normpath(folder / name)
    if not Path(place).is_relative_to(folder):
        raise ModelError(
            f"{path}, line {line}: '{name}' lies outside the folder of the CSV, {folder}; put the "
            "CSV into a folder above all its pictures"
        )
    return place


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
