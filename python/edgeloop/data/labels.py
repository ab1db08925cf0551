"""Labels: the names of the classes, and from names to their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.data.source import ArraySpec
from edgeloop.errors import ModelError

if TYPE_CHECKING:
    import numpy.typing as npt

# A file of class names is a few hundred kB; what is larger is another file.
_MOST_BYTES = 16 << 20


class ClassNames:
    """The names of the classes in the order of the model's outputs."""

    def __init__(self, names: Sequence[str], path: str) -> None:
        self.names = tuple(names)
        self.path = path
        self._numbers = {name: number for number, name in enumerate(self.names)}

    @classmethod
    def read(cls, path: str) -> ClassNames:
        """Read one name a line. Raises ModelError where there is none, or the file is no text."""
        try:
            if Path(path).stat().st_size > _MOST_BYTES:
                raise ModelError(f"{path} is larger than any file of class names; name another one")
            lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
        except OSError as error:
            raise ModelError(
                f"the file of class names {path} cannot be read: {error.strerror}"
            ) from error
        except UnicodeDecodeError as error:
            raise ModelError(
                f"the file of class names {path} is no UTF-8 text: {error.reason}"
            ) from error
        while lines and not lines[-1].strip():
            lines.pop()
        if not lines:
            raise ModelError(f"the file of class names {path} is empty; write one name a line")
        return cls([line.strip() for line in lines], path)

    def number(self, name: str) -> Optional[int]:
        """Return the class of that name, or None."""
        return self._numbers.get(name.strip())

    def name(self, number: int) -> str:
        """Return the name of a class; its number where the file has none for it."""
        return self.names[number] if 0 <= number < len(self.names) else f"class {number}"


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
                    f"{path}: the labels are words; say --labels FILE with the names of the "
                    "classes, one a line, in the order of the model's outputs"
                )
        return cls(path, names, offset)

    def numbers(self, labels: Optional[npt.NDArray[Any]]) -> Optional[npt.NDArray[Any]]:
        """Return labels as numbers. Raises ModelError for a word that is no class."""
        if labels is None:
            return None
        if labels.dtype.kind in "US":
            words = np.char.decode(labels, "utf-8") if labels.dtype.kind == "S" else labels
            flat = [self._number(str(word)) for word in words.reshape(-1)]
            labels = np.array(flat, dtype=np.int64).reshape(labels.shape)
        if labels.dtype.kind == "b":
            labels = labels.astype(np.int64)
        return labels + self.offset if self.offset else labels

    def _number(self, word: str) -> int:
        assert self.names is not None
        number = self.names.number(word)
        if number is None:
            raise ModelError(
                f"{self.path}: the label '{word}' is no class of {self.names.path}, which names "
                f"{len(self.names.names)}: {', '.join(self.names.names[:5])}, ..."
            )
        return number
