"""Reading stays inside the file and inside its budget, whatever the offsets say."""

from __future__ import annotations

import io
import struct

import pytest

from edgeloop.errors import ModelError
from edgeloop.models import flatbuffer
from edgeloop.models.flatbuffer import MAX_TEXT, FlatbufferReader


def reader(data):
    return FlatbufferReader(io.BytesIO(data), len(data), "model")


def test_reads_what_the_writer_wrote(flat_writer, num, vec):
    data = flat_writer.file(
        {
            0: num(("i", -7)),
            2: "näme",
            3: vec(("i", (1, -2, 3))),
            4: [{0: num(("B", 9))}, {}],
            5: vec(("f", (0.5,))),
            6: {1: num(("Q", 2**40))},
        }
    )
    root = reader(data).root()
    assert root.number(0, "i") == -7
    assert root.number(1, "I", 42) == 42
    assert root.text(2) == "näme"
    assert root.integers(3, "i") == (1, -2, 3)
    assert [table.number(0, "B") for table in root.children(4)] == [9, 0]
    assert root.floats(5) == (0.5,)
    child = root.child(6)
    assert child is not None
    assert child.number(1, "Q") == 2**40
    assert root.child(7) is None
    assert root.text(99) == ""
    assert list(root.children(99)) == []


def test_a_long_text_is_cut(flat_writer):
    root = reader(flat_writer.file({0: "x" * (MAX_TEXT + 10)})).root()
    assert len(root.text(0)) == MAX_TEXT


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<I", 2**31),
        struct.pack("<Ii", 4, 2**31 - 1) + bytes(8),  # field list before the file
        struct.pack("<Ii", 4, -8) + bytes(8),  # field list of length 0
        struct.pack("<IiHH", 4, -4, 7, 4) + bytes(8),  # of odd length
        b"",
    ],
)
def test_offsets_outside_are_errors(data):
    with pytest.raises(ModelError, match="damaged or cut short"):
        reader(data).root()


def test_a_vector_longer_than_the_file_is_not_walked(flat_writer, vec):
    data = bytearray(flat_writer.file({0: vec(("I", (7,) * 4))}))
    place = data.index(struct.pack("<II", 4, 7))
    struct.pack_into("<I", data, place, 2**32 - 1)
    root = reader(bytes(data)).root()
    with pytest.raises(ModelError, match="runs past"):
        root.integers(0, "I")
    with pytest.raises(ModelError, match="runs past"):
        list(root.children(0))


def test_shared_offsets_cannot_describe_more_than_the_budget(monkeypatch):
    """A table lists the next one a thousand times, which lists the next one, and so on."""
    monkeypatch.setattr(flatbuffer, "_MAX_VALUES", 20_000)
    width, levels = 1000, 6
    data = bytearray(struct.pack("<I", 12)) + bytes(8)
    for level in range(levels):
        table = len(data)
        vector = table + 16
        following = vector + 4 + 4 * width
        # The field list lies inside the table: its length, the table's, one field at byte 4.
        data += struct.pack("<iI", -8, vector - table - 4) + struct.pack("<3H", 6, 8, 4) + bytes(2)
        length = width if level < levels - 1 else 0
        places = range(vector + 4, vector + 4 + 4 * length, 4)
        data += struct.pack(f"<I{length}I", length, *(following - place for place in places))

    def walk(table):
        return sum(1 + walk(child) for child in table.children(0))

    with pytest.raises(ModelError, match="describes more values than a file of its size"):
        walk(reader(bytes(data)).root())
