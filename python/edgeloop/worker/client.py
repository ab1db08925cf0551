"""The parent's end of a worker: start it, ask it, watch it, and be sure that it is gone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Optional

import edgeloop
from edgeloop import errors
from edgeloop.worker.log import Log
from edgeloop.worker.process import WorkerProcess
from edgeloop.worker.protocol import (
    ConnectionClosedError,
    ProtocolError,
    Received,
    error_of,
    receive,
    send,
)
from edgeloop.worker.requests import Job, Request, Stop, encode
from edgeloop.worker.source import DeadlineError, WatchedSource


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
        ours = self._process
        self._source = WatchedSource(ours.connection.fileno(), ours.log_fd, self.log, ours.exit_fd)
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

    def request(self, request: Request, doing: str) -> Received:
        """Ask and wait for the answer; `doing` names the step in an error.

        Raises the worker's own error, or RuntimeFailedError where it crashed or ran out of time.
        """
        try:
            send(self._process.connection, encode(request))
            answer = self._receive(doing)
        except ConnectionClosedError:
            raise errors.RuntimeFailedError(
                f"the worker {self._ending(f' while {doing}')}"
            ) from None
        except ProtocolError as error:
            self._process.kill()
            raise errors.RuntimeFailedError(f"the worker failed while {doing}: {error}") from error
        if answer.body.get("type") == "error":
            raise error_of(answer.body)
        return answer

    def job(self, name: str, arguments: dict[str, Any], doing: str) -> dict[str, Any]:
        """Have the worker do a job of `worker.jobs` and return its result."""
        result: dict[str, Any] = self.request(Job(name, arguments), doing).body["result"]
        return result

    def said(self) -> str:
        """Return the last lines that the worker printed, as the end of a sentence."""
        self._source.take_log()
        return self._said()

    def stop(self) -> dict[str, Any]:
        """Tell the worker to end; return what it used."""
        return self.request(Stop(), "stopping").body

    def close(self) -> None:
        """Kill what is left of the worker and of its children, and keep the rest of its log."""
        if self._closed:
            return
        self._closed = True
        self._process.kill()
        self._source.take_log()
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
                f"{python} is not a Python with edgeloop: {error}; install edgeloop there: "
                f"{install}"
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
        except DeadlineError:
            self._process.kill()
            self._source.take_log()
            raise errors.RuntimeFailedError(
                f"no answer within {self.timeout_s:g} s while {doing}: the worker was killed; "
                f"allow more with --timeout{self._said()}"
            ) from None

    def _ending(self, step: str = "") -> str:
        how = self._process.ending()
        self._source.take_log()
        return f"{how}{step}{self._said()}"

    def _said(self) -> str:
        words = self.log.last_words()
        return f"; its last output: {words}" if words else ""
