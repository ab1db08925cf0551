"""What is in the source distribution: all that a board needs to build, and nothing stray."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP = {"CMakeLists.txt", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "PKG-INFO",
       "cpp", "python", "tests", "benchmarks", "third_party"}  # fmt: skip
NEEDED = (
    "cpp/bindings/module.cpp",
    "cpp/engines/litert.cpp",
    "cpp/src/engine_table.cpp.in",
    "cpp/include/edgeloop/engine_v1.h",
    "third_party/tflite_c.h",
    "python/edgeloop/_core.pyi",
    "python/edgeloop/results/result.schema.json",
    "python/edgeloop/demo/assets/digits_int8.tflite",
    "python/edgeloop/demo/assets/digits_float32.pt",
    "python/edgeloop/demo/assets/digits_test.npz",
    "tests/run.sh",
)
STRAY = re.compile(r"\.(so|o|a|pyc|whl|log)$|__pycache__|(^|/)(\.|build/|dist/)")


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdist")
    code = "import sys; from scikit_build_core.build import build_sdist; build_sdist(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, cwd=ROOT)
    (path,) = folder.glob("edgeloop-*.tar.gz")
    with tarfile.open(path) as archive:
        return {member.name.partition("/")[2]: member for member in archive.getmembers()}


def test_the_top_level(members):
    assert {name.partition("/")[0] for name in members} == TOP


def test_what_the_build_needs(members):
    assert [name for name in NEEDED if name not in members] == []
    tracked = subprocess.run(
        ["git", "ls-files", "cpp", "python", "third_party"],
        check=False, cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if tracked.returncode != 0:
        pytest.skip("this is no git checkout, so nothing tells which files belong to it")
    assert [name for name in tracked.stdout.split() if name not in members] == []


def test_nothing_stray(members):
    assert [name for name in members if STRAY.search(name)] == []
    assert [name for name, member in members.items() if not member.isfile()] == []
