"""A TOML file that can say on which line something stands."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Union

from edgeloop.errors import ModelError, UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Place = Sequence[Union[str, int]]
"""Where a value stands: ("matrix", "threads"), ("override", 1, "effort")."""

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)\s*=""")


class TomlFile:
    """The tables of a file, and the lines of their keys."""

    def __init__(self, path: str) -> None:
        """Read it. Raises ModelError where it cannot be read, UsageError where it is no TOML."""
        self.path = Path(path)
        try:
            text = self.path.read_bytes().decode("utf-8")
        except OSError as error:
            raise ModelError(f"the suite {path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{path} is no TOML: it is not UTF-8 text ({error.reason})") from error
        try:
            self.document: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{path} is no TOML: {error}") from error
        self._lines = _lines_of_keys(text)

    def line(self, place: Place) -> int:
        """Return the line of a value; of the table around it where its own is not known."""
        parts = list(place)
        while parts:
            found = self._lines.get(tuple(parts))
            if found is not None:
                return found
            parts.pop()
        return 1

    def error(self, place: Place, sentence: str) -> UsageError:
        """Return the error that names the file and the line."""
        return UsageError(f"{self.path}, line {self.line(place)}: {sentence}")


def _lines_of_keys(text: str) -> dict[tuple[Union[str, int], ...], int]:
    """Find the headers and keys that begin a line; tomllib itself tells no positions."""
    found: dict[tuple[Union[str, int], ...], int] = {}
    counts: dict[str, int] = {}
    table: tuple[Union[str, int], ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header is not None:
            names = tuple(_unquoted(part) for part in header.group(2).split("."))
            table = names
            if header.group(1) == "[[":
                index = counts.get(header.group(2), 0)
                counts[header.group(2)] = index + 1
                table = (*names, index)
            found.setdefault(table, number)
            continue
        key = _KEY.match(line)
        if key is not None:
            found.setdefault((*table, _unquoted(key.group(1))), number)
    return found


def _unquoted(name: str) -> str:
    return name.strip().strip("\"'")
