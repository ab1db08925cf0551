"""The errors of edgeloop: one plain sentence of what happened, where, and what to do."""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Optional, Union

# Controls but the line feed and the tab, marks that turn the direction of writing, and halves of
# characters, which no stream can encode.
_COMMANDS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_LONGEST = 80  # characters; a name is quoted in a sentence, not printed in full

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Of an OSError where a disk, a quota or the limit on a file's size takes no more."""

CANNOT_BE_WRITTEN = (*DISK_FULL, errno.EIO)
"""And where the device fails, or the reader of a terminal or pipe does."""


class EdgeloopError(Exception):
    """Base of every error that the command line prints as one sentence.

    `exit_code` is what the command line returns for it; `result` is the result that had been
    measured before it, where a run broke half way.
    """

    exit_code = 5
    result: Optional[Any] = None


class CheckFailedError(EdgeloopError):
    """A check that the user asked for failed."""

    exit_code = 1


class UsageError(EdgeloopError):
    """The user asked for a runtime, loop, option or value that does not exist."""

    exit_code = 2


class NotAvailableError(EdgeloopError):
    """A package, library, symbol, architecture or device is not there."""

    exit_code = 3


class ModelError(EdgeloopError):
    """The model or its data cannot be used."""

    exit_code = 4


class RuntimeFailedError(EdgeloopError):
    """The runtime failed, crashed, ran out of memory or of time."""

    exit_code = 5


class CannotWriteError(EdgeloopError):
    """A result cannot be written."""

    exit_code = 6


class InterruptedRunError(EdgeloopError):
    """The user pressed Ctrl-C; what had been measured is kept."""

    exit_code = 130

    def __init__(self, text: str = "interrupted; what had been measured is kept") -> None:
        super().__init__(text)


def canonical(name: str) -> str:
    """Return a name with hyphens and in lower case: underscores are accepted as input."""
    return name.strip().lower().replace("_", "-")


def nearest(name: str, known: Sequence[str]) -> str:
    """Say which known name was probably meant, and which there are."""
    close = get_close_matches(name, known, n=1)
    guess = f"did you mean '{close[0]}'? " if close else ""
    return f"{guess}known: {', '.join(known)}"


def reasoned(name: str, value: Any, reason: str) -> dict[str, Any]:
    """Return a field; where it is null, with its reason beside it."""
    if value is None:
        return {name: None, f"{name}_reason": reason}
    return {name: value}


def printable(text: str) -> str:
    """Return `text`, of several lines maybe, without what would steer a terminal."""
    return _COMMANDS.sub("?", text)


def plain(text: str, longest: int = _LONGEST) -> str:
    """Return `text` without control characters and cut to a length that a sentence bears."""
    shown = "".join(c if c.isprintable() else "?" for c in text[: longest + 1])
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def one_line(said: Union[str, BaseException], most: Optional[int] = None) -> str:
    """Return foreign words, or an error with its class, on one line.

    Of what has more than `most` characters the middle is left out.
    """
    if isinstance(said, BaseException):
        said = f"{type(said).__name__}: {said}"
    text = " ".join(said.split()).rstrip(":")
    if most is None or len(text) <= most:
        return text
    return f"{text[: most // 2]} […] {text[-most // 2 :]}"
