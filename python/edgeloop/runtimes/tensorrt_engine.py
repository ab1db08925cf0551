"""The TensorRT engine: compiled on the board, against the TensorRT that is installed there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Optional

import edgeloop
from edgeloop.envs.managed import EnvironmentState
from edgeloop.errors import CannotWriteError, NotAvailableError, RuntimeFailedError
from edgeloop.host.user_folders import data_folder
from edgeloop.runtimes.nvidia_libraries import ROOT_VARIABLE, find_nvinfer, nvinfer_version

ENGINE = "tensorrt"

Version = tuple[int, int, int]

_INCLUDE_FOLDERS = (
    "/usr/include/aarch64-linux-gnu", "/usr/include/x86_64-linux-gnu", "/usr/include",
    "/usr/local/cuda/include", "/usr/local/tensorrt/include",
)  # fmt: skip
_HEADER = "NvInfer.h"
_COMPILERS = ("g++", "c++")
_COMPILE_TIMEOUT_S = 600  # 10 s on a laptop, minutes on a Nano without swap
_PROBE = "#include <NvInferVersion.h>\n=NV_TENSORRT_MAJOR.NV_TENSORRT_MINOR.NV_TENSORRT_PATCH\n"


def version_text(version: Version) -> str:
    """Write a version as 10.3.0."""
    return ".".join(str(part) for part in version)


def engine_path(version: Version) -> Path:
    """Return where the engine for a version of TensorRT is, or will be built."""
    name = f"tensorrt-{version_text(version)}-edgeloop-{edgeloop.__version__}.so"
    bundled = sources() / f"tensorrt-{version_text(version)}.so"  # of a build that had the headers
    if bundled.is_file():
        return bundled
    return _built() / name


def _built() -> Path:
    return data_folder() / "lib"


def sources() -> Path:
    """Return the folder with tensorrt/*.cpp and cuda/cuda_runtime_api.h."""
    here = Path(edgeloop.__file__).resolve().parent
    installed = here / "plugins"
    return installed if installed.is_dir() else here.parents[1] / "cpp" / "plugins"


def state() -> EnvironmentState:
    """Return whether there is an engine for the TensorRT of this machine; nothing is compiled."""
    purpose = "the engine for the TensorRT of this machine, compiled here"
    try:
        path = engine_path(nvinfer_version(find_nvinfer()[0]))
    except NotAvailableError:
        return EnvironmentState(ENGINE, "not for this machine", str(_built()), purpose)
    return EnvironmentState(ENGINE, "complete" if path.is_file() else "absent", str(path), purpose)


def install(progress: Callable[[str], None]) -> Path:
    """Build the engine for the TensorRT of this machine, unless it exists already.

    Raises NotAvailableError without a libnvinfer, its headers or a compiler, RuntimeFailedError
    where the compiler fails, and CannotWriteError.
    """
    library, origin = find_nvinfer()
    version = nvinfer_version(library)
    target = engine_path(version)
    if target.is_file():
        progress(f"{target} is already there (TensorRT {version_text(version)}, {library})")
        return target
    compiler = _compiler()
    include = _headers(compiler, version)
    progress(f"TensorRT {version_text(version)}: {library} ({origin}), headers in {include}")
    _compile(compiler, include, target)
    progress(f"built {target}")
    return target


def remove() -> list[Path]:
    """Delete the engines that were built here, for any TensorRT; return what they were.

    Raises CannotWriteError.
    """
    engines = sorted(_built().glob("tensorrt-*-edgeloop-*.so"))
    for path in engines:
        try:
            path.unlink()
        except OSError as error:
            raise CannotWriteError(f"{path} cannot be deleted: {error.strerror}") from error
    return engines


def _compiler() -> str:
    found = next(filter(None, map(shutil.which, _COMPILERS)), None)
    if found is None:
        raise NotAvailableError(
            "no C++ compiler was found (looked for g++ and c++ on PATH); install one: "
            "'apt install g++'"
        )
    return found


def _headers(compiler: str, wanted: Version) -> Path:
    """Return the folder with the headers of that version of TensorRT; the patch may differ."""
    seen = []
    for folder in _header_folders():
        if not (folder / _HEADER).is_file():
            continue
        version = _headers_version(compiler, folder)
        if version is not None and version[:2] == wanted[:2]:
            return folder
        seen.append(f"{folder} has {'unknown' if version is None else version_text(version)}")
    if seen:
        raise NotAvailableError(
            f"no headers of TensorRT {version_text(wanted)} were found ({'; '.join(seen)}); "
            f"install those of the library, or name its root folder with {ROOT_VARIABLE}"
        )
    looked = ", ".join(str(folder) for folder in _header_folders())
    raise NotAvailableError(
        f"TensorRT {version_text(wanted)} was found, but not its headers: no {_HEADER} (looked in "
        f"{looked}); install them ('apt install libnvinfer-headers-dev', in JetPack 5 and before "
        f"'apt install libnvinfer-dev'), or name the unpacked archive with {ROOT_VARIABLE}"
    )


def _header_folders() -> Iterator[Path]:
    root = os.environ.get(ROOT_VARIABLE)
    if root:
        yield Path(root) / "include"
    yield from map(Path, _INCLUDE_FOLDERS)


def _headers_version(compiler: str, include: Path) -> Optional[Version]:
    """Ask the preprocessor: since 10.x the numbers are macros of macros."""
    command = [compiler, "-E", "-P", "-x", "c++", f"-I{include}", "-"]
    done = subprocess.run(
        command, input=_PROBE, capture_output=True, text=True, check=False, timeout=60
    )
    found = re.search(r"=\s*(\d+)\s*\.\s*(\d+)\s*\.\s*(\d+)", done.stdout)
    return None if found is None else (int(found[1]), int(found[2]), int(found[3]))


def _compile(compiler: str, include: Path, target: Path) -> None:
    """Build next to the target and move it there in one step."""
    source = sources()
    cuda = source / "cuda"
    if not cuda.is_dir():  # a checkout that is not installed
        cuda = source.parents[1] / "third_party" / "cuda"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".tensorrt-", dir=target.parent) as folder:
            built = Path(folder) / target.name
            command = [
                *(compiler, "-std=c++14", "-O2", "-fPIC", "-shared", "-fvisibility=hidden"),
                *("-isystem", str(cuda), "-isystem", str(include)),
                f"-I{edgeloop.get_include()}",
                *map(str, sorted((source / "tensorrt").glob("*.cpp"))),
                *("-o", str(built), "-ldl"),
            ]
            _run(command)
            built.replace(target)
    except OSError as error:
        raise CannotWriteError(
            f"{target} cannot be written ({error.strerror}); choose another data folder with "
            "XDG_DATA_HOME"
        ) from error


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False,
            timeout=_COMPILE_TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise RuntimeFailedError(
            f"the compiler did not finish within {_COMPILE_TIMEOUT_S} s; free some memory and try "
            "again"
        ) from error
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if "error" in line]
        reason = (errors or done.stderr.strip().splitlines() or ["it gave no reason"])[0]
        raise RuntimeFailedError(f"the TensorRT engine cannot be compiled: {reason}")
