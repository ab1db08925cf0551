from __future__ import annotations

import json
import socket
import struct
import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeloop.worker.protocol import (
    MAX_FRAME_BYTES,
    MAX_JSON_BYTES,
    ConnectionClosedError,
    Message,
    ProtocolError,
    receive,
    send,
)


class Bytes:
    """A stream that gives `piece` bytes at a time and keeps what is written."""

    def __init__(self, data: bytes = b"", piece: int = 1 << 20) -> None:
        self.data = bytearray(data)
        self.piece = piece

    def sendall(self, data: bytes) -> None:
        self.data += data

    def recv_into(self, buffer: memoryview) -> int:
        count = min(self.piece, len(buffer), len(self.data))
        buffer[:count] = self.data[:count]
        del self.data[:count]
        return count


def wire(text: bytes) -> Bytes:
    return Bytes(struct.pack(">I", len(text)) + text)


def sent(message: Message) -> bytes:
    stream = Bytes()
    send(stream, message)
    return bytes(stream.data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)
bodies = st.dictionaries(st.text().filter(lambda key: key != "frames"), json_values)


@given(body=bodies, frames=st.lists(st.binary(max_size=200), max_size=4), piece=st.integers(1, 64))
def test_round_trip_over_any_stream(body: dict, frames: list[bytes], piece: int) -> None:
    stream = Bytes(sent(Message(body, frames)), piece)
    received = receive(stream)
    assert received.body == body
    assert [bytes(frame) for frame in received.frames] == frames
    assert not stream.data  # nothing is left for the next message


def test_frames_of_no_bytes_and_of_many_over_a_socket() -> None:
    frames = (b"", np.arange(3_000_000, dtype=np.uint64), b"")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Thread(target=send, args=(ours, Message({"type": "block"}, frames)))
        sender.start()
        received = receive(theirs)
        sender.join()
    assert [len(frame) for frame in received.frames] == [0, 24_000_000, 0]
    assert np.array_equal(np.frombuffer(received.frames[1], np.uint64), frames[1])


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 3), np.float32),
        np.float64(2.5).reshape(()),
        np.arange(6, dtype=np.float16).reshape(2, 3),
        np.array([True, False]),
    ],
    ids=["empty", "0-d", "float16", "bool"],
)
def test_arrays_of_any_shape_are_frames(array: np.ndarray) -> None:
    (frame,) = receive(Bytes(sent(Message({}, (array,))))).frames
    assert bytes(frame) == array.tobytes()


def test_a_stream_cut_at_any_byte_is_a_closed_connection() -> None:
    whole = sent(Message({"type": "block", "runs": 3}, (b"0123456789", b"abc")))
    for length in range(len(whole)):
        with pytest.raises(ConnectionClosedError):
            receive(Bytes(whole[:length]))


def test_a_reset_connection_is_closed() -> None:
    class Reset(Bytes):
        def recv_into(self, buffer: memoryview) -> int:
            raise ConnectionResetError

        def sendall(self, data: bytes) -> None:
            raise BrokenPipeError

    with pytest.raises(ConnectionClosedError):
        receive(Reset())
    with pytest.raises(ConnectionClosedError):
        send(Reset(), Message({}))


@pytest.mark.parametrize("length", [MAX_JSON_BYTES + 1, 0xFFFFFFFF])
def test_a_garbage_length_is_refused_before_anything_is_read(length: int) -> None:
    stream = Bytes(struct.pack(">I", length) + b"garbage")
    with pytest.raises(ProtocolError, match=f"{length} bytes"):
        receive(stream)
    assert stream.data == b"garbage"


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"\xff\xfe\xfd", b"not json", b'{"a": 1} {"b": 2}', b"[" * 200_000],
    ids=["empty", "cut off", "bytes", "words", "two", "nested"],
)
def test_a_text_that_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(ProtocolError, match="not JSON"):
        receive(wire(text))


@pytest.mark.parametrize("value", [None, 1, "words", [1, 2], True])
def test_json_that_is_no_object_is_refused(value: object) -> None:
    with pytest.raises(ProtocolError, match="not a JSON object"):
        receive(wire(json.dumps(value).encode()))


@pytest.mark.parametrize(
    "sizes",
    [[-1], [1.5], ["8"], [None], [True], [[8]], 8, "8", {"8": 8}, None, [1e300]],
    ids=repr,
)
def test_absurd_frame_sizes_are_refused(sizes: object) -> None:
    with pytest.raises(ProtocolError, match="not whole numbers"):
        receive(wire(json.dumps({"frames": sizes}).encode()))


@pytest.mark.parametrize("sizes", [[MAX_FRAME_BYTES + 1], [MAX_FRAME_BYTES, 1], [10**30]])
def test_more_than_a_block_can_give_is_refused(sizes: list[int]) -> None:
    with pytest.raises(ProtocolError, match="more than a block can give"):
        receive(wire(json.dumps({"frames": sizes}).encode()))


def test_a_size_that_lies_takes_no_memory() -> None:
    stream = wire(json.dumps({"frames": [MAX_FRAME_BYTES]}).encode())
    stream.data += b"x" * 100
    tracemalloc.start()
    with pytest.raises(ConnectionClosedError):
        receive(stream)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 8 << 20


def test_a_length_that_lies_takes_no_memory() -> None:
    tracemalloc.start()
    with pytest.raises(ConnectionClosedError):
        receive(Bytes(struct.pack(">I", MAX_JSON_BYTES)))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 8 << 20
