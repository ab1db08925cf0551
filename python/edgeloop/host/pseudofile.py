"""Read files of /proc and /sys, which may be absent, forbidden, or vanish while being read."""

from __future__ import annotations

import fnmatch
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Reading(Generic[T]):
    """A value, or None and the reason why it could not be had."""

    value: T | None
    reason: str | None = None


def read_text(path: Path) -> Reading[str]:
    """Return the content without surrounding white space and NULs; never raises OSError."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        return Reading(None, f"cannot read {path}: {error.strerror or error}")
    return Reading(raw.decode("utf-8", "replace").strip("\0 \t\r\n"))


def read_integer(path: Path, base: int = 10) -> Reading[int]:
    """Return the whole file as one integer."""
    text = read_text(path)
    if text.value is None:
        return Reading(None, text.reason)
    try:
        return Reading(int(text.value, base))
    except ValueError:
        return Reading(None, f"{path} holds {text.value[:40]!r}, which is not a number")


def read_words(path: Path) -> Reading[tuple[str, ...]]:
    """Return the words of a file that separates them by white space or by NULs."""
    text = read_text(path)
    if text.value is None:
        return Reading(None, text.reason)
    return Reading(tuple(text.value.replace("\0", " ").split()))


def children(directory: Path, pattern: str) -> list[Path]:
    """Return the entries whose name matches, in the order of the numbers in their names.

    `Path.glob` is not used because it may raise when a directory vanishes while being listed.
    """
    try:
        names = os.listdir(directory)  # noqa: PTH208 (Path.iterdir is lazy: it raises later)
    except OSError:
        return []
    return [directory / name for name in sorted(fnmatch.filter(names, pattern), key=_by_number)]


def _by_number(name: str) -> tuple[str, int, str]:
    digits = re.search(r"\d+", name)
    return (name[: digits.start()], int(digits.group()), name) if digits else (name, -1, name)
