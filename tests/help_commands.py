"""The commands in the README and in the help topics, for the tests that check and run them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeloop.cli.help import FOLDER

README = Path(__file__).parent.parent / "README.md"


@dataclass(frozen=True)
class Documented:
    """One line of a ```sh block."""

    page: str
    mark: str
    """What the block needs, the word after ```sh: "" for nothing but the demo's packages."""
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"


def documented_commands() -> list[Documented]:
    """Return every `edgeloop ...` line of the README and the topics."""
    return [command for page in (README, *sorted(FOLDER.glob("*.md"))) for command in _of(page)]


def _of(page: Path) -> Iterator[Documented]:
    mark = None
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if line.startswith("```"):
            fence = line[3:].split()
            mark = " ".join(fence[1:]) if mark is None and fence[:1] == ["sh"] else None
        elif mark is not None:
            words = tuple(shlex.split(line, comments=True))
            if words[:1] == ("edgeloop",):
                yield Documented(page.stem, mark, words)
