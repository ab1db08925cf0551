"""A board behind ssh: connect, copy files there, ask its agent, and hear what it measures."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Optional

import edgeloop
from edgeloop import errors
from edgeloop.errors import ModelError
from edgeloop.measure.observer import Observer, Progress
from edgeloop.remote import ssh
from edgeloop.remote.files import Copy, copies_of, on_board
from edgeloop.remote.stream import ALIVE, MARKER, PIECE_BYTES, PipeSink
from edgeloop.results.document import STUMBLED
from edgeloop.spec.run import RunSpec
from edgeloop.worker.log import Log
from edgeloop.worker.protocol import (
    ConnectionClosedError,
    Message,
    ProtocolError,
    error_of,
    receive,
    send,
)
from edgeloop.worker.source import DeadlineError, WatchedSource

# A password may be asked for, and a Pi Zero takes its time to start Python.
_HELLO_S = 120.0

# What login scripts may print before the agent speaks.
_MOST_GREETING_BYTES = 1 << 20

# The agent says every quarter of a minute that it lives; one that is frozen says nothing.
_SILENCE_S = 180.0

_ENDING_S = 10.0


class Board:
    """A connection to the agent on one board. Use as a context manager.

    It ends with the block; the agent then stops what it was doing, its workers with it.
    """

    def __init__(self, host: str, python: Optional[str] = None) -> None:
        """Connect; `python` is the board's interpreter, python3 by default.

        Raises UsageError for what is not a host, NotAvailableError where there is no way to it, no
        edgeloop there, or another version.
        """
        self.host = host
        self.python = python or ssh.PYTHON
        self.broken = False
        self._closed = False
        self._log = Log()
        log_fd, log_write = os.pipe()
        os.set_blocking(log_fd, False)
        try:
            self._ssh = ssh.start(ssh.command(host, self.python), log_write)
        except BaseException:
            os.close(log_fd)
            raise
        finally:
            os.close(log_write)
        assert self._ssh.stdin is not None
        assert self._ssh.stdout is not None
        self._sink = PipeSink(self._ssh.stdin.fileno())
        self._log_fd = log_fd
        self._source = WatchedSource(self._ssh.stdout.fileno(), log_fd, self._log)
        try:
            self.hello = self._hello()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Board:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection: the agent reads the end of its input, and stops."""
        self.broken = True
        if self._closed:
            return
        self._closed = True
        for stream in (self._ssh.stdin, self._ssh.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        try:
            self._ssh.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            self._ssh.kill()
            self._ssh.wait()
        self._source.close()
        os.close(self._log_fd)

    def ask(self, body: dict[str, Any], doing: str) -> dict[str, Any]:
        """Ask for one answer. Raises the agent's error, or RuntimeFailedError where it is gone."""
        self._send(Message(body), doing)
        return self._answer(doing)

    def run_there(self, spec: RunSpec, observer: Observer) -> RunSpec:
        """Return the run with the board's paths; what it lacks of the files is copied first.

        Raises ModelError where a file is missing here, CannotWriteError where the board has no
        room.
        """
        paths = {}
        for field, copy in copies_of(spec).items():
            doing = f"copying {copy.name} to {self.host}"
            found = self.ask({"type": "find-copy", "digest": copy.digest}, doing)
            with self.understood(doing):
                here, folder = bool(found["here"]), str(found["folder"])
            if not here:
                observer.phase(doing)
                self._copy(copy, doing)
            paths[field] = f"{folder}/{copy.name}"
        return on_board(spec, paths)

    def events(self, body: dict[str, Any], observer: Observer, doing: str) -> Iterator[Any]:
        """Ask for a measurement and yield what it writes, until it is done.

        Ctrl-C stops the measurement on the board, and what it had measured still arrives.
        """
        self._send(Message(body), doing)
        with self._interrupts_go_there(doing):
            while True:
                event = self._receive(doing)
                if event["type"] in ("phase", "note", "progress"):
                    with self.understood(doing):
                        _show(event, observer)
                elif event["type"] == "error":
                    raise error_of(event)
                elif event["type"] == "done":
                    return
                else:
                    yield event

    @contextmanager
    def understood(self, doing: str) -> Iterator[None]:
        """Blame the board where its answer is not one: fields are missing, or no result is.

        Raises RuntimeFailedError.
        """
        try:
            yield
        except (*STUMBLED, ModelError) as error:
            self.broken = True
            kind = "" if isinstance(error, ModelError) else f"{type(error).__name__}: "
            raise errors.RuntimeFailedError(
                f"{self.host} gave an answer that is not an agent's while {doing} ({kind}{error}); "
                "install edgeloop there again"
            ) from error

    @contextmanager
    def _interrupts_go_there(self, doing: str) -> Iterator[None]:
        """Send the first Ctrl-C to the agent, whose answer is what it had measured."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.getsignal(signal.SIGINT)
        asked = False

        def forward(number: int, frame: Any) -> None:
            nonlocal asked
            if asked:
                raise KeyboardInterrupt
            asked = True
            with suppress(errors.EdgeloopError):  # it is gone: the next answer says so
                self._send(Message({"type": "interrupt"}), doing)

        if before is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, forward)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _copy(self, copy: Copy, doing: str) -> None:
        self._send(Message({"type": "copy", "digest": copy.digest}), doing)
        for name, path in copy.files.items():
            self._send(Message({"type": "file", "name": name, "sha256": copy.hashes[name]}), doing)
            with path.open("rb") as file:
                while piece := file.read(PIECE_BYTES):
                    self._send(Message({"type": "piece"}, (piece,)), doing)
        self._send(Message({"type": "copied"}), doing)
        self._answer(doing)

    def _answer(self, doing: str) -> dict[str, Any]:
        body = self._receive(doing)
        if body["type"] == "error":
            raise error_of(body)
        return body

    def _send(self, message: Message, doing: str) -> None:
        try:
            send(self._sink, message)
        except ConnectionClosedError:
            raise self._cut(doing) from None

    def _receive(self, doing: str) -> dict[str, Any]:
        while True:
            try:
                body = self._next(_SILENCE_S)
            except (ConnectionClosedError, ProtocolError):
                raise self._cut(doing) from None
            if not isinstance(body.get("type"), str):
                raise self._cut(doing)
            if body["type"] != ALIVE:
                return body

    def _next(self, timeout_s: float, *, first: bool = False) -> dict[str, Any]:
        """Read a message; the first comes after what login scripts print."""
        self._source.deadline_s = time.monotonic() + timeout_s
        try:
            if first:
                self._skip_to_marker()
            return receive(self._source).body
        except DeadlineError:
            self._log.add(b"it did not answer in time\n")
            raise

    def _skip_to_marker(self) -> None:
        seen = bytearray()
        one = bytearray(1)
        try:
            while not seen.endswith(MARKER):
                if not self._source.recv_into(one):
                    raise ConnectionClosedError("the agent never spoke")
                seen += one
                if len(seen) > _MOST_GREETING_BYTES:
                    raise ProtocolError("what the board prints is not a greeting")
        except ConnectionClosedError:
            self._log.add(bytes(seen))
            raise

    def _cut(self, doing: str) -> errors.EdgeloopError:
        self.broken = True
        self._ended()
        return ssh.connection_cut(self.host, doing, self._log.last_words())

    def _hello(self) -> dict[str, Any]:
        try:
            body = self._next(_HELLO_S, first=True)
        except (ConnectionClosedError, ProtocolError):
            code = self._ended()
            said = self._log.last_words()
            raise ssh.why_not_started(
                self.host, self.python, code, said, edgeloop.__version__
            ) from None
        theirs = body.get("edgeloop")
        if theirs != edgeloop.__version__:
            raise errors.NotAvailableError(
                f"{self.host} has edgeloop {theirs} under {self.python}, this is "
                f"{edgeloop.__version__}; install the same there: ssh {self.host} {self.python} "
                f"-m pip install edgeloop=={edgeloop.__version__}"
            )
        return body

    def _ended(self) -> int:
        """Wait for ssh and take its last words; return its exit code."""
        try:
            code = self._ssh.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            self._ssh.kill()
            code = self._ssh.wait()
        self._source.take_log()
        return code


class Boards:
    """The connections of a run, each made once. Use as a context manager."""

    def __init__(self) -> None:
        self._boards: dict[tuple[str, Optional[str]], Board] = {}

    def __enter__(self) -> Boards:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        for board in self._boards.values():
            board.close()

    def board(self, host: str, python: Optional[str]) -> Board:
        """Return the connection; a broken one is replaced. Raises as `Board` does."""
        found = self._boards.get((host, python))
        if found is None or found.broken:
            if found is not None:
                found.close()
            found = self._boards[host, python] = Board(host, python)
        return found


def _show(event: dict[str, Any], observer: Observer) -> None:
    if event["type"] == "phase":
        observer.phase(str(event["text"]))
    elif event["type"] == "note":
        observer.note(str(event["text"]))
    else:
        observer.progress(Progress(**event["progress"]))
