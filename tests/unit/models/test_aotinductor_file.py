"""AOTInductor packages as files: what they tell of themselves, damaged ones, ones that lie."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from edgeloop.errors import CannotWriteError, ModelError
from edgeloop.models.aotinductor_file import (
    METADATA_KEY,
    PackageTensor,
    extract_library,
    metadata_of,
    read_package,
    require_fit,
)

FOLDER = "m/data/aotinductor/model"
ELF_X86 = b"\x7fELF\x02\x01" + bytes(12) + b"\x3e\x00" + bytes(44)
TOLD = metadata_of(
    "2.13.0",
    [PackageTensor("x y", "float32", (1, 2), (2, 1))],
    [PackageTensor("out", "int64", ())],
)


def package(
    path: Path,
    library: bytes = ELF_X86,
    metadata: dict[str, str] | None = None,
    compression: int = zipfile.ZIP_STORED,
    **more: bytes,
) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr(f"{FOLDER}/c.wrapper.so", library)
        archive.writestr(f"{FOLDER}/c.wrapper_metadata.json", json.dumps(metadata or {}))
        for name, content in more.items():
            archive.writestr(f"{FOLDER}/{name.replace('__', '.')}", content)
    return path


def test_what_edgeloop_wrote_is_read_again(tmp_path: Path) -> None:
    found = read_package(package(tmp_path / "m.pt2", metadata={METADATA_KEY: TOLD}))
    assert found.inputs == (PackageTensor("x y", "float32", (1, 2), (2, 1)),)
    assert found.outputs == (PackageTensor("out", "int64", ()),)
    assert (found.torch_version, found.dispatched) == ("2.13.0", False)
    assert found.library_bytes == len(ELF_X86)


def test_a_package_of_others_tells_no_tensors(tmp_path: Path) -> None:
    found = read_package(package(tmp_path / "m.pt2", metadata={"AOTI_MACHINE": "x86_64"}))
    assert (found.inputs, found.outputs) == (None, None)
    assert found.built_for == {"AOTI_MACHINE": "x86_64"}


def test_metadata_of_a_later_edgeloop_is_left_alone(tmp_path: Path) -> None:
    later = json.dumps({"version": 99})
    assert read_package(package(tmp_path / "m.pt2", metadata={METADATA_KEY: later})).inputs is None


def test_calls_for_the_dispatcher_are_seen(tmp_path: Path) -> None:
    assert read_package(package(tmp_path / "m.pt2", c__wrapper__json=b"{}")).dispatched


@pytest.mark.parametrize(
    "told",
    [
        "no json",
        "[]",
        "{}",
        TOLD.replace("float32", "float\\n32"),
        TOLD.replace('"shape": [1, 2]', '"shape": [1, -2]'),
        TOLD.replace('"shape": [1, 2]', '"shape": [1, 4294967296]'),
        TOLD.replace('"shape": [1, 2]', '"shape": [true]'),
        TOLD.replace('"shape": [1, 2]', f'"shape": {[1] * 65}'),
        TOLD.replace('"x y"', '""'),
        TOLD.replace('"inputs": [', '"inputs": [3, '),
    ],
)
def test_what_it_tells_is_checked(tmp_path: Path, told: str) -> None:
    with pytest.raises(ModelError, match="record of its inputs was changed"):
        read_package(package(tmp_path / "m.pt2", metadata={METADATA_KEY: told}))


def test_a_package_of_several_models_is_refused(tmp_path: Path) -> None:
    path = package(tmp_path / "m.pt2", d__wrapper__so=ELF_X86)
    with pytest.raises(ModelError, match="holds 2 compiled models"):
        read_package(path)


def test_the_library_is_copied_as_it_is(tmp_path: Path) -> None:
    target = io.BytesIO()
    extract_library(read_package(package(tmp_path / "m.pt2", ELF_X86 * 99)), target)
    assert target.getvalue() == ELF_X86 * 99


def test_a_compressed_library_is_not_unpacked(tmp_path: Path) -> None:
    path = package(tmp_path / "m.pt2", bytes(10**6), compression=zipfile.ZIP_DEFLATED)
    target = io.BytesIO()
    with pytest.raises(ModelError, match="is compressed"):
        extract_library(read_package(path), target)
    assert target.getvalue() == b""


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    found = read_package(package(tmp_path / "m.pt2"))
    refused = pytest.raises(CannotWriteError, match="set TMPDIR")
    with Path("/dev/full").open("wb", buffering=0) as full, refused:
        extract_library(found, full)


@pytest.mark.parametrize(
    ("library", "metadata", "words"),
    [
        (b"no library", {}, "not an ELF file"),
        (ELF_X86.replace(b"\x3e\x00", b"\xb7\x00"), {}, "compiled for aarch64, this machine"),
        (ELF_X86.replace(b"\x3e\x00", b"\xff\xff"), {}, "compiled for machine 65535"),
        (ELF_X86, {"AOTI_DEVICE_KEY": "cuda"}, "compiled for cuda"),
        (ELF_X86, {"AOTI_CPU_ISA": "ASIMD AMX_TILE"}, "a processor with ASIMD"),
    ],
)
def test_a_package_for_another_machine(
    tmp_path: Path, library: bytes, metadata: dict[str, str], words: str
) -> None:
    found = read_package(package(tmp_path / "m.pt2", library, metadata))
    with pytest.raises(ModelError, match=words):
        require_fit(found, "x86_64")


def test_a_package_for_this_machine(tmp_path: Path) -> None:
    require_fit(read_package(package(tmp_path / "m.pt2", metadata={"AOTI_CPU_ISA": ""})), "x86_64")
