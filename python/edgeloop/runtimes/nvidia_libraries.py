"""Where TensorRT's and CUDA's libraries are: JetPack, Debian packages, an unpacked archive, pip."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Optional

from edgeloop.errors import NotAvailableError
from edgeloop.runtimes._package_library import on_loader_path

NVINFER = "libnvinfer.so"
CUDART = "libcudart.so"
NVINFER_VARIABLE = "EDGELOOP_TENSORRT_LIBRARY"
CUDART_VARIABLE = "EDGELOOP_CUDART_LIBRARY"
ROOT_VARIABLE = "TENSORRT_ROOT"

_SYSTEM = ("/usr/lib/aarch64-linux-gnu", "/usr/lib/x86_64-linux-gnu")
_CUDA = ("/usr/local/cuda/lib64", "/usr/local/cuda/lib", "/usr/lib/aarch64-linux-gnu/tegra")

# Runs in an interpreter of its own: the library is hundreds of megabytes, and may crash.
_ASK_VERSION = """
import ctypes, sys
try:
    print(ctypes.CDLL(sys.argv[1]).getInferLibVersion())
except (OSError, AttributeError) as error:
    sys.exit(str(error))
"""
_ASK_TIMEOUT_S = 120


def find_nvinfer(named: Optional[str] = None) -> tuple[Path, str]:
    """Return the path of libnvinfer and how it was found.

    Raises NotAvailableError that says where we looked.
    """
    for chosen, origin in ((named, "--library"), (_variable(NVINFER_VARIABLE), NVINFER_VARIABLE)):
        if chosen:
            return _existing(chosen, origin), origin
    found = next(_versions(nvinfer_folders(), NVINFER), None)
    if found is not None:
        return found
    raise NotAvailableError(
        f"no {NVINFER} was found (looked in {_looked(nvinfer_folders())} and the loader's cache); "
        f"TensorRT comes with JetPack or from NVIDIA: install it, or name it with --library, "
        f"{NVINFER_VARIABLE} or {ROOT_VARIABLE}; then run 'edgeloop setup tensorrt'"
    )


def find_cudart() -> Path:
    """Return the path of libcudart. Raises NotAvailableError that says where we looked."""
    chosen = _variable(CUDART_VARIABLE)
    if chosen:
        return _existing(chosen, CUDART_VARIABLE)
    found = next(_versions(cudart_folders(), CUDART), None)
    if found is not None:
        return found[0]
    raise NotAvailableError(
        f"no {CUDART} was found (looked in {_looked(cudart_folders())} and the loader's cache); "
        f"install the CUDA runtime (JetPack has it), or name it with {CUDART_VARIABLE}"
    )


def nvinfer_folders() -> list[tuple[Path, str]]:
    """Return the folders that may hold libnvinfer, in the order in which it is sought."""
    root = _variable(ROOT_VARIABLE)
    folders = [] if root is None else [(Path(root) / "lib", ROOT_VARIABLE)]
    folders += [(path, "the tensorrt package") for path in _package_folders("tensorrt_libs")]
    return [*folders, *((Path(folder), "the system") for folder in _SYSTEM)]


def cudart_folders() -> list[tuple[Path, str]]:
    """Return the folders that may hold libcudart, in the order in which it is sought."""
    folders = [(Path(folder), "the system") for folder in (*_CUDA, *_SYSTEM)]
    for package in _package_folders("nvidia"):
        folders += [(path, "the nvidia packages") for path in sorted(package.glob("*/lib"))]
    return folders


def nvinfer_version(path: Path) -> tuple[int, int, int]:
    """Return major, minor and patch number, from the file's name where it tells them.

    Raises NotAvailableError where the library cannot be loaded.
    """
    named = re.search(r"\.so\.(\d+)\.(\d+)\.(\d+)", path.resolve().name)
    if named:
        return int(named[1]), int(named[2]), int(named[3])
    status = path.stat()
    number = _asked_version(str(path), status.st_size, status.st_mtime_ns)
    major = 10000 if number >= 80000 else 1000  # 100300 is 10.3.0, 8601 is 8.6.1
    return number // major, number % major // 100, number % 100


@cache
def _asked_version(path: str, size: int, mtime_ns: int) -> int:
    del size, mtime_ns  # parts of the key: another file at the same place is asked again
    command = [sys.executable, "-I", "-S", "-c", _ASK_VERSION, path]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False,
            timeout=_ASK_TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise NotAvailableError(
            f"the library {path} did not report its version within {_ASK_TIMEOUT_S} s"
        ) from error
    if done.returncode != 0 or not done.stdout.strip().isdigit():
        output = done.stderr.strip().splitlines()
        raise NotAvailableError(
            f"the library {path} cannot be used: {output[-1] if output else 'it crashed'}; name a "
            f"{NVINFER} for this machine with --library or {NVINFER_VARIABLE}"
        )
    return int(done.stdout)


def _variable(name: str) -> Optional[str]:
    return os.environ.get(name) or None


def _existing(named: str, origin: str) -> Path:
    path = Path(named).expanduser().absolute()
    if not path.is_file():
        raise NotAvailableError(f"{origin} names {named}, but no such file exists")
    return path


def _versions(folders: list[tuple[Path, str]], name: str) -> Iterator[tuple[Path, str]]:
    """Yield the files of a library: as the linker finds it, or with a version behind its name."""
    for folder, origin in folders:
        for path in (folder / name, *sorted(folder.glob(f"{name}.*"), reverse=True)):
            if path.is_file():
                yield path, origin
    yield from ((path, "the loader's path") for path in on_loader_path(name) if path.is_file())


def _package_folders(package: str) -> list[Path]:
    spec = find_spec(package)
    return [] if spec is None else [Path(p) for p in spec.submodule_search_locations or ()]


def _looked(folders: list[tuple[Path, str]]) -> str:
    return ", ".join(str(folder) for folder, _ in folders)
