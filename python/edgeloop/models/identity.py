"""Which files a model consists of, and one digest of them all, which no other model has.

A digest of the main file alone is the same for two trainings of one ONNX graph whose weights lie
beside it, for two IRs, and for one checkpoint with two classes.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Optional

from edgeloop.errors import ModelError
from edgeloop.models.formats import detect_format

_CHUNK = 1 << 20

# TensorProto.external_data is a list of StringStringEntryProto {1: key, 2: value}. The entry with
# the key "location" is searched for as bytes: it is then found in every graph, function, attribute
# and sparse tensor, without the package onnx, at the cost of reading the file once.
_LOCATION = b"\x0a\x08location\x12"
_LONGEST_NAME = 4096


def model_files(model: str | Path) -> dict[str, Path]:
    """Return name → file of all files that a model consists of, the main one first.

    Names are relative to the folder that the model lies in. A file that the model names and that
    is missing, or lies outside of that folder, is left out: no runtime loads it from there.
    Raises ModelError where the model cannot be read.
    """
    target = Path(model)
    try:
        if target.is_dir():
            inside = sorted(one for one in target.rglob("*") if one.is_file())
            return {f"{target.name}/{one.relative_to(target).as_posix()}": one for one in inside}
        beside = dict.fromkeys(_beside(target))
    except OSError as error:
        raise ModelError(f"{target} cannot be read: {error.strerror or error}") from error
    found = {target.name: target}
    for name in beside:
        inner = PurePosixPath(name)
        if inner.is_absolute() or ".." in inner.parts or "\0" in name:
            continue
        if (target.parent / inner).is_file():
            found.setdefault(inner.as_posix(), target.parent / inner)
    return found


def identity_of(model: str | Path, class_path: Optional[str | Path] = None) -> str:
    """Return the SHA-256 that stands for a model.

    It is the file's own where the model is one file; else that of the names and digests of all its
    files (`model_files`) and of the Python file with the class of a checkpoint. The main file's
    name, and that of a folder, do not count. Raises ModelError where a file cannot be read.
    """
    target = Path(model)
    if target.is_dir():
        parts = {one.relative_to(target).as_posix(): one for one in model_files(target).values()}
    else:
        files = model_files(target)
        parts = {("" if one == target else name): one for name, one in files.items()}
    if class_path is not None:
        parts["class\0"] = Path(class_path)  # no name of a file holds a null byte
    if set(parts) == {""}:
        return sha256_of(target)
    return sha256_of_parts({name: sha256_of(one) for name, one in parts.items()})


def sha256_of_parts(digests: Mapping[str, str]) -> str:
    """Return the SHA-256 of names and the digests of what they name, whatever their order."""
    lines = "".join(f"{name}\0{digests[name]}\n" for name in sorted(digests))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of one file, or of all files in a folder.

    Raises ModelError where it cannot be read.
    """
    target = Path(path)
    if target.is_dir():
        return identity_of(target)
    digest = hashlib.sha256()
    try:
        with target.open("rb") as stream:
            for chunk in iter(lambda: stream.read(_CHUNK), b""):
                digest.update(chunk)
    except OSError as error:
        raise ModelError(f"{target} cannot be read: {error.strerror or error}") from error
    return digest.hexdigest()


def model_bytes(model: str | Path) -> int:
    """Return the size of all files of a model in bytes."""
    try:
        return sum(one.stat().st_size for one in model_files(model).values())
    except OSError as error:
        raise ModelError(f"{model} cannot be read: {error.strerror or error}") from error


def _beside(target: Path) -> Iterator[str]:
    """Return the names of the files beside a model that it needs."""
    try:
        found = detect_format(target).format
    except ModelError:  # what a plugin loads may be anything
        found = ""
    if found == "onnx":
        yield from _onnx_data(target)
    elif found in ("ncnn", "openvino"):
        yield f"{target.stem}.bin"


def _onnx_data(target: Path) -> Iterator[str]:
    with (
        target.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        at = data.find(_LOCATION)
        while at >= 0:
            start = at + len(_LOCATION)
            length, used = _varint(data[start : start + 3])
            name = data[start + used : start + used + length]
            if 0 < length <= _LONGEST_NAME and len(name) == length:
                yield name.decode("utf-8", "surrogateescape")
            at = data.find(_LOCATION, start)


def _varint(data: bytes) -> tuple[int, int]:
    """Return (number, bytes used); 0 where it takes more than `data` has."""
    value = 0
    for index, byte in enumerate(data):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, index + 1
    return 0, len(data)
