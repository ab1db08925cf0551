"""The parent's end of a worker: start it, ask it, watch it, and be sure that it is gone."""

from __future__ import annotations

import os
import random
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Optional

import edgeloop
from edgeloop import errors
from edgeloop.measure.protocol import (
    ConnectionClosedError,
    Message,
    ProtocolError,
    receive,
    send,
)

# Of what a runtime prints, this much is kept from the beginning and as much from the end.
LOG_KEPT_BYTES = 32_768

# A random environment size per process (0 to 4 kB) keeps one stack alignment from deciding every
# process alike (Mytkowicz et al. 2009).
_PADDING_BYTES = 4096

# What a message may take to arrive whole once its first byte is there.
_TRANSFER_TIMEOUT_S = 30.0


class Log:
    """What a worker printed: the beginning and the end of it."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped_bytes = 0

    def add(self, data: bytes) -> None:
        """Append output."""
        room = LOG_KEPT_BYTES - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > LOG_KEPT_BYTES:
            self._dropped_bytes += len(self._tail) - LOG_KEPT_BYTES
            del self._tail[:-LOG_KEPT_BYTES]

    def text(self) -> str:
        """Return the log; a gap says how much is missing."""
        head = self._head.decode(errors="replace")
        tail = self._tail.decode(errors="replace")
        if self._dropped_bytes:
            return f"{head}\n[… {self._dropped_bytes} bytes dropped …]\n{tail}"
        return head + tail

    def last_words(self, lines: int = 3) -> str:
        """Return the last lines that say something, joined to one."""
        said = [line.strip() for line in self.text().splitlines() if line.strip()]
        return " | ".join(said[-lines:])


@dataclass(frozen=True)
class Hello:
    """What a worker says of itself."""

    python: str
    executable: str
    clock: dict[str, Any]
    interpreter_start_ns: int


class WorkerClient:
    """A worker process. Use as a context manager: it never outlives the block."""

    def __init__(self, python: str, timeout_s: float) -> None:
        """Start a worker under the interpreter `python` and wait for its hello.

        Raises NotAvailableError where that interpreter has no edgeloop of this version.
        """
        self.timeout_s = timeout_s
        self.log = Log()
        ours, theirs = socket.socketpair()
        log_read, log_write = os.pipe()
        self._connection = ours
        self._log_fd = log_read
        os.set_blocking(log_read, False)
        spawned_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        try:
            self._process = subprocess.Popen(
                [python, "-m", "edgeloop.measure.worker", "--fd", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=log_write,
                stderr=log_write,
                pass_fds=[theirs.fileno()],
                env=_environment(),
                start_new_session=True,  # Ctrl-C is the parent's: it decides what is kept
            )
        except OSError as error:
            ours.close()
            os.close(log_read)
            raise errors.NotAvailableError(
                f"the interpreter {python} cannot be started: {error.strerror}"
            ) from error
        finally:
            theirs.close()
            os.close(log_write)
        self._selector = selectors.DefaultSelector()
        self._selector.register(ours, selectors.EVENT_READ)
        self._selector.register(log_read, selectors.EVENT_READ)
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

    def request(
        self,
        body: dict[str, Any],
        doing: str,
        frames: Sequence[bytes] = (),
        timeout_s: Optional[float] = None,
    ) -> Message:
        """Ask and wait for the answer; `doing` names the step in an error.

        Raises the worker's own error, or RuntimeFailedError where it crashed or ran out of time.
        """
        try:
            send(self._connection, Message(body, frames))
            answer = self._wait(doing, self.timeout_s if timeout_s is None else timeout_s)
        except ConnectionClosedError:
            raise errors.RuntimeFailedError(self._death(doing)) from None
        except ProtocolError as error:
            self._kill()
            raise errors.RuntimeFailedError(f"the worker broke while {doing}: {error}") from error
        if answer.body["type"] == "error":
            kind = getattr(errors, answer.body["class"], errors.RuntimeFailedError)
            raise kind(answer.body["text"])
        return answer

    def stop(self) -> dict[str, Any]:
        """Tell the worker to end; return what it used."""
        return dict(self.request({"type": "stop"}, "stopping").body)

    def close(self) -> None:
        """Kill what is left of the worker and of its children, and keep the rest of its log."""
        self._kill()
        self._drain_log()
        self._selector.close()
        self._connection.close()
        os.close(self._log_fd)

    def _hello(self, python: str, spawned_ns: int) -> Hello:
        try:
            body = self._wait("starting", self.timeout_s).body
        except ConnectionClosedError:
            self._kill()
            self._drain_log()
            raise errors.NotAvailableError(
                f"no worker starts under {python}: {self.log.last_words()}; install edgeloop "
                f"there: {python} -m pip install edgeloop=={edgeloop.__version__}"
            ) from None
        if body["edgeloop"] != edgeloop.__version__:
            raise errors.NotAvailableError(
                f"{python} has edgeloop {body['edgeloop']}, this is {edgeloop.__version__}; "
                f"install the same: {python} -m pip install edgeloop=={edgeloop.__version__}"
            )
        return Hello(
            python=body["python"],
            executable=body["executable"],
            clock=body["clock"],
            interpreter_start_ns=body["started_ns"] - spawned_ns,
        )

    def _wait(self, doing: str, timeout_s: float) -> Message:
        """Sleep until the answer comes, taking what the runtime prints meanwhile."""
        deadline = time.monotonic() + timeout_s
        while True:
            ready = self._selector.select(max(0.0, deadline - time.monotonic()))
            files = {key.fileobj for key, _ in ready}
            if self._log_fd in files:
                self._drain_log()
            if self._connection in files:
                self._connection.settimeout(_TRANSFER_TIMEOUT_S)
                try:
                    return receive(self._connection)
                finally:
                    self._connection.settimeout(None)
            if time.monotonic() >= deadline:
                self._kill()
                raise errors.RuntimeFailedError(
                    f"no answer within {timeout_s:g} s while {doing}: the worker was killed; "
                    f"allow more with --timeout{self._said()}"
                )

    def _drain_log(self) -> None:
        while True:
            try:
                data = os.read(self._log_fd, 1 << 16)
            except BlockingIOError:
                return
            if not data:
                if self._log_fd in self._selector.get_map():
                    self._selector.unregister(self._log_fd)
                return
            self.log.add(data)

    def _kill(self) -> None:
        # The group: a runtime may have started children of its own.
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()

    def _death(self, doing: str) -> str:
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._kill()
        self._drain_log()
        code = self._process.returncode
        if code < 0:
            how = f"crashed with {signal.Signals(-code).name}"
        else:
            how = f"ended by itself with exit code {code}"
        return f"the worker {how} while {doing}{self._said()}"

    def _said(self) -> str:
        words = self.log.last_words()
        return f"; it said: {words}" if words else ""


def _environment() -> dict[str, str]:
    environment = dict(os.environ)
    environment["PYTHONSAFEPATH"] = "1"
    environment["EDGELOOP_PADDING"] = "x" * random.randrange(_PADDING_BYTES)
    return environment
