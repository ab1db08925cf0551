"""What is inside the wheels that .ci/wheels.sh built: tags, file names, ELF, versions of glibc."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest
from elftools.elf.elffile import ELFFile

FOLDER = Path(os.environ.get("EDGELOOP_TEST_WHEELS", "dist"))
BUILT = os.environ.get("EDGELOOP_TEST_WHEELS_BUILT", "").split()
MACHINES = {"x86_64": "EM_X86_64", "aarch64": "EM_AARCH64", "armv7l": "EM_ARM"}
# What a manylinux2014 wheel may load: C++ is in the extension, so no libstdc++ is asked for.
SYSTEM_LIBRARIES = r"(lib(c|m|dl|pthread|rt)\.so\.\d|ld-linux[-\w]*\.so\.\d)"
MOST_BYTES = 2_000_000  # with libc++ inside
NEWEST_GLIBC = (2, 17)


@dataclass(frozen=True)
class Wheel:
    """A wheel, taken apart."""

    path: Path
    python: str
    machine: str
    names: list[str]
    metadata: str
    extension_name: str
    extension: bytes

    @property
    def elf(self):
        return ELFFile(io.BytesIO(self.extension))


def parametrized():
    return [pytest.param(name, id=name) for name in BUILT] or [
        pytest.param("", marks=pytest.mark.skip(reason="EDGELOOP_TEST_WHEELS_BUILT names none"))
    ]


@pytest.fixture(params=parametrized())
def wheel(request):
    python, machine = request.param.split("-")
    (path,) = FOLDER.glob(f"edgeloop-*-{python}-{python}-*_{machine}.whl")
    with ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        (extension,) = [name for name in names if ".so" in Path(name).suffixes]
        (metadata,) = [name for name in names if name.endswith(".dist-info/WHEEL")]
        return Wheel(
            path=path,
            python=python,
            machine=machine,
            names=names,
            metadata=archive.read(metadata).decode(),
            extension_name=extension,
            extension=archive.read(extension),
        )


def test_tags(wheel):
    tag = f"{wheel.python}-{wheel.python}"
    platforms = {f"manylinux2014_{wheel.machine}", f"manylinux_2_17_{wheel.machine}"}
    assert set(wheel.path.stem.split("-")[-1].split(".")) == platforms
    tags = set(re.findall(r"^Tag: (.*)$", wheel.metadata, re.MULTILINE))
    assert tags == {f"{tag}-{platform}" for platform in platforms}
    assert "Root-Is-Purelib: false" in wheel.metadata


def test_size(wheel):
    assert wheel.path.stat().st_size <= MOST_BYTES


def test_extension_suffix(wheel):
    system = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu",
              "armv7l": "arm-linux-gnueabihf"}[wheel.machine]  # fmt: skip
    minor = wheel.python[2:]
    assert wheel.extension_name == f"edgeloop/_core.cpython-{minor}-{system}.so"


def test_compiled_for_that_python(wheel):
    """The headers' version, which the module compares when it is imported, is in its strings."""
    minor = wheel.python[3:]
    versions = set(re.findall(rb"\x003\.(9|1\d)\x00", wheel.extension))
    assert versions == {minor.encode()}


def test_machine(wheel):
    elf = wheel.elf
    assert elf["e_machine"] == MACHINES[wheel.machine]
    assert elf.elfclass == (32 if wheel.machine == "armv7l" else 64)
    assert elf.little_endian
    if wheel.machine == "armv7l":
        hard_float = 0x400
        assert elf["e_flags"] & hard_float


def test_needs_the_system_alone(wheel):
    dynamic = wheel.elf.get_section_by_name(".dynamic")
    needed = [tag.needed for tag in dynamic.iter_tags() if tag.entry.d_tag == "DT_NEEDED"]
    assert needed
    assert [name for name in needed if not re.fullmatch(SYSTEM_LIBRARIES, name)] == []
    kinds = {tag.entry.d_tag for tag in dynamic.iter_tags()}
    assert not kinds & {"DT_RPATH", "DT_RUNPATH", "DT_TEXTREL"}


def test_oldest_glibc(wheel):
    section = wheel.elf.get_section_by_name(".gnu.version_r")
    versions = {aux.name for _, auxiliaries in section.iter_versions() for aux in auxiliaries}
    assert versions
    for name in versions:
        found = re.fullmatch(r"GLIBC_(\d+)\.(\d+)(\.\d+)?", name)
        assert found, name
        assert (int(found[1]), int(found[2])) <= NEWEST_GLIBC, name


def test_exports_its_entry_alone(wheel):
    symbols = wheel.elf.get_section_by_name(".dynsym").iter_symbols()
    defined = {
        symbol.name
        for symbol in symbols
        if symbol["st_shndx"] != "SHN_UNDEF" and symbol["st_info"]["bind"] == "STB_GLOBAL"
    }
    assert defined == {"PyInit__core"}


def test_carries_the_demo_and_no_sources(wheel):
    names = set(wheel.names)
    for name in ("digits_float32.tflite", "digits_int8.onnx", "digits_test.npz", "MANIFEST.json"):
        assert f"edgeloop/demo/assets/{name}" in names
    for name in ("edgeloop/results/result.schema.json", "edgeloop/_core.pyi",
                 "edgeloop/include/edgeloop/engine_v1.h"):  # fmt: skip
        assert name in names
    # Sources are there for what is built on the board alone.
    stray = re.compile(
        r"^(?!edgeloop/plugins/tensorrt/).*\.(cpp|hpp)$|\.(pyc|o|a)$|__pycache__"
        r"|(^|/)(tests|benchmarks|\.[^/]+)(/|$)"
    )
    assert [name for name in names if stray.search(name)] == []


def test_imports_where_this_python_is_its(wheel, tmp_path):
    if (wheel.machine, wheel.python) != ("x86_64", f"cp3{sys.version_info[1]}"):
        pytest.skip("for another Python or machine than this one")
    with ZipFile(wheel.path) as archive:
        archive.extractall(tmp_path)
    code = "import _core; print(_core.engine_names())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True, capture_output=True, text=True, cwd=tmp_path / "edgeloop",
    )  # fmt: skip
    assert "null" in done.stdout
