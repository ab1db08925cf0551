"""Messages between the parent and a worker: a JSON object, then binary frames.

On the wire: 4 bytes big-endian length, the JSON text, then the frames one after the other; the
sizes of the frames stand in the JSON under "frames". The same bytes go over any stream.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from edgeloop import errors

if TYPE_CHECKING:
    from typing_extensions import Buffer

_LENGTH = struct.Struct(">I")

# A message is a few kB; what claims more is not one of ours.
MAX_JSON_BYTES = 64 << 20
MAX_FRAME_BYTES = 4 << 30

# Memory is taken as the bytes arrive, not on the word of a length: a false one costs nothing.
_CHUNK_BYTES = 1 << 20

_GONE = (BrokenPipeError, ConnectionResetError)


class Sink(Protocol):
    """The writing end of a stream; a socket is one."""

    def sendall(self, data: Buffer, /) -> None:
        """Write all of it."""
        ...


class Source(Protocol):
    """The reading end of a stream; a socket is one."""

    def recv_into(self, buffer: Buffer, /) -> int:
        """Read at most what the buffer holds; 0 at the end of the stream."""
        ...


class ProtocolError(Exception):
    """The other end sent something that is not a message."""


class ConnectionClosedError(Exception):
    """The other end is gone."""


@dataclass(frozen=True)
class Message:
    """One message; `body` is JSON, `frames` are C-contiguous buffers (bytes, arrays)."""

    body: dict[str, Any]
    frames: Sequence[Any] = ()


@dataclass(frozen=True)
class Received:
    """A message as it arrived."""

    body: dict[str, Any]
    frames: tuple[bytearray, ...]


def send(sink: Sink, message: Message) -> None:
    """Write one message; blocks until the other end has taken it.

    Raises ConnectionClosedError where the other end is gone.
    """
    body = dict(message.body)
    frames = [_flat(frame) for frame in message.frames]
    if frames:
        body["frames"] = [frame.nbytes for frame in frames]
    text = json.dumps(body).encode()
    try:
        sink.sendall(_LENGTH.pack(len(text)) + text)
        for frame in frames:
            sink.sendall(frame)
    except _GONE as error:
        raise ConnectionClosedError("the other end is gone") from error


def receive(source: Source) -> Received:
    """Read one message; blocks until it is whole.

    Raises ConnectionClosedError at the end of the stream, ProtocolError on bytes that are not
    a message.
    """
    (length,) = _LENGTH.unpack(_read(source, _LENGTH.size))
    if length > MAX_JSON_BYTES:
        raise ProtocolError(f"a message of {length} bytes is not one of edgeloop's")
    try:
        body = json.loads(_read(source, length))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a message is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise ProtocolError("a message is not a JSON object")
    sizes = _frame_sizes(body.pop("frames", []))
    return Received(body, tuple(_read(source, size) for size in sizes))


def error_body(error: errors.EdgeloopError) -> dict[str, Any]:
    """Return an error as the other end reads it."""
    return {"type": "error", "class": type(error).__name__, "text": str(error)}


def error_of(body: Mapping[str, Any]) -> errors.EdgeloopError:
    """Return the other end's error as it was raised there."""
    kind = getattr(errors, str(body.get("class")), None)
    text = str(body.get("text"))
    if isinstance(kind, type) and issubclass(kind, errors.EdgeloopError):
        return kind(text)
    return errors.RuntimeFailedError(text)


def _frame_sizes(sizes: Any) -> list[int]:
    # `type`, not isinstance: JSON's true is an int of Python.
    if not isinstance(sizes, list) or any(type(size) is not int or size < 0 for size in sizes):
        raise ProtocolError("the sizes of a message's frames are not whole numbers")
    if sum(sizes) > MAX_FRAME_BYTES:
        raise ProtocolError(f"frames of {sum(sizes)} bytes are more than a block can give")
    return sizes


def _flat(frame: Any) -> memoryview:
    """View a buffer as bytes, without a copy."""
    view = memoryview(frame)
    return view.cast("B") if view.nbytes else memoryview(b"")


def _read(source: Source, size: int) -> bytearray:
    data = bytearray()
    while len(data) < size:
        start = len(data)
        data += bytes(min(size - start, _CHUNK_BYTES))
        with memoryview(data) as view:
            _fill(source, view[start:])
    return data


def _fill(source: Source, view: memoryview) -> None:
    done = 0
    while done < len(view):
        try:
            count = source.recv_into(view[done:])
        except _GONE as error:
            raise ConnectionClosedError("the other end is gone") from error
        if count == 0:
            raise ConnectionClosedError("the other end closed the connection")
        done += count
