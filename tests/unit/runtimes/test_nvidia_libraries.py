"""Where TensorRT and CUDA are sought, and which version a library is."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeloop.errors import NotAvailableError
from edgeloop.runtimes import nvidia_libraries as nvidia


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without any of them, whatever this one has."""
    for variable in (
        nvidia.NVINFER_VARIABLE, nvidia.CUDART_VARIABLE, nvidia.ROOT_VARIABLE, "LD_LIBRARY_PATH",
    ):  # fmt: skip
        monkeypatch.delenv(variable, raising=False)
    for name in ("_SYSTEM", "_CUDA"):
        monkeypatch.setattr(nvidia, name, (str(tmp_path / name),))
    monkeypatch.setattr(nvidia, "on_loader_path", lambda name: iter(()))
    monkeypatch.setattr(nvidia, "find_spec", lambda name: None)


def touched(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_where_there_is_none_it_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(NotAvailableError, match=f"looked in {tmp_path}/_SYSTEM and") as caught:
        nvidia.find_nvinfer()
    assert "edgeloop setup tensorrt" in str(caught.value)
    with pytest.raises(NotAvailableError, match=nvidia.CUDART_VARIABLE):
        nvidia.find_cudart()


def test_what_is_named_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touched(tmp_path / "_SYSTEM", "libnvinfer.so.8.2.1")
    assert nvidia.find_nvinfer()[1] == "the system"
    root = touched(tmp_path / "root" / "lib", "libnvinfer.so.10.3.0")
    monkeypatch.setenv(nvidia.ROOT_VARIABLE, str(tmp_path / "root"))
    assert nvidia.find_nvinfer() == (root / "libnvinfer.so.10.3.0", nvidia.ROOT_VARIABLE)
    named = touched(tmp_path / "named", "a.so", "b.so")
    monkeypatch.setenv(nvidia.NVINFER_VARIABLE, str(named / "a.so"))
    assert nvidia.find_nvinfer() == (named / "a.so", nvidia.NVINFER_VARIABLE)
    assert nvidia.find_nvinfer(str(named / "b.so")) == (named / "b.so", "--library")
    with pytest.raises(NotAvailableError, match=r"--library names /nowhere\.so"):
        nvidia.find_nvinfer("/nowhere.so")


def test_the_cuda_runtime_of_a_system_without_development_files(tmp_path: Path) -> None:
    folder = touched(tmp_path / "_CUDA", "libcudart.so.11.0", "libcudart.so.12")
    assert nvidia.find_cudart() == folder / "libcudart.so.12"


@pytest.mark.parametrize(
    ("name", "version"),
    [("libnvinfer.so.8.2.1", (8, 2, 1)), ("libnvinfer.so.10.16.1", (10, 16, 1))],
)
def test_the_name_of_the_file_tells_the_version(
    name: str, version: tuple[int, int, int], tmp_path: Path
) -> None:
    file = touched(tmp_path, name) / name
    (tmp_path / "libnvinfer.so").symlink_to(file)
    assert nvidia.nvinfer_version(tmp_path / "libnvinfer.so") == version


@pytest.mark.parametrize(
    ("number", "version"), [(8601, (8, 6, 1)), (100300, (10, 3, 0)), (110100, (11, 1, 0))]
)
def test_else_the_library_is_asked(
    number: int, version: tuple[int, int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nvidia, "_asked_version", lambda *_: number)
    assert nvidia.nvinfer_version(touched(tmp_path, "libnvinfer.so") / "libnvinfer.so") == version


def test_a_library_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    file = touched(tmp_path, "libnvinfer.so") / "libnvinfer.so"
    with pytest.raises(NotAvailableError, match=f"the library {file} cannot be used: .*too short"):
        nvidia.nvinfer_version(file)
