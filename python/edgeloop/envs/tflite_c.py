"""The TensorFlow Lite C library, taken out of a wheel whose hash is known."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from edgeloop.envs import machine
from edgeloop.envs.managed import EnvironmentState
from edgeloop.envs.pip import Watch, has_pip, pip_reason, run_pip
from edgeloop.errors import CannotWriteError, NotAvailableError
from edgeloop.host.user_folders import data_folder

LIBRARY = "tflite-c"
LIBRARY_NAME = "libtensorflowlite_c.so"
LIBRARY_VERSION = "2.17.1"
LICENCE = "Apache-2.0"

_WHEEL = "pymicro-wakeword"
_WHEEL_VERSION = "2.5.0"
_MEMBER = f"pymicro_wakeword/lib/{LIBRARY_NAME}"
_MIN_GLIBC = (2, 34)  # of the libraries' symbols; the wheels' tag asks for one more
_PIP_TIMEOUT_S = 600  # 2 MB; pip itself gives up sooner on a dead network

_INSTEAD = (
    f"or build {LIBRARY_NAME} yourself (bazel build //tensorflow/lite/c:tensorflowlite_c) and "
    "name it with EDGELOOP_TFLITE_LIBRARY"
)
_BY_HAND = f"try again with a network, {_INSTEAD}"


@dataclass(frozen=True)
class PlatformWheel:
    """One wheel and the library in it."""

    tag: str
    wheel_sha256: str
    library_sha256: str


@dataclass(frozen=True)
class InstalledLibrary:
    """What `install` left behind."""

    path: str
    version: str
    origin: str
    licence: str


# Architecture of the interpreter → its wheel.
WHEELS = {
    "x86_64": PlatformWheel(
        tag="manylinux_2_35_x86_64",
        wheel_sha256="3869f536402b1254e3be3549d3a462ecd6ed21ce2c3e77ec8eb501c3c700417c",
        library_sha256="25465edb5cd7aadd00249d4d28f1d922ce5cc90195ad4403458111dd63493bae",
    ),
    "aarch64": PlatformWheel(
        tag="manylinux_2_35_aarch64",
        wheel_sha256="6c75b77c936efd19b8c35a094cb7e3fdbd4ebcd0f63635a0851ce591990829f2",
        library_sha256="12062437bfde367b1be592ebc4a9fe64b8453f90b3b7dc21fade002c38e1ac1a",
    ),
    "armv7l": PlatformWheel(
        tag="manylinux_2_35_armv7l",
        wheel_sha256="af92b862fe0488fba7422b9819b1a8c88781b2f90fb3e4b7f1dcfd1d90a6b69b",
        library_sha256="fcb6ef6f3f9c68889868fb55aba544d43d0fe9703c1efeb2756e82b553d032ab",
    ),
}


def state() -> EnvironmentState:
    """Return whether the library is installed, and where."""
    purpose = f"the classic TensorFlow Lite C library {LIBRARY_VERSION}, for the runtime tflite"
    path = library_path()
    try:
        wheel = _wheel_for_this_machine()
    except NotAvailableError:
        return EnvironmentState(LIBRARY, "not for this machine", str(path), purpose)
    whole = _sha256_of_file(path) == wheel.library_sha256
    found = "complete" if whole else "incomplete" if path.exists() else "absent"
    return EnvironmentState(LIBRARY, found, str(path), purpose)


def library_path() -> Path:
    """Return where the library is installed, by the XDG base directory specification."""
    return data_folder() / "lib" / LIBRARY_NAME


def install(progress: Callable[[str], None], watch: Optional[Watch] = None) -> InstalledLibrary:
    """Put the library into the data folder, unless this very one is there already.

    Raises NotAvailableError where the machine, pip or the network does not allow it, and
    CannotWriteError where the data folder does not.
    """
    wheel = _wheel_for_this_machine()
    target = library_path()
    installed = InstalledLibrary(
        path=str(target),
        version=LIBRARY_VERSION,
        origin=f"{_WHEEL} {_WHEEL_VERSION}, a package on the Python package index",
        licence=LICENCE,
    )
    if _sha256_of_file(target) == wheel.library_sha256:
        progress(f"{target} is already there (TensorFlow Lite {LIBRARY_VERSION})")
        return installed
    progress(f"downloading {_WHEEL} {_WHEEL_VERSION} for the {LIBRARY_NAME} in it")
    with tempfile.TemporaryDirectory(prefix="edgeloop-") as folder:
        library = _library_in(_download(wheel, Path(folder), watch))
    if hashlib.sha256(library).hexdigest() != wheel.library_sha256:
        raise NotAvailableError(
            f"the {LIBRARY_NAME} in {_WHEEL} {_WHEEL_VERSION} is not the one that edgeloop knows; "
            f"nothing was installed"
        )
    _write(library, target)
    progress(f"installed {target}")
    progress(f"TensorFlow Lite {LIBRARY_VERSION} C library from {installed.origin}, {LICENCE}")
    return installed


def remove() -> bool:
    """Delete the library; return whether it was there. Raises CannotWriteError."""
    try:
        library_path().unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CannotWriteError(f"{library_path()} cannot be deleted: {error.strerror}") from error
    return True


def _wheel_for_this_machine() -> PlatformWheel:
    architecture = machine.architecture()
    wheel = WHEELS.get(architecture) if sys.platform == "linux" else None
    if wheel is None:
        raise NotAvailableError(
            f"no {LIBRARY_NAME} is known for {architecture} on {sys.platform} (only for Linux on "
            f"{', '.join(WHEELS)}); use another runtime, {_INSTEAD}"
        )
    here = machine.too_old_for(_MIN_GLIBC)
    if here is not None:
        raise NotAvailableError(
            f"the {LIBRARY_NAME} on the package index needs glibc "
            f"{_MIN_GLIBC[0]}.{_MIN_GLIBC[1]} (Debian 12, Ubuntu 22.04), and this machine has "
            f"{here}; use another runtime, {_INSTEAD}"
        )
    return wheel


def _download(wheel: PlatformWheel, folder: Path, watch: Optional[Watch]) -> Path:
    if not has_pip():
        raise NotAvailableError(
            f"{sys.executable} has no pip, which downloads the wheel; install it (for instance "
            f"'{sys.executable} -m ensurepip' or 'apt install python3-pip'), {_INSTEAD}"
        )
    requirements = folder / "requirements.txt"
    requirements.write_text(
        f"{_WHEEL}=={_WHEEL_VERSION} --hash=sha256:{wheel.wheel_sha256}\n", encoding="utf-8"
    )
    # The library does not depend on Python: the tags are given, so that any interpreter may ask.
    arguments = [
        *("download", "--no-deps", "--only-binary=:all:"),
        *("--require-hashes", "--requirement", str(requirements), "--dest", str(folder)),
        *("--platform", wheel.tag, "--python-version", "3.9"),
        *("--implementation", "py", "--abi", "none"),
    ]
    done = run_pip(sys.executable, arguments, _PIP_TIMEOUT_S, watch=watch)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise NotAvailableError(
            f"pip could not download {_WHEEL} {_WHEEL_VERSION}: {pip_reason(done)}; {_BY_HAND}"
        )
    return wheels[0]


def _library_in(wheel: Path) -> bytes:
    """Return the one member that is wanted; nothing else is unpacked, and no path is trusted."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(_MEMBER)
    except (KeyError, OSError, zipfile.BadZipFile) as error:
        raise NotAvailableError(f"{wheel.name} holds no {_MEMBER}: {error}; {_BY_HAND}") from error


def _write(library: bytes, target: Path) -> None:
    """Replace the target in one step, so that no reader ever sees half a library."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{LIBRARY_NAME}.", dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(library)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink()
            raise
    except OSError as error:
        raise CannotWriteError(
            f"{target} cannot be written ({error.strerror}); choose another data folder with "
            "XDG_DATA_HOME"
        ) from error


def _sha256_of_file(path: Path) -> Optional[str]:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
