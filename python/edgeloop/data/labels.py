"""Labels: the names of the classes, and from names to their numbers."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.data.source import ArraySpec
from edgeloop.errors import ModelError

if TYPE_CHECKING:
    import numpy.typing as npt

# A file of class names is a few hundred kB; what is larger is another file.
_MOST_BYTES = 16 << 20

# "0  person", "1: bicycle": the number of a class before its name, as Coral's files have it.
_NUMBERED = re.compile(r"\s*(\d{1,6})(?:\s*[:,]\s*|\s+)(\S.*)")

# Numbered files leave numbers out (COCO has 80 classes in 90 numbers); names that only begin with
# a number ("50 euros") leave out far more.
_MOST_GAPS = 2


class ClassNames:
    """The names of the classes by their number, which is the place in the model's output."""

    def __init__(self, names: Mapping[int, str], path: str) -> None:
        self.path = path
        self._names = dict(names)
        self._numbers: dict[str, list[int]] = {}
        self._synonyms: dict[str, list[int]] = {}
        for number, name in self._names.items():
            self._numbers.setdefault(_normal(name), []).append(number)
            for part in {_normal(part) for part in name.split(",")}:
                self._synonyms.setdefault(part, []).append(number)

    @property
    def count(self) -> int:
        """How many classes there are, those without a name included."""
        return max(self._names) + 1

    @classmethod
    def read(cls, path: str, archive: Optional[str] = None) -> ClassNames:
        """Read a file of class names, or the member `path` of the archive behind a model.

        One name a line, or "NUMBER name" in every line, where the numbers count; or JSON, a list
        of names or an object of them by number. Raises ModelError where there is none, or the file
        is not text.
        """
        where = path if archive is None else f"{path} in {archive}"
        data = _bytes_of(path) if archive is None else _member(path, archive)
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ModelError(
                f"the file of class names {where} is not UTF-8 text: {error.reason}"
            ) from error
        names = _parsed(text, where)
        if not names:
            raise ModelError(f"the file of class names {where} is empty; write one name per line")
        return cls(names, where)

    def number(self, name: str) -> Optional[int]:
        """Return the class of that name, or of one of its synonyms; None where there is none.

        Upper case, underscores and hyphens do not count. Raises ModelError where it is the name
        of several classes.
        """
        key = _normal(name)
        found = self._numbers.get(key) or self._synonyms.get(key) or []
        if len(found) > 1:
            places = " and ".join(f"{number} ('{self._names[number]}')" for number in found[:3])
            raise ModelError(
                f"the name '{name}' is that of several classes of {self.path}, {places}: give the "
                "class numbers instead (folders may be called by them), or make the names differ"
            )
        return found[0] if found else None

    def unknown(self, name: str) -> str:
        """Say that no class has this name, and which come nearest."""
        near = get_close_matches(_normal(name), list(self._synonyms), n=3)
        quoted = [f"'{self._names[self._synonyms[key][0]]}'" for key in near]
        nearest = list(dict.fromkeys(quoted)) or [f"'{one}'" for one in [*self._names.values()][:3]]
        words = "the nearest" if near else "the first"
        return (
            f"'{name}' is not a class of {self.path}, which names {len(self._names)}; {words}: "
            f"{', '.join(nearest)}"
        )

    def name(self, number: int) -> str:
        """Return the name of a class; its number where the file has none for it."""
        return self._names.get(number, f"class {number}")


def _normal(name: str) -> str:
    return " ".join(re.sub(r"[_\-\s]+", " ", name).split()).casefold()


def _bytes_of(path: str) -> bytes:
    try:
        found = Path(path).stat()
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
            raise ModelError(f"{path} is not a file; name a file of class names, one per line")
        if found.st_size > _MOST_BYTES:
            raise ModelError(f"{path} is larger than any file of class names; name another one")
        return Path(path).read_bytes()
    except OSError as error:
        raise ModelError(
            f"the file of class names {path} cannot be read: {error.strerror}"
        ) from error


def _member(name: str, archive: str) -> bytes:
    from edgeloop.models.zip_members import opened_zip

    with opened_zip(Path(archive)) as members:
        return members.read(name, _MOST_BYTES)


def _parsed(text: str, where: str) -> dict[int, str]:
    if text.lstrip()[:1] in ("{", "["):
        return _from_json(text, where)
    lines = text.splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    return _numbered(lines) or {number: line.strip() for number, line in enumerate(lines)}


def _numbered(lines: Sequence[str]) -> dict[int, str]:
    """Return the names by the numbers before them; nothing where the lines are names alone."""
    found: dict[int, str] = {}
    for line in filter(str.strip, lines):
        match = _NUMBERED.fullmatch(line)
        if match is None or int(match[1]) in found:
            return {}
        found[int(match[1])] = match[2].strip()
    plausible = found and min(found) <= 1 and max(found) < _MOST_GAPS * len(found)
    return found if plausible else {}


def _from_json(text: str, where: str) -> dict[int, str]:
    """Read ["cat", ...], {"0": "cat", ...}, or {"0": ["n02123045", "cat"], ...} as Keras has it."""
    wanted = ModelError(
        f"the file of class names {where} is not a JSON list of names or an object of names by "
        'number ({"0": "cat", ...})'
    )
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise wanted from error
    items = enumerate(document) if isinstance(document, list) else document.items()
    found = {}
    for number, value in items:
        name = value[-1] if isinstance(value, list) and value else value
        if not isinstance(name, str) or not re.fullmatch(r"\d{1,6}", str(number)):
            raise wanted
        found[int(number)] = name.strip()
    return found


@dataclass(frozen=True)
class LabelReader:
    """Turns the labels of a data set into numbers: words by their names, bools as 0 and 1."""

    path: str
    names: Optional[ClassNames]
    offset: int

    @classmethod
    def of(
        cls, path: str, labels: Optional[ArraySpec], names: Optional[ClassNames], offset: int
    ) -> LabelReader:
        """Check what can be checked before any label is read. Raises ModelError."""
        if labels is not None:
            if labels.dtype.kind not in "biufUS":
                raise ModelError(
                    f"{path}: the labels have dtype {labels.dtype}; numbers or words are wanted"
                )
            if labels.dtype.kind in "US" and names is None:
                raise ModelError(
                    f"{path}: the labels are words; give --labels FILE with the names of the "
                    "classes, one per line, in the order of the model's outputs"
                )
        return cls(path, names, offset)

    def numbers(self, labels: Optional[npt.NDArray[Any]]) -> Optional[npt.NDArray[Any]]:
        """Return labels as numbers: whole ones as int64, in which an offset cannot wrap.

        Raises ModelError for a word that is not a class.
        """
        if labels is None:
            return None
        if labels.dtype.kind in "US":
            words = np.char.decode(labels, "utf-8") if labels.dtype.kind == "S" else labels
            flat = [self._number(str(word)) for word in words.reshape(-1)]
            labels = np.array(flat, dtype=np.int64).reshape(labels.shape)
        if labels.dtype.kind in "biu":
            labels = labels.astype(np.int64)
        if not self.offset:
            return labels
        return (labels.astype(np.float64) if labels.dtype.kind == "f" else labels) + self.offset

    def _number(self, word: str) -> int:
        assert self.names is not None
        number = self.names.number(word)
        if number is None:
            raise ModelError(f"{self.path}: the label {self.names.unknown(word)}")
        return number
