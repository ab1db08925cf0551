"""The ends of a pipe as what messages are written to and read from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

# The agent writes this before its first message: what a login script printed comes before it.
MARKER = b"\n\0edgeloop-agent\0\n"

# The type of a message that says nothing but that the agent lives.
ALIVE = "alive"

# Files go in pieces, so that neither side holds a whole model in memory.
PIECE_BYTES = 1 << 20


class PipeSink:
    """The writing end."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def sendall(self, data: Buffer, /) -> None:
        """Write all of it."""
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[os.write(self._fd, rest) :]


class PipeSource:
    """The reading end."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def recv_into(self, buffer: Buffer, /) -> int:
        """Read at most what the buffer holds; 0 at the end."""
        return os.readv(self._fd, [buffer])
