"""Text in columns, and lines that break between words where the terminal ends."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Optional

_GAP = "  "

# A column of words is not made narrower than this while another one is wider.
_LEAST_WIDTH = 12

# What is read as one: a figure with its unit, an interval, a word.
_WORD = re.compile(
    r"\S*\[[^\[\]]{1,30}\][^\s\[\]]*|\d[\d.,]* (?:ns|µs|ms|s|%|KiB|MiB|GiB)(?![^\s,;.)])\S*|\S+"
)
# Where a word that is too long by itself may break: behind these.
_PIECE = re.compile(r"[^/@,_-]*[/@,_-]?")


def page_width() -> Optional[int]:
    """Return the columns of the terminal that stdout is; None: a pipe or a file, with no end."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def columns(rows: Sequence[Sequence[str]], *, indent: str = "  ", right: Sequence[int] = ()) -> str:
    """Align rows of cells; the columns numbered in `right` are flushed right.

    On a terminal that is too narrow the widest columns give way, and their cells take more lines.
    """
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    width = page_width()
    if width is not None:
        room = width - len(indent) - len(_GAP) * (len(widths) - 1)
        widths = _narrowed(widths, room, right)
    lines = []
    for row in rows:
        broken = [list(_broken(cell, width)) for cell, width in zip(row, widths)]
        for parts in zip_longest(*broken, fillvalue=""):
            cells = [
                cell.rjust(width) if index in right else cell.ljust(width)
                for index, (cell, width) in enumerate(zip(parts, widths))
            ]
            lines.append((indent + _GAP.join(cells)).rstrip())
    return "\n".join(lines)


def fitted(text: str) -> str:
    """Return a page whose lines end before the terminal does, continued two columns further in."""
    width = page_width()
    if width is None:
        return text
    lines: list[str] = []
    for line in text.split("\n"):
        margin = " " * (len(line) - len(line.lstrip()))
        first = next(_broken(line, width))
        rest = line[len(first) :].lstrip()
        lines.append(first)
        lines += [f"{margin}  {one}" for one in _broken(rest, width - len(margin) - 2) if rest]
    return "\n".join(lines)


def _narrowed(widths: Sequence[int], room: int, right: Sequence[int]) -> list[int]:
    """Return widths that fit: the widest column of words gives way first, then those of figures."""
    narrowed = list(widths)
    words = [index for index in range(len(widths)) if index not in right]
    while sum(narrowed) > room:
        wide = [index for index in words if narrowed[index] > _LEAST_WIDTH]
        widest = max(wide or range(len(narrowed)), key=narrowed.__getitem__)
        if narrowed[widest] <= 1:
            break
        narrowed[widest] -= 1
    return narrowed


def _broken(text: str, width: int) -> Iterator[str]:
    """Yield the lines of a text in `width` columns; the gaps inside a line stay as they are."""
    if len(text) <= width:
        yield text
        return
    begin = end = 0
    for start, stop in _pieces(text, width):
        if stop - begin > width and end > begin:
            yield text[begin:end].rstrip()
            begin = start
        end = stop
    yield text[begin:]


def _pieces(text: str, width: int) -> Iterator[tuple[int, int]]:
    """Yield where the pieces begin and end behind which a line may break."""
    for word in _WORD.finditer(text):
        if word.end() - word.start() <= width:
            yield word.span()
            continue
        for piece in _PIECE.finditer(text, word.start(), word.end()):
            for start in range(piece.start(), piece.end(), width):
                yield start, min(start + width, piece.end())
