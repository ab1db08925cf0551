"""The local files that a run names: which they are, and their copies on the board."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any

from edgeloop.errors import ModelError, NotAvailableError
from edgeloop.models.formats import detect_format, sha256_of
from edgeloop.spec.load import NULL_MODEL
from edgeloop.spec.run import RunSpec

# Fields of RunSpec that name a file or folder here; a library, a delegate and an interpreter are
# the board's own.
FIELDS = ("model", "data", "package", "model_class_path", "y_file", "labels")


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
        """The hash of the only file, else of all names and hashes."""
        if set(self.files) == {self.name}:
            return self.hashes[self.name]
        lines = "".join(f"{name}\0{self.hashes[name]}\n" for name in sorted(self.files))
        return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def copies_of(spec: RunSpec) -> dict[str, Copy]:
    """Return field → what has to be on the board. Raises ModelError where a file is missing."""
    known = {one.name for one in fields(RunSpec)}
    found = {}
    for name in FIELDS:
        value = getattr(spec, name) if name in known else None
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
        found = detect_format(path).format
    elif not path.exists():
        raise ModelError(f"{path} does not exist; check the path")
    else:
        found = ""
    if path.is_dir():
        inside = sorted(one for one in path.rglob("*") if one.is_file())
        files = {f"{path.name}/{one.relative_to(path).as_posix()}": one for one in inside}
    else:
        files = {path.name: path}
        if found == "onnx":
            files.update(_external_data(path))
    return Copy(path.name, files, {name: sha256_of(one) for name, one in files.items()})


def _external_data(path: Path) -> dict[str, Path]:
    """Return the weight files beside an ONNX model that it refers to; none without onnx here."""
    from edgeloop.models.onnx_graph import load
    from edgeloop.models.onnx_parameters import count_parameters

    try:
        names = count_parameters(load(path), str(path)).files
    except NotAvailableError:
        return {}
    inside = [name for name in names if ".." not in PurePosixPath(name).parts and name[:1] != "/"]
    return {name: path.parent / name for name in inside if (path.parent / name).is_file()}
