"""Messages between the parent and a worker: a JSON object, then binary frames.

On the wire: 4 bytes big-endian length, the JSON text, then the frames one after the other; the
sizes of the frames stand in the JSON under "frames". The same bytes go over any stream.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Union

_LENGTH = struct.Struct(">I")

# A message is a few kB; what claims more is not one of ours.
MAX_JSON_BYTES = 64 << 20
MAX_FRAME_BYTES = 4 << 30

Bytes = Union[bytes, bytearray, memoryview]


class ProtocolError(Exception):
    """The other end sent something that is not a message."""


class ConnectionClosedError(Exception):
    """The other end is gone."""


@dataclass(frozen=True)
class Message:
    """One message; `body` is JSON, `frames` are raw bytes."""

    body: dict[str, Any]
    frames: Sequence[Bytes] = field(default_factory=tuple)


def send(connection: socket.socket, message: Message) -> None:
    """Write one message; blocks until the other end has taken it."""
    body = dict(message.body)
    frames = [memoryview(frame).cast("B") for frame in message.frames]
    if frames:
        body["frames"] = [frame.nbytes for frame in frames]
    text = json.dumps(body).encode()
    try:
        connection.sendall(_LENGTH.pack(len(text)) + text)
        for frame in frames:
            connection.sendall(frame)
    except (BrokenPipeError, ConnectionResetError) as error:
        raise ConnectionClosedError("the other end is gone") from error


def receive(connection: socket.socket) -> Message:
    """Read one message; blocks until it is whole.

    Raises ConnectionClosedError at the end of the stream, ProtocolError on bytes that are no
    message, TimeoutError where the socket has a time-out.
    """
    (length,) = _LENGTH.unpack(_read(connection, _LENGTH.size))
    if length > MAX_JSON_BYTES:
        raise ProtocolError(f"a message of {length} bytes is not one of edgeloop's")
    try:
        body = json.loads(_read(connection, length))
    except ValueError as error:
        raise ProtocolError(f"a message is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise ProtocolError("a message is not a JSON object")
    sizes = body.pop("frames", [])
    if sum(sizes) > MAX_FRAME_BYTES:
        raise ProtocolError(f"frames of {sum(sizes)} bytes are more than a block can give")
    return Message(body, tuple(_read(connection, size) for size in sizes))


def _read(connection: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    done = 0
    while done < size:
        try:
            count = connection.recv_into(view[done:])
        except ConnectionResetError as error:
            raise ConnectionClosedError("the other end is gone") from error
        if count == 0:
            raise ConnectionClosedError("the other end closed the connection")
        done += count
    return data
