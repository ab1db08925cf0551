"""Readers of files that a stranger may have written, each with a small right file to begin with.

The tests and benchmarks/robustness.py damage these files. Models and results have seeds of their
own there.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeloop.data.box_sets import CocoBoxes
from edgeloop.data.images import csv_lines
from edgeloop.data.labels import ClassNames
from edgeloop.data.npz import NpySource, NpzSource
from edgeloop.demo import ASSETS
from edgeloop.errors import ModelError
from edgeloop.host.governor import restore
from edgeloop.models.inspect import inspect_model
from edgeloop.models.provenance import read_sidecar
from edgeloop.models.tflite_metadata import read_metadata
from edgeloop.suite.definition import read_definition
from edgeloop.suite.journal import read_journal
from edgeloop.suite.matrix import expand


@dataclass(frozen=True)
class Reader:
    """A reader, and what is right for it; `text`: its structure is in words, not in bytes."""

    name: str
    """Of the file, with its ending."""
    seed: bytes
    read: Callable[[Path], Any]
    text: bool = True
    beside: str = ""
    """An empty file that has to lie in the same folder."""

    def prepare(self, folder: Path) -> Path:
        """Write the right file and what belongs to it; return its path."""
        if self.beside:
            (folder / self.beside).touch()
        path = folder / self.name
        path.write_bytes(self.seed)
        return path


def _all_samples(source: Any) -> None:
    for _ in source.chunks(1024):
        pass


def _npz(path: Path) -> None:
    _all_samples(NpzSource(str(path), ["x_data"], "y_data"))


def _npy(path: Path) -> None:
    _all_samples(NpySource(str(path), "x", None))


def _names(path: Path) -> int:
    return ClassNames.read(str(path)).count


def _picture(path: Path) -> None:
    from edgeloop.data.picture import UnreadablePictureError, decode

    try:
        decode(str(path), "rgb")
    except UnreadablePictureError as error:
        raise ModelError(str(error)) from error


def _sidecar(path: Path) -> None:
    model = path.with_name(path.name[: -len(".conversion.json")])
    model.write_bytes(b"")
    read_sidecar(str(model))


def _governors(path: Path) -> None:
    restore(path, path.parent / "machine")


def _arrays(compressed: bool) -> bytes:
    file = io.BytesIO()
    save = np.savez_compressed if compressed else np.savez
    save(file, x_data=np.zeros((8, 4), np.float32), y_data=np.arange(8))
    return file.getvalue()


def _one_array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros((8, 4), np.float32))
    return file.getvalue()


def _pictures() -> Iterator[Reader]:
    try:
        from PIL import Image
    except ImportError:
        return
    for kind in ("png", "jpeg", "bmp"):
        file = io.BytesIO()
        Image.new("RGB", (16, 16)).save(file, kind)
        yield Reader(f"picture.{kind}", file.getvalue(), _picture, text=False)


_COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": 8, "height": 8}],
    "categories": [{"id": 3, "name": "cat"}],
    "annotations": [{"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], "area": 12}],
}
_SUITE = """\
effort = "quick"
[matrix]
models = ["null"]
runtimes = ["null"]
threads = [1, 2]
[[override]]
when = { threads = 2 }
budget = 0.5
"""
_JOURNAL = (
    '{"plan": {"name": "s", "seed": 1, "entries": ["a"]}}\n'
    '{"entry": "a", "state": "finished", "elapsed_s": 1.5, "result": "a", "error": null,'
    ' "exit_code": 0}\n'
)
_IR = """\
<net name="m" version="11"><layers>
<layer id="0" name="x" type="Parameter" version="opset1"><data shape="1,4" element_type="f32"/>
<output><port id="0" precision="FP32"><dim>1</dim><dim>4</dim></port></output></layer>
<layer id="1" name="y" type="Result" version="opset1"><input><port id="0" precision="FP32">
<dim>1</dim><dim>4</dim></port></input></layer></layers>
<edges><edge from-layer="0" from-port="0" to-layer="1" to-port="0"/></edges></net>
"""
_NCNN = "7767517\n2 2\nInput x 0 1 x 0=4\nReLU r 1 1 x y\n"


def readers() -> list[Reader]:
    """Return all of them."""
    int8 = ASSETS / "digits_int8.tflite"
    return [
        Reader("x.npz", _arrays(False), _npz, text=False),
        Reader("z.npz", _arrays(True), _npz, text=False),
        Reader("samples.npy", _one_array(), _npy, text=False),
        Reader("names.txt", b"0 cat\n1 dog\n2 bird, fowl\n", _names),
        Reader("names.json", b'{"0": "cat", "1": "dog"}', _names),
        Reader(
            "list.csv", b'file,label\na.png,1\n"b, c.png",2\n', lambda p: list(csv_lines(str(p)))
        ),
        Reader(
            "coco.json", json.dumps(_COCO).encode(), lambda p: CocoBoxes(str(p)), beside="a.png"
        ),
        Reader("suite.toml", _SUITE.encode(), lambda p: expand(read_definition(str(p)))),
        Reader("suite.jsonl", _JOURNAL.encode(), read_journal),
        Reader("m.tflite.conversion.json", b'{"sha256": "0", "steps": [{"log": "x"}]}', _sidecar),
        Reader("governor.json", b'{"governors": {"policy0": "ondemand"}}', _governors),
        Reader("m.xml", _IR.encode(), inspect_model),
        Reader("m.param", _NCNN.encode(), inspect_model, beside="m.bin"),
        Reader("labels.tflite", int8.read_bytes(), read_metadata, text=False),
        *_pictures(),
    ]


_WORDS = (
    *(b"[" * 20_000, b"{" * 20_000, b'{"a":' * 5000, b"9" * 5000, b"a." * 5000, b"<a>" * 5000),
    *(b"1e999", b"-1", b"null", b'""', b"NaN", b"=1+1", b"\xff\xfe", b"\x00", b"\xed\xa0\x80"),
    *(b" " * 5000, b"\n" * 1000, b"\x1b[2J"),
)


def damaged(seed: bytes, chance: random.Random, text: bool) -> bytes:
    """Return the file with one to three changes."""
    data = bytearray(seed)
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(data) + 1)
        end = min(len(data), start + chance.choice((0, 1, 1, 4, 16)))
        kind = chance.randrange(5)
        if kind == 0 and text:
            data[start:end] = chance.choice(_WORDS)
        elif kind == 1:
            data[start:end] = b""
        elif kind == 2:
            data[start:start] = data[end : end + chance.randint(1, 40)] * chance.choice((1, 2, 500))
        elif kind == 3 and chance.random() < 0.3:
            del data[start:]
        elif data:
            place = min(start, len(data) - 1)
            odd = chance.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, chance.randrange(1 << 32)))
            length = chance.choice((1, 4))
            data[place : place + length] = odd.to_bytes(4, "little")[:length]
    return bytes(data)
