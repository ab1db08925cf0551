"""Where output goes: results to stdout, everything else to stderr, JSON where it was asked for."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Optional

import typer

from edgeloop.cli.pages.columns import fitted
from edgeloop.errors import CannotWriteError, plain, printable
from edgeloop.measure.observer import Progress
from edgeloop.results.figures import duration

STDOUT = "-"

# A redraw costs CPU on the machine that is measured; twice a second is enough for the eye.
_DRAW_INTERVAL_S = 0.5
_TICK_S = 1.0

_BAR_CELLS = 12


class TerminalObserver:
    """Shows what is done, on stderr: one line redrawn on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        dumb = os.environ.get("TERM", "dumb") == "dumb"
        self._redraws = sys.stderr.isatty() and not dumb
        self._drawn_s = 0.0
        self._width = 0
        self._drawing = threading.RLock()

    def phase(self, text: str) -> None:
        """Show what begins: until something else does, or as a line where nothing is redrawn."""
        if self._redraws:
            self._draw(text)
        else:
            say(text)

    @contextmanager
    def busy(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show what begins, on a terminal with the seconds that it takes, until it ends.

        Yields what changes the text there. A thread draws: not for what is timed.
        """
        self.phase(text)
        line = _LiveLine(text, self._draw)
        if not self._redraws:
            yield line.say
            return
        ticking = threading.Thread(target=line.tick, daemon=True)
        ticking.start()
        try:
            yield line.say
        finally:
            line.ended.set()
            ticking.join()
            self.clear()

    def note(self, text: str) -> None:
        """Print a line that stays."""
        with self._drawing:
            self.clear()
            say(text)

    def progress(self, progress: Progress) -> None:
        """Redraw the line, at most twice a second."""
        if not self._redraws or time.monotonic() - self._drawn_s < _DRAW_INTERVAL_S:
            return
        self._drawn_s = time.monotonic()
        self._draw(progress_line(progress, shutil.get_terminal_size().columns - 1))

    def clear(self) -> None:
        """Remove the line."""
        with self._drawing:
            if self._width:
                sys.stderr.write("\r" + " " * self._width + "\r")
                sys.stderr.flush()
                self._width = 0

    def _draw(self, line: str, end: str = "") -> None:
        """Write a line over the last one; never longer than the terminal, where it would wrap."""
        line = plain(line, len(line))
        line = cut(line, shutil.get_terminal_size().columns - 1 - len(end)) + end
        with self._drawing:
            sys.stderr.write("\r" + line.ljust(self._width))
            sys.stderr.flush()
            self._width = len(line)


class _LiveLine:
    """A line that is redrawn every second with how long it has been there."""

    def __init__(self, text: str, draw: Callable[[str, str], None]) -> None:
        self._text = text
        self._draw = draw
        self._begun_s = time.monotonic()
        self.ended = threading.Event()

    def say(self, text: str) -> None:
        """Change the text; it is drawn at the next tick."""
        self._text = text

    def tick(self) -> None:
        """Draw until it has ended."""
        while not self.ended.wait(_TICK_S):
            self._draw(self._text, f", {time.monotonic() - self._begun_s:.0f} s")


def progress_line(progress: Progress, width: int) -> str:
    """Return how far a measurement is, in `width` columns: the title gives way first."""
    parts = [f"process {progress.process} of {progress.processes}"]
    if progress.median_ns is not None:
        parts.append(duration(progress.median_ns))
    if progress.budget_s is None:
        parts.append(f"{progress.runs} runs")
    else:
        left_s = max(0.0, progress.budget_s - progress.elapsed_s)
        parts.append(f"at most {left_s:.0f} s left" if left_s >= 1 else "finishing")
    right = "  ".join([_bar(progress.fraction), *parts])
    if width - len(right) < _LEAST_TITLE:
        right = "  ".join(parts[-2:])
    left = cut(progress.title, max(0, width - len(right) - 2))
    return cut(f"{left}  {right}" if left else right, width)


# A title that is cut below this says nothing.
_LEAST_TITLE = 16


def _bar(fraction: float) -> str:
    done = round(_BAR_CELLS * fraction)
    full, empty = ("█", "░") if "utf" in (sys.stderr.encoding or "").lower() else ("#", "-")
    return full * done + empty * (_BAR_CELLS - done)


def cut(text: str, width: int) -> str:
    """Return a text in at most `width` columns, with an ellipsis where it was longer."""
    text = text.replace("\n", " ")
    if len(text) <= width:
        return text
    return text[: max(0, width - 1)] + "…" if width > 0 else ""


def say(text: str) -> None:
    """Print to stderr; names in it may be anybody's."""
    typer.echo(printable(text), err=True)


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
        first, feed, rest = fitted(printable(page())).partition("\n")
        bold = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        typer.echo((typer.style(first, bold=True) if bold else first) + feed + rest)
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
