"""Bad AOTInductor packages on the command line: one sentence, the right exit code, no hang."""

from __future__ import annotations

import shutil
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest

MEMBER = "m/data/aotinductor/model/c.wrapper.so"


def rewritten(source: Path, target: Path, change) -> Path:
    """Copy a package; `change` maps (name, content) to content, or None to leave a member out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return target


def compiled(folder: Path, code: str) -> bytes:
    """Compile a library from C++ code."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++ is here to build a library")
    (folder / "c.cpp").write_text(code)
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", folder / "c.so", folder / "c.cpp"], check=True
    )
    return (folder / "c.so").read_bytes()


def package_of(folder: Path, library: bytes, compression=zipfile.ZIP_STORED) -> Path:
    """Write a package of one library, of unknown origin."""
    path = folder / "made.pt2"
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr(MEMBER, library)
    return path


def fails(watched, code, words, path, *more, trust="--trust-pickle"):
    """Run bench; it ends with that code and one sentence that has these words."""
    arguments = ("bench", str(path), "--runtime", "aotinductor", "--no-save", "--runs", "3")
    arguments += (trust,) if trust else ()
    done = watched(*arguments, "--shape", "1x1x8x8", *more)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert not done.stdout


def library_of(name: str) -> bool:
    return name.endswith(".so")


def test_no_package_runs_unless_its_runtime_is_named(watched, packages):
    for more in ((), ("--runtime", "all")):
        done = watched("bench", str(packages.digits), "--no-save", *more)
        assert done.returncode == 2
        assert "machine code that runs with your rights" in done.stderr


def test_machine_code_of_others_needs_trust(watched, packages):
    fails(watched, 4, "did not compile here", packages.digits, trust=None)


def test_a_package_that_is_cut_short(watched, packages, tmp_path):
    content = packages.digits.read_bytes()
    path = tmp_path / "cut.pt2"
    path.write_bytes(content[: len(content) // 2])
    fails(watched, 4, "damaged or cut short", path)


def test_a_package_whose_library_was_changed(watched, packages, tmp_path):
    content = bytearray(packages.digits.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path = tmp_path / "changed.pt2"
    path.write_bytes(content)
    fails(watched, 4, "damaged or cut short", path)


def test_a_package_without_its_library(watched, packages, tmp_path):
    path = rewritten(packages.digits, tmp_path / "p.pt2", lambda n, c: None if library_of(n) else c)
    fails(watched, 4, "", path)


def test_a_package_for_another_processor(watched, packages, tmp_path):
    def change(name, content):
        if not library_of(name):
            return content
        other = 183 if content[18:20] != struct.pack("<H", 183) else 62
        return content[:18] + struct.pack("<H", other) + content[20:]

    path = rewritten(packages.digits, tmp_path / "p.pt2", change)
    fails(watched, 4, "this machine is", path)


def test_a_package_for_an_instruction_set_that_is_not_here(watched, packages, tmp_path):
    def change(name, content):
        return content.replace(b'"AOTI_CPU_ISA": "', b'"AOTI_CPU_ISA": "ASIMD AMX_TILE ')

    path = rewritten(packages.digits, tmp_path / "p.pt2", change)
    fails(watched, 4, "compiled for a processor with", path)


def test_a_package_of_another_pytorch(watched, tmp_path):
    """A function that this libtorch_cpu.so does not have is found when the library is opened."""
    code = (
        'extern "C" int aoti_torch_cpu_of_another_version();\n'
        'extern "C" int AOTInductorModelContainerRun() {'
        "return aoti_torch_cpu_of_another_version(); }\n"
        'extern "C" const char* check = "AOTI_RUNTIME_CHECK_INPUTS";\n'
    )
    path = package_of(tmp_path, compiled(tmp_path, code))
    fails(watched, 4, "undefined symbol: aoti_torch_cpu_of_another_version", path)


def test_a_package_that_cannot_check_its_inputs(watched, tmp_path):
    path = package_of(tmp_path, compiled(tmp_path, "int nothing;"))
    fails(watched, 4, "cannot check its inputs", path)


def test_a_package_that_is_no_library(watched, tmp_path):
    fails(watched, 4, "not an ELF file", package_of(tmp_path, b"text, and no library" * 9))


def test_a_package_that_is_a_bomb(watched, tmp_path):
    """A compressed member may be a thousand times the file: it is not unpacked."""
    library = compiled(tmp_path, "int nothing;") + bytes(50_000_000)
    path = package_of(tmp_path, library, zipfile.ZIP_DEFLATED)
    fails(watched, 4, "is compressed, which PyTorch does not do", path)


def test_a_package_that_crashes_when_it_is_opened(watched, tmp_path):
    code = (
        "__attribute__((constructor)) void crash() { __builtin_trap(); }\n"
        'extern "C" const char* check = "AOTI_RUNTIME_CHECK_INPUTS";\n'
    )
    fails(watched, 5, "crashed", package_of(tmp_path, compiled(tmp_path, code)))


def test_a_library_that_is_not_pytorchs(watched, packages, tmp_path):
    library = tmp_path / "other.so"
    library.write_bytes(compiled(tmp_path, "int nothing;"))
    fails(watched, 3, "has no symbol aoti_torch_", packages.digits, "--library", str(library))
    missing = tmp_path / "missing.so"
    fails(watched, 3, "no such file exists", packages.digits, "--library", str(missing))
