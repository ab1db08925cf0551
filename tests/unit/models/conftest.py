"""A small FlatBuffer writer, and the folders in which real models lie."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
SHARED = REPOSITORY.parent / "shared" / "data"
ASSETS = REPOSITORY / "python" / "edgeloop" / "demo" / "assets"
WIDTH = 8  # bytes reserved for each field, the largest there is


class Num(tuple):
    """A scalar: struct code and value."""


class Vec(tuple):
    """A vector of scalars: struct code and values."""


class FlatWriter:
    """Writes tables (dicts from slot to value), strings, lists of tables, and vectors."""

    def __init__(self, identifier):
        self.data = bytearray(8)
        self.data[4:8] = identifier

    def file(self, root):
        struct.pack_into("<I", self.data, 0, self.table(root))
        return bytes(self.data)

    def table(self, fields):
        self._align()
        count = max(fields, default=-1) + 1
        offsets = [4 + WIDTH * slot if slot in fields else 0 for slot in range(count)]
        size = 4 + WIDTH * count
        vtable = len(self.data)
        self.data += struct.pack(f"<2H{count}H", 4 + 2 * count, size, *offsets)
        self._align()
        position = len(self.data)
        self.data += bytes(size)
        struct.pack_into("<i", self.data, position, position - vtable)
        for slot, value in fields.items():
            field = position + offsets[slot]
            if isinstance(value, Num):
                struct.pack_into("<" + value[0], self.data, field, value[1])
            else:
                struct.pack_into("<I", self.data, field, self.reference(value) - field)
        return position

    def reference(self, value):
        if isinstance(value, dict):
            return self.table(value)
        self._align()
        position = len(self.data)
        if isinstance(value, str):
            value = value.encode()
        if isinstance(value, bytes):
            self.data += struct.pack("<I", len(value)) + value + b"\0"
        elif isinstance(value, Vec):
            code, items = value
            self.data += struct.pack(f"<I{len(items)}{code}", len(items), *items)
        else:
            self.data += struct.pack("<I", len(value)) + bytes(4 * len(value))
            for index, item in enumerate(value):
                field = position + 4 + 4 * index
                struct.pack_into("<I", self.data, field, self.table(item) - field)
        return position

    def _align(self):
        self.data += bytes(-len(self.data) % 8)


TYPES = {
    "float32": 0,
    "float16": 1,
    "int32": 2,
    "uint8": 3,
    "int64": 4,
    "int16": 7,
    "int8": 9,
    "int4": 17,
}
BYTES = {"float32": 4, "float16": 2, "int32": 4, "int64": 8, "int16": 2}


class TfliteBuilder:
    """Describes a model of one or more graphs in the terms of the schema."""

    def __init__(self):
        self.codes = []
        self.buffers = [{}]
        self.graphs = []
        self.extra = {}

    def graph(self, name="main"):
        self.graphs.append({"name": name, "tensors": [], "operators": [], "in": [], "out": []})
        return self

    def tensor(
        self,
        name,
        shape,
        dtype="float32",
        *,
        data=False,
        scale=None,
        dynamic=None,
        ranked=True,
        bytes_stored=None,
        buffer=None,
    ):
        fields = {
            0: Vec(("i", tuple(shape))),
            1: Num(("b", TYPES[dtype])),
            3: name,
            8: Num(("B", ranked)),
        }
        if data:
            size = bytes_stored
            if size is None:
                size = BYTES.get(dtype, 1)
                for length in shape:
                    size *= length
            self.buffers.append({0: bytes(size)})
            fields[2] = Num(("I", len(self.buffers) - 1))
        if buffer is not None:
            fields[2] = Num(("I", buffer))
        if scale is not None:
            fields[4] = {2: Vec(("f", scale)), 3: Vec(("q", (3,) * len(scale))), 6: Num(("i", 1))}
        if dynamic is not None:
            fields[7] = Vec(("i", tuple(dynamic)))
        tensors = self.graphs[-1]["tensors"]
        tensors.append(fields)
        return len(tensors) - 1

    def operator(self, name, inputs, outputs, options=None):
        from edgeloop.models import tflite_schema as schema

        known = name in schema.BUILTIN_OPERATORS
        number = schema.BUILTIN_OPERATORS.index(name) if known else schema.CUSTOM
        code = {0: Num(("b", min(number, 127))), 3: Num(("i", number))}
        if not known:
            code[1] = name
        self.codes.append(code)
        fields = {
            0: Num(("I", len(self.codes) - 1)),
            1: Vec(("i", tuple(inputs))),
            2: Vec(("i", tuple(outputs))),
        }
        if options is not None:
            fields[3], fields[4] = Num(("B", options[0])), options[1]
        self.graphs[-1]["operators"].append(fields)
        return self

    def io(self, inputs, outputs):
        self.graphs[-1]["in"], self.graphs[-1]["out"] = inputs, outputs
        return self

    def build(self):
        graphs = [
            {
                0: g["tensors"],
                1: Vec(("i", tuple(g["in"]))),
                2: Vec(("i", tuple(g["out"]))),
                3: g["operators"],
                4: g["name"],
            }
            for g in self.graphs
        ]
        root = {0: Num(("I", 3)), 1: self.codes, 2: graphs, 3: "made by a test", 4: self.buffers}
        return FlatWriter(b"TFL3").file({**root, **self.extra})


@pytest.fixture
def flat_writer():
    return FlatWriter(b"TFL3")


@pytest.fixture
def num():
    return Num


@pytest.fixture
def vec():
    return Vec


@pytest.fixture
def builder():
    return TfliteBuilder().graph()


@pytest.fixture
def shared():
    """Return the path of a real model, or skip where the folder is not there."""

    def find(name):
        if not SHARED.is_dir():
            pytest.skip(f"real models are in {SHARED}, which is not here")
        return SHARED / name

    return find


@pytest.fixture
def asset():
    return lambda name: ASSETS / name


@pytest.fixture
def mutations():
    """Return damaged copies of a file's content: flipped, overwritten, cut, doubled bytes."""

    def make(data, count, seed):
        source = random.Random(seed)
        for _ in range(count):
            yield bytes(_damaged(bytearray(data), source))

    return make


def _damaged(data, source):
    if source.random() < 0.2:
        return data[: source.randrange(len(data))]
    for _ in range(source.choice((1, 1, 2, 8))):
        # Structure lies at both ends of the formats, weights in between.
        near = source.randrange(min(4096, len(data)))
        place = source.choice((source.randrange(len(data)), near, len(data) - 1 - near))
        kind = source.randrange(4)
        if kind == 0:
            data[place] ^= 1 << source.randrange(8)
        elif kind == 1:
            data[place : place + 4] = source.choice((0, 1, 2**31 - 1, 2**32 - 1)).to_bytes(
                4, "little"
            )
        elif kind == 2:
            del data[place : place + source.randrange(1, 64)]
        else:
            data[place:place] = data[near : near + source.randrange(1, 64)]
        data = data or bytearray(b"x")
    return data
