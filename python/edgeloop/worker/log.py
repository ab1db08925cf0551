"""What a worker printed: the beginning and the end of it."""

from __future__ import annotations

# Of what a runtime prints, this much is kept from the beginning and as much from the end.
KEPT_BYTES = 32_768

# A line longer than this is a dump, not a sentence for an error message.
_LINE_CHARACTERS = 300


class Log:
    """The output of one process, bounded."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped_bytes = 0

    def add(self, data: bytes) -> None:
        """Append output."""
        room = KEPT_BYTES - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > KEPT_BYTES:
            self._dropped_bytes += len(self._tail) - KEPT_BYTES
            del self._tail[:-KEPT_BYTES]

    def text(self) -> str:
        """Return the log; a gap says how much is missing."""
        if not self._dropped_bytes:
            return (self._head + self._tail).decode(errors="replace")
        head = self._head.decode(errors="replace")
        tail = self._tail.decode(errors="replace")
        return f"{head}\n[… {self._dropped_bytes} bytes dropped …]\n{tail}"

    def last_words(self, lines: int = 3) -> str:
        """Return the last lines that say something, joined to one; "" where there are none."""
        printed = [line.strip() for line in self.text().splitlines() if line.strip()]
        return " | ".join(_shortened(line) for line in printed[-lines:])


def _shortened(line: str) -> str:
    return line if len(line) <= _LINE_CHARACTERS else f"{line[:_LINE_CHARACTERS]}…"
