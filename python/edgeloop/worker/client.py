"""The parent's end of a worker: start it, ask it, watch it, and be sure that it is gone."""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional

import edgeloop
from edgeloop import errors
from edgeloop.worker.log import Log
from edgeloop.worker.process import WorkerProcess
from edgeloop.worker.protocol import (
    ConnectionClosedError,
    Message,
    ProtocolError,
    Received,
    receive,
    send,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer

_READ_BYTES = 1 << 16  # the capacity of a pipe on Linux

# What is still in the pipe when a worker is gone; more comes from a child that outlived it.
_LAST_READS = 16


@dataclass(frozen=True)
class Hello:
    """What a worker says of itself."""

    python: str
    executable: str
    clock: dict[str, Any]
    interpreter_start_ns: int


class WorkerClient:
    """A worker process. Use as a context manager: it never outlives the block."""

    def __init__(self, python: str, timeout_s: float, *, repeatable: bool = False) -> None:
        """Start a worker under the interpreter `python` and wait for its hello.

        `timeout_s` bounds every answer; `repeatable`: see `process.environment`. Raises
        NotAvailableError where that interpreter has no
        edgeloop of this version.
        """
        self.timeout_s = timeout_s
        self.log = Log()
        spawned_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        self._process = WorkerProcess(python, repeatable=repeatable)
        self._source = _Source(self._process, self.log)
        self._closed = False
        try:
            self.hello = self._hello(python, spawned_ns)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    def __enter__(self) -> WorkerClient:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def request(self, body: dict[str, Any], doing: str, frames: Sequence[Any] = ()) -> Received:
        """Ask and wait for the answer; `doing` names the step in an error.

        Raises the worker's own error, or RuntimeFailedError where it crashed or ran out of time.
        """
        try:
            send(self._process.connection, Message(body, frames))
            answer = self._receive(doing)
        except ConnectionClosedError:
            raise errors.RuntimeFailedError(
                f"the worker {self._ending(f' while {doing}')}"
            ) from None
        except ProtocolError as error:
            self._process.kill()
            raise errors.RuntimeFailedError(f"the worker broke while {doing}: {error}") from error
        if answer.body["type"] == "error":
            raise _error(answer.body)
        return answer

    def job(self, name: str, arguments: dict[str, Any], doing: str) -> dict[str, Any]:
        """Have the worker do a job of measure/jobs.py and return its result."""
        request = {"type": "job", "name": name, "arguments": arguments}
        result: dict[str, Any] = self.request(request, doing).body["result"]
        return result

    def said(self) -> str:
        """Return the last lines that the worker printed, as the end of a sentence."""
        self._source.take_rest_of_log()
        return self._said()

    def stop(self) -> dict[str, Any]:
        """Tell the worker to end; return what it used."""
        return self.request({"type": "stop"}, "stopping").body

    def close(self) -> None:
        """Kill what is left of the worker and of its children, and keep the rest of its log."""
        if self._closed:
            return
        self._closed = True
        self._process.kill()
        self._source.take_rest_of_log()
        self._source.close()
        self._process.close()

    def _hello(self, python: str, spawned_ns: int) -> Hello:
        install = f"{python} -m pip install edgeloop=={edgeloop.__version__}"
        try:
            body = self._receive("starting").body
        except ConnectionClosedError:
            raise errors.NotAvailableError(
                f"no worker starts under {python}: it {self._ending()}; "
                f"install edgeloop there: {install}"
            ) from None
        except ProtocolError as error:
            raise errors.NotAvailableError(
                f"{python} is no Python with edgeloop: {error}; install edgeloop there: {install}"
            ) from error
        theirs = body.get("edgeloop")
        if theirs != edgeloop.__version__:
            raise errors.NotAvailableError(
                f"{python} has edgeloop {theirs}, this is {edgeloop.__version__}; "
                f"install the same: {install}"
            )
        return Hello(
            python=body["python"],
            executable=body["executable"],
            clock=body["clock"],
            interpreter_start_ns=body["started_ns"] - spawned_ns,
        )

    def _receive(self, doing: str) -> Received:
        """Sleep until the answer is there, taking what the runtime prints meanwhile."""
        self._source.deadline_s = time.monotonic() + self.timeout_s
        try:
            return receive(self._source)
        except _DeadlineError:
            self._process.kill()
            self._source.take_rest_of_log()
            raise errors.RuntimeFailedError(
                f"no answer within {self.timeout_s:g} s while {doing}: the worker was killed; "
                f"allow more with --timeout{self._said()}"
            ) from None

    def _ending(self, step: str = "") -> str:
        how = self._process.ending()
        self._source.take_rest_of_log()
        return f"{how}{step}{self._said()}"

    def _said(self) -> str:
        words = self.log.last_words()
        return f"; it said: {words}" if words else ""


class _DeadlineError(Exception):
    """The time for an answer is over."""


class _Source:
    """The reading end of the connection; while it waits it takes what the worker prints."""

    deadline_s = 0.0  # on the monotonic clock

    def __init__(self, process: WorkerProcess, log: Log) -> None:
        self._process = process
        self._log = log
        self._selector = selectors.DefaultSelector()
        for file in (process.connection, process.log_fd, process.exit_fd):
            if file is not None:
                self._selector.register(file, selectors.EVENT_READ)

    def recv_into(self, buffer: Buffer, /) -> int:
        """Read what has come; 0 at the end. Raises _DeadlineError where nothing comes in time."""
        while True:
            left_s = self.deadline_s - time.monotonic()
            ready = {key.fileobj for key, _ in self._selector.select(max(0.0, left_s))}
            if self._process.log_fd in ready:
                self._take_log()
            if self._process.connection in ready:
                return self._process.connection.recv_into(buffer)
            if self._process.exit_fd in ready:
                return 0
            if left_s <= 0.0:
                raise _DeadlineError

    def take_rest_of_log(self) -> None:
        """Take what the pipe still holds."""
        for _ in range(_LAST_READS):
            if not self._take_log():
                return

    def close(self) -> None:
        """Stop watching."""
        self._selector.close()

    def _take_log(self) -> bool:
        """Take one piece of output; return whether there was one."""
        try:
            data = os.read(self._process.log_fd, _READ_BYTES)
        except BlockingIOError:
            return False
        if not data and self._process.log_fd in self._selector.get_map():
            self._selector.unregister(self._process.log_fd)
        self._log.add(data)
        return bool(data)


def _error(body: dict[str, Any]) -> errors.EdgeloopError:
    """Return the worker's error as it was raised there."""
    kind = getattr(errors, body["class"], None)
    if isinstance(kind, type) and issubclass(kind, errors.EdgeloopError):
        return kind(body["text"])
    return errors.RuntimeFailedError(body["text"])
