from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeloop import _core
from edgeloop.runtimes.identity import elf_build_id, library_identity

PT_NOTE = 4
BUILD_ID = bytes(range(20))


def note(description: bytes = BUILD_ID, name: bytes = b"GNU\0", kind: int = 3) -> bytes:
    """Return a note as the linker writes it, in little endian."""
    head = struct.pack("<III", len(name), len(description), kind)
    return head + padded(name) + padded(description)


def padded(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // 4) * 4, b"\0")


def elf(
    *notes: bytes,
    wide: bool = True,
    order: str = "<",
    kind: int = PT_NOTE,
    count: int | None = None,
) -> bytes:
    """Return an ELF file that has one program header for each note and nothing else."""
    header_size, entry_size = (64, 56) if wide else (52, 32)
    table = b""
    content = b""
    for data in notes:
        offset = header_size + entry_size * len(notes) + len(content)
        if wide:
            table += struct.pack(order + "IIQQQQQQ", kind, 4, offset, 0, 0, len(data), 0, 4)
        else:
            table += struct.pack(order + "IIIIIIII", kind, offset, 0, 0, len(data), 0, 4, 4)
        content += data
    ident = b"\x7fELF" + bytes([2 if wide else 1, 2 if order == ">" else 1, 1]) + bytes(9)
    word = "Q" if wide else "I"
    header = ident + struct.pack(
        f"{order}HHI{word}{word}{word}IHHHHHH",
        3, 62, 1, 0, header_size, 0, 0, header_size, entry_size,
        len(notes) if count is None else count, 0, 0, 0,
    )  # fmt: skip
    return header + table + content


Write = Callable[[bytes], str]


@pytest.fixture
def library(tmp_path: Path) -> Write:
    def write(data: bytes) -> str:
        path = tmp_path / "library.so"
        path.write_bytes(data)
        return str(path)

    return write


def real_libraries() -> list[str]:
    mapped = re.findall(r"/\S+\.so\S*", Path("/proc/self/maps").read_text(encoding="utf-8"))
    return sorted({str(Path(sys.executable).resolve()), *mapped})


def test_build_ids_are_those_that_readelf_shows() -> None:
    readelf = shutil.which("readelf")
    if readelf is None:
        pytest.skip("readelf is not here")
    compared = 0
    for path in real_libraries()[:40]:
        shown = subprocess.run([readelf, "-n", path], capture_output=True, text=True, check=True)
        match = re.search(r"Build ID: ([0-9a-f]+)", shown.stdout)
        assert elf_build_id(path) == (None if match is None else match[1]), path
        compared += match is not None
    assert compared > 0


@pytest.mark.parametrize("wide", [True, False])
def test_both_widths(wide: bool, library: Write) -> None:
    assert elf_build_id(library(elf(note(), wide=wide))) == BUILD_ID.hex()


@pytest.mark.parametrize("wide", [True, False])
def test_big_endian(wide: bool, library: Write) -> None:
    data = struct.pack(">III", 4, 20, 3) + b"GNU\0" + BUILD_ID
    assert elf_build_id(library(elf(data, wide=wide, order=">"))) == BUILD_ID.hex()


def test_the_note_is_found_behind_others(library: Write) -> None:
    others = note(b"abcdefg", b"stapsdt\0"), note(b"12345", b"CORE\0", kind=1), note(b"", kind=5)
    assert elf_build_id(library(elf(*others, note()))) == BUILD_ID.hex()
    assert elf_build_id(library(elf(b"".join(others) + note()))) == BUILD_ID.hex()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x7fEL",
        b"\x7fELF",
        b"\x7fELF\x02\x01",
        b"#!/bin/sh\n" * 100,
        b"!<arch>\n" + bytes(200),
        elf(),
        elf(note(), kind=1),
        elf(note(kind=1)),
        elf(note(name=b"LLD\0")),
        elf(note(b"")),
    ],
    ids=[
        "empty",
        "short",
        "magic",
        "ident",
        "text",
        "archive",
        "no segment",
        "no note segment",
        "no id note",
        "another vendor",
        "an empty id",
    ],
)
def test_files_without_a_build_id(data: bytes, library: Write) -> None:
    assert elf_build_id(library(data)) is None


def test_a_library_cut_off_anywhere_has_none(library: Write) -> None:
    whole = elf(note())
    for length in range(len(whole)):
        assert elf_build_id(library(whole[:length])) is None


@pytest.mark.parametrize("number", [2**64 - 1, 2**63, 2**63 - 1, 2**40])
@pytest.mark.parametrize("field", [32, 64 + 8, 64 + 32], ids=["table", "offset", "length"])
def test_numbers_from_nowhere(number: int, field: int, library: Write) -> None:
    hostile = bytearray(elf(note(bytes(20), kind=1)))
    hostile[field : field + 8] = struct.pack("<Q", number)
    assert elf_build_id(library(bytes(hostile))) is None


@pytest.mark.parametrize(
    "sizes", [(2**32 - 1, 20), (4, 2**32 - 1), (2**32 - 1, 2**32 - 1), (4, 65)]
)
def test_notes_that_claim_more_than_there_is(sizes: tuple[int, int], library: Write) -> None:
    data = struct.pack("<III", *sizes, 3) + b"GNU\0" + bytes(4000)
    assert elf_build_id(library(elf(data))) is None


def test_thousands_of_segments_take_no_memory(library: Write) -> None:
    entries = 65535
    big = note(bytes(60_000), kind=9)
    entry = struct.pack("<IIQQQQQQ", PT_NOTE, 4, 64 + 56 * entries, 0, 0, len(big), 0, 4)
    path = library(elf(count=entries) + entry * entries + big)
    tracemalloc.start()
    assert elf_build_id(path) is None
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1 << 20


def test_no_more_segments_are_read_than_an_honest_library_has(library: Write) -> None:
    other = note(kind=1)
    assert elf_build_id(library(elf(*[other] * 255, note()))) == BUILD_ID.hex()
    assert elf_build_id(library(elf(*[other] * 256, note()))) is None


def test_a_folder_and_a_file_that_is_gone() -> None:
    assert elf_build_id("/") is None
    assert elf_build_id("/nowhere.so") is None


def test_identity_of_a_library() -> None:
    path = str(Path(_core.__file__).resolve())
    identity = library_identity(path)
    assert identity["path"] == path
    assert identity["bytes"] == Path(path).stat().st_size
    assert identity["mtime_s"] == Path(path).stat().st_mtime
    assert json.loads(json.dumps(identity)) == identity


@pytest.mark.parametrize("path", [None, "/nowhere.so", "no id"])
def test_what_is_unknown_has_its_reason(path: str | None, library: Write) -> None:
    identity = library_identity(library(elf()) if path == "no id" else path)
    unknown = {key for key, value in identity.items() if value is None}
    assert "build_id" in unknown
    assert all(identity[f"{key}_reason"] for key in unknown)
