"""The reading end of a connection to a process, whose other output is kept meanwhile."""

from __future__ import annotations

import os
import selectors
import time
from typing import TYPE_CHECKING, Optional

from edgeloop.worker.log import Log
from edgeloop.worker.protocol import ConnectionClosedError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_READ_BYTES = 1 << 16  # the capacity of a pipe on Linux

# What is still in the pipe when a process is gone; more comes from a child that outlived it.
_LAST_READS = 16


class DeadlineError(ConnectionClosedError):
    """The time for an answer is over."""


class WatchedSource:
    """Reads from `fd`; while it waits it takes what comes from `log_fd`, which does not block."""

    def __init__(self, fd: int, log_fd: int, log: Log, exit_fd: Optional[int] = None) -> None:
        """`exit_fd` becomes readable when the process is gone, whoever still holds the others."""
        self.deadline_s = 0.0
        """On the monotonic clock."""
        self._fd, self._log_fd, self._exit_fd = fd, log_fd, exit_fd
        self._log = log
        self._selector = selectors.DefaultSelector()
        for one in (fd, log_fd, exit_fd):
            if one is not None:
                self._selector.register(one, selectors.EVENT_READ)

    def recv_into(self, buffer: Buffer, /) -> int:
        """Read what has come; 0 at the end. Raises DeadlineError where nothing comes in time."""
        while True:
            left_s = self.deadline_s - time.monotonic()
            ready = {key.fd for key, _ in self._selector.select(max(0.0, left_s))}
            if self._log_fd in ready:
                self._take_piece()
            if self._fd in ready:
                return os.readv(self._fd, [buffer])
            if self._exit_fd in ready:
                return 0
            if left_s <= 0.0:
                raise DeadlineError("no answer in time")

    def take_log(self) -> None:
        """Take what has come so far."""
        for _ in range(_LAST_READS):
            if not self._take_piece():
                return

    def close(self) -> None:
        """Stop watching."""
        self._selector.close()

    def _take_piece(self) -> bool:
        """Take one piece of output; return whether there was one."""
        try:
            data = os.read(self._log_fd, _READ_BYTES)
        except BlockingIOError:
            return False
        if not data and self._log_fd in self._selector.get_map():
            self._selector.unregister(self._log_fd)
        self._log.add(data)
        return bool(data)
