"""A pickle's storages are found without running anything of it."""

from __future__ import annotations

import os
import pickle
import struct

import pytest

from edgeloop.models.pickle_scan import PickleScanError, Storage, scan_pickle


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def persistent(key, kind="FloatStorage", elements=7):
    return (
        b"("
        + text("storage")
        + f"ctorch\n{kind}\n".encode()
        + text(key)
        + text("cpu")
        + b"J"
        + struct.pack("<i", elements)
        + b"tQ"
    )


def test_storages_as_torch_writes_them():
    data = b"\x80\x02}(" + text("w") + persistent("0") + text("b") + persistent("1", "HalfStorage")
    scan = scan_pickle(data + b"u.")
    assert scan.storages == (Storage("0", "FloatStorage", 7), Storage("1", "HalfStorage", 7))
    assert scan.names == ("torch.FloatStorage", "torch.HalfStorage")
    assert scan.end == len(data) + 2


def test_the_memo_is_followed():
    """From the second storage on, torch.save refers to words and types it has written before."""
    first = (
        b"("
        + text("storage")
        + b"q\x01ctorch\nFloatStorage\nq\x02"
        + text("0")
        + text("cpu")
        + b"r\x00\x01\x00\x00K\x09tQ"
    )
    second = b"(h\x01h\x02" + text("1") + b"j\x00\x01\x00\x00M\x10\x27tQ"
    scan = scan_pickle(b"\x80\x02(" + first + second + b"t.")
    assert scan.storages == (Storage("0", "FloatStorage", 9), Storage("1", "FloatStorage", 10_000))


def test_protocol_4_names_and_memo():
    name = b"\x8c\x05torch\x94\x8c\x0bLongStorage\x94\x93\x94"
    data = b"\x80\x04(" + b"\x8c\x07storage\x94" + name + b"\x8c\x013\x94\x8c\x03cpu\x94K\x02tQ."
    assert scan_pickle(data).storages == (Storage("3", "LongStorage", 2),)


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_is_run(protocol, tmp_path):
    trace = tmp_path / "trace"
    content = [Evil(trace), {"a": (1, 2.5, None), "b": {3}}, b"x", True]
    data = pickle.dumps(content, protocol)
    scan = scan_pickle(data)
    assert scan.end == len(data)
    assert any(name.endswith(".mkdir") for name in scan.names)
    assert scan.storages == ()
    assert not trace.exists()


def test_several_pickles_in_a_row():
    one, two = pickle.dumps("a", 2), pickle.dumps([1, 2], 2)
    assert scan_pickle(one + two).end == len(one)
    assert scan_pickle(one + two, len(one)).end == len(one + two)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x02",
        b"\x80\x02K",
        b"\xff.",
        b"X\xff\xff\xff\xff.",
        b"\x8b\xff\xff\xff\xff.",
        b"ctorch\n" + b"x" * 5000,
        b"t.",
        b"Q.",
        b"\x93.",
        b"u.",
    ],
)
def test_malformed(data):
    with pytest.raises(PickleScanError):
        scan_pickle(data)


@pytest.mark.parametrize(
    "identity", [b"K\x01Q.", b")Q.", b"(" + text("storage") * 5 + b"tQ.", b"(" + text("x") + b"tQ."]
)
def test_other_persistent_ids_are_passed_over(identity):
    assert scan_pickle(identity).storages == ()


def test_an_endless_number_is_not_decoded():
    digits = b"\x8b" + struct.pack("<i", 100_000) + b"\x7f" * 100_000
    data = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + digits
    assert scan_pickle(data + b"tQ.").storages == ()
