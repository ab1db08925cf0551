"""Where output goes: results to stdout, everything else to stderr, JSON where it was asked for."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Optional

import typer

from edgeloop.errors import CannotWriteError
from edgeloop.measure.observer import Progress
from edgeloop.results.figures import duration

STDOUT = "-"

# A redraw costs CPU on the machine that is measured; twice a second is enough for the eye.
_DRAW_INTERVAL_S = 0.5


class TerminalObserver:
    """Draws progress on a terminal's stderr, and nothing in a pipe."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._drawn_s = 0.0
        self._width = 0

    def phase(self, text: str) -> None:
        """Say what begins, on a line of its own."""
        self.clear()
        typer.echo(text, err=True)

    def progress(self, progress: Progress) -> None:
        """Redraw the progress line, at most twice a second."""
        if not self._terminal or time.monotonic() - self._drawn_s < _DRAW_INTERVAL_S:
            return
        self._drawn_s = time.monotonic()
        line = _line(progress)
        sys.stderr.write("\r" + line.ljust(self._width))
        sys.stderr.flush()
        self._width = len(line)

    def clear(self) -> None:
        """Remove the progress line."""
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()
            self._width = 0


def _line(progress: Progress) -> str:
    budget = "" if progress.budget_s is None else f" of at most {progress.budget_s:g}"
    median = "" if progress.median_ns is None else f", now {duration(progress.median_ns)}"
    return (
        f"{progress.title}: process {progress.process} of {progress.processes}, "
        f"{progress.elapsed_s:.0f}{budget} s, {progress.runs} runs{median}"
    )


def require_writable(path: Optional[str], option: str = "--json") -> None:
    """Fail now, not after the measurement, where the file of an option cannot be written."""
    if path is None or path == STDOUT:
        return
    parent = Path(path).resolve().parent
    if not parent.is_dir():
        raise CannotWriteError(f"{option} {path}: the folder {parent} does not exist")
    if Path(path).is_dir():
        raise CannotWriteError(f"{option} {path} is a folder; name a file")


def show(page: Callable[[], str], document: Callable[[], Any], json_path: Optional[str]) -> None:
    """Print the page, then write the document where --json says; '-' is stdout, and it alone."""
    if json_path != STDOUT:
        typer.echo(page())
    if json_path is not None:
        write_json(document(), json_path)


def write_json(document: Any, path: str, option: str = "--json") -> None:
    """Write a document to a file, or to stdout where it is '-'."""
    write_text(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False), path, option)


def write_text(text: str, path: str, option: str) -> None:
    """Write what an option asked for to its file, or to stdout where it is '-'."""
    if path == STDOUT:
        typer.echo(text)
        return
    target = Path(path)
    try:
        target.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        if target.is_file():  # half a document is none
            with suppress(OSError):
                target.unlink()
        raise CannotWriteError(f"{option} {path} cannot be written: {error.strerror}") from error


def abandon_stdout() -> None:
    """Send what is still to be printed nowhere: stdout is full, and must not fail once more."""
    with suppress(OSError, ValueError, AttributeError), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
