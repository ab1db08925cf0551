"""What a run needs on the board: its model and data, with all that belongs to them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgeloop.data.images import csv_lines
from edgeloop.errors import ModelError
from edgeloop.models.formats import detect_format
from edgeloop.models.identity import model_files, sha256_of, sha256_of_parts
from edgeloop.spec.load import NULL_MODEL
from edgeloop.spec.option import files_of
from edgeloop.spec.run import RunSpec


@dataclass(frozen=True)
class Copy:
    """A file or folder to be on the board, with what lies beside it and belongs to it."""

    name: str
    """What is named there, relative to the copy's folder."""
    files: Mapping[str, Path]
    """Relative name there → file here."""
    hashes: Mapping[str, str]

    @property
    def digest(self) -> str:
        """The hash of all names and hashes: an equal file of another name is another copy."""
        return sha256_of_parts(self.hashes)


def copies_of(spec: RunSpec) -> dict[str, Copy]:
    """Return field → what has to be on the board. Raises ModelError where a file is missing."""
    found = {}
    # A library, a delegate and an interpreter are the board's own.
    for name in files_of(RunSpec):
        value = getattr(spec, name)
        if value is None or (name == "model" and value == NULL_MODEL):
            continue
        found[name] = _copy(Path(value), is_model=name == "model")
    return found


def on_board(spec: RunSpec, paths: Mapping[str, str]) -> RunSpec:
    """Return the run as the board does it: with its own paths and its own interpreter."""
    changes: dict[str, Any] = {**paths, "host": None, "python": None}
    return replace(spec, **changes)


def _copy(path: Path, *, is_model: bool) -> Copy:
    if is_model:
        detect_format(path)
    elif not path.exists():
        raise ModelError(f"{path} does not exist; check the path")
    if not is_model and path.suffix.lower() == ".csv" and path.is_file():
        return _listed(path)
    # Data and labels are one file or one folder.
    files = model_files(path) if is_model or path.is_dir() else {path.name: path}
    return _hashed(path.name, files)


def _listed(path: Path) -> Copy:
    """Return a CSV with its pictures, in the folder that holds them all.

    A picture that is missing here is missing there, and is reported as on this machine. Raises
    ModelError for one that is named by an absolute path.
    """
    named = [one.file for one in csv_lines(str(path))]
    absolute = next((name for name in named if Path(name).is_absolute()), None)
    if absolute is not None:
        raise ModelError(
            f"{path} names {absolute} by an absolute path, which the board does not have; write "
            "the paths as they are seen from the CSV's folder"
        )
    table = path.resolve()
    wanted = [table, *(Path(os.path.normpath(table.parent / name)) for name in named)]
    root = os.path.commonpath([one.parent for one in wanted])
    files = {one.relative_to(root).as_posix(): one for one in wanted if one.is_file()}
    return _hashed(table.relative_to(root).as_posix(), files)


def _hashed(name: str, files: Mapping[str, Path]) -> Copy:
    return Copy(name, files, {inner: sha256_of(one) for inner, one in files.items()})
