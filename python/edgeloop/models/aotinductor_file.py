"""Read AOTInductor packages: a zip archive with the library that PyTorch compiled from a model.

What `edgeloop convert` makes also states its inputs and outputs, under the key `edgeloop` of the
metadata that PyTorch keeps beside the library.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Optional

from edgeloop.errors import CannotWriteError, ModelError, plain
from edgeloop.host.cpuinfo import cpu_entries
from edgeloop.host.user_folders import data_folder
from edgeloop.models.identity import sha256_of
from edgeloop.models.summary import ModelSummary, TensorSummary, stated
from edgeloop.models.zip_members import Members, opened_zip

METADATA_KEY = "edgeloop"
_METADATA_VERSION = 1
_FOLDER = "data/aotinductor/"
_LIBRARY = ".wrapper.so"

_MAX_JSON = 1 << 16  # bytes; names and shapes of some hundred tensors
_MAX_RANK = 64
_MOST_DIM = 2**31 - 1

# e_machine of an ELF file → as platform.machine() calls it (System V ABI, elf.h).
_MACHINES = {3: "i686", 21: "ppc64le", 22: "s390x", 40: "armv7l", 62: "x86_64", 183: "aarch64",
             243: "riscv64"}  # fmt: skip

# PyTorch's name of an instruction set → the kernel's flag of a processor that has it.
_FLAGS = {
    "AVX2": "avx2",
    "AVX512": "avx512f",
    "AVX512_VNNI": "avx512_vnni",
    "AMX_TILE": "amx_tile",
    "ASIMD": "asimd",
}


@dataclass(frozen=True)
class PackageTensor:
    """An input or output as the package states it."""

    name: str
    dtype: str
    """NumPy name."""
    shape: tuple[int, ...]
    strides: Optional[tuple[int, ...]] = None
    """In elements, as the code was compiled for them; None for outputs."""


@dataclass(frozen=True)
class Package:
    """What a package says of itself; `inputs` and `outputs` are None where it was made elsewhere.

    `library` is the full name of its zip member, `dispatched` says that the model needs PyTorch's
    dispatcher for some operators.
    """

    path: Path
    library: str
    library_bytes: int
    built_for: dict[str, str]
    dispatched: bool = False
    torch_version: Optional[str] = None
    inputs: Optional[tuple[PackageTensor, ...]] = None
    outputs: Optional[tuple[PackageTensor, ...]] = None


def metadata_of(
    torch_version: str, inputs: Sequence[PackageTensor], outputs: Sequence[PackageTensor]
) -> str:
    """Return what `convert` writes into a package."""
    return json.dumps({
        "version": _METADATA_VERSION,
        "torch": torch_version,
        "inputs": [asdict(tensor) for tensor in inputs],
        "outputs": [asdict(tensor) for tensor in outputs],
    })  # fmt: skip


def read_package(path: Path) -> Package:
    """Read what a package says of itself. Raises ModelError where it is damaged or another file."""
    with opened_zip(path) as members:
        return _package(path, members)


def extract_library(package: Package, target: BinaryIO) -> None:
    """Copy the package's library into an open file.

    PyTorch stores it as it is, so no more is ever written than the package is long.
    Raises ModelError where the member is damaged, compressed, or no library for this machine.
    """
    with opened_zip(package.path) as members:
        members.copy_stored(package.library, target)


def require_fit(package: Package, machine: str) -> None:
    """Raise ModelError where the package was compiled for another processor or device."""
    again = "compile it again on this machine with 'edgeloop convert MODEL --to aotinductor'"
    with opened_zip(package.path) as members:
        header = members.head(package.library, 20)
    if len(header) < 20 or header[:4] != b"\x7fELF":
        raise ModelError(f"{package.path}: its library is not an ELF file; {again}")
    (code,) = struct.unpack_from("<H" if header[5] == 1 else ">H", header, 18)
    built = _MACHINES.get(code, f"machine {code}")
    if built != machine:
        raise ModelError(
            f"{package.path} was compiled for {built}, this machine is {machine}; {again}"
        )
    device = package.built_for.get("AOTI_DEVICE_KEY", "cpu")
    if device != "cpu":
        raise ModelError(
            f"{package.path} was compiled for {plain(device)}, edgeloop runs packages for the CPU; "
            "compile it for that"
        )
    entries = cpu_entries()
    wanted = package.built_for.get("AOTI_CPU_ISA", "").split()
    missing = [
        isa for isa in wanted if entries and _FLAGS.get(isa) not in (None, *entries[0].flags)
    ]
    if missing:
        raise ModelError(
            f"{package.path} was compiled for a processor with {', '.join(map(plain, missing))}, "
            f"which this one lacks; {again}"
        )


def remember_package(path: Path) -> bool:
    """Note by its SHA-256 that edgeloop compiled a package here; return whether it was noted."""
    with suppress(OSError, CannotWriteError):
        note = _note_of(path)
        note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        note.touch(mode=0o600)
        return True
    return False


def require_own_package(path: Path) -> None:
    """Raise ModelError where edgeloop did not compile the package for this user on this machine."""
    try:
        known = _note_of(path).is_file()
    except CannotWriteError:  # a user without a home has no notes
        known = False
    if not known:
        raise ModelError(
            f"{path} was not loaded: it is machine code that edgeloop did not compile here, and to "
            "load it is to run it; add --trust-pickle only if you trust it, or make it of the "
            "model with 'edgeloop convert MODEL --to aotinductor'"
        )


def _note_of(path: Path) -> Path:
    return data_folder() / "compiled" / sha256_of(path)


def summarised(empty: ModelSummary, members: Members) -> ModelSummary:
    """Complete the summary of a package."""
    package = _package(Path(empty.path), members)
    machine = plain(package.built_for.get("AOTI_MACHINE") or "not stated")
    reason = "the program and its weights are compiled into a library"
    unseen = "operators" if package.inputs else "inputs, outputs and operators"
    return replace(
        empty,
        precision_reason=reason,
        parameters_reason=reason,
        macs_reason=reason,
        inputs=_tensors(package.inputs),
        outputs=_tensors(package.outputs),
        metadata=stated(
            members=len(members.sizes),
            library=package.library,
            library_bytes=package.library_bytes,
            built_for=package.built_for,
            torch_version=package.torch_version,
        ),
        notes=(
            f"{reason}; {unseen} cannot be seen",
            f"it runs only on the processor it was built for: {machine}",
            "it is machine code: to load it is to run it",
        ),
    )


def _tensors(tensors: Optional[tuple[PackageTensor, ...]]) -> Optional[tuple[TensorSummary, ...]]:
    if tensors is None:
        return None
    return tuple(
        TensorSummary(plain(t.name), t.dtype, t.shape, (None,) * len(t.shape), None)
        for t in tensors
    )


def _package(path: Path, members: Members) -> Package:
    libraries = [
        name for name in members.inner if name.startswith(_FOLDER) and name.endswith(".so")
    ]
    wrappers = [name for name in libraries if name.endswith(_LIBRARY)] or libraries
    if len(wrappers) != 1:
        models = ", ".join(plain(name) for name in wrappers[:4]) or "none"
        raise ModelError(
            f"{path} holds {len(wrappers)} compiled models ({models}); edgeloop runs packages of "
            "one"
        )
    stem = wrappers[0][: -len(".so")]
    full = members.inner[wrappers[0]]
    metadata = members.inner.get(f"{stem}_metadata.json")
    built_for = {} if metadata is None else _json_object(members, metadata)
    own = built_for.pop(METADATA_KEY, None)
    package = Package(
        path=path,
        library=full,
        library_bytes=members.sizes[full],
        built_for=built_for,
        dispatched=f"{stem}.json" in members.inner,  # the calls, for PyTorch's own loader
    )
    return package if own is None else _with_tensors(package, own, members)


def _json_object(members: Members, name: str) -> dict[str, str]:
    try:
        found = json.loads(members.read(name, _MAX_JSON))
    except (ValueError, RecursionError) as error:
        raise members.damaged(f"'{plain(name)}' is not JSON") from error
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _with_tensors(package: Package, text: str, members: Members) -> Package:
    try:
        stated = json.loads(text)
        if stated["version"] != _METADATA_VERSION:
            return package  # of a later edgeloop: as if it was made elsewhere
        return replace(
            package,
            torch_version=plain(str(stated["torch"])),
            inputs=tuple(map(_tensor, stated["inputs"])),
            outputs=tuple(map(_tensor, stated["outputs"])),
        )
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise members.damaged("edgeloop's record of its inputs was changed") from error


def _tensor(document: dict[str, Any]) -> PackageTensor:
    """Read one tensor; raises KeyError, TypeError or ValueError where it is not one."""
    strides = document["strides"]
    return PackageTensor(
        name=_line(document["name"]),
        dtype=_line(document["dtype"]),
        shape=_whole(document["shape"]),
        strides=None if strides is None else _whole(strides),
    )


def _line(text: Any) -> str:
    if not isinstance(text, str) or not text or not text.isprintable():
        raise ValueError("no name")
    return text


def _whole(numbers: Any) -> tuple[int, ...]:
    if len(numbers) > _MAX_RANK or not all(
        type(number) is int and 0 <= number <= _MOST_DIM for number in numbers
    ):
        raise ValueError("no shape")
    return tuple(numbers)
