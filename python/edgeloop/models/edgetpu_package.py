"""What the compiled part of an Edge TPU model says of itself: compiler, chip, parameters.

The custom operator's options hold a FlatBuffer, the package, with FlatBuffers in it, one for each
executable. Slots are those of executable/executable.fbs in google-coral/libedgetpu (2024-03-14).
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from edgeloop.models.flatbuffer import FlatbufferReader, Table
from edgeloop.spec.plain_text import plain

_IDENTIFIER = b"DWN1"  # four bytes into a package


class _Package(IntEnum):
    RUNTIME = 0
    EXECUTABLES = 1
    COMPILER = 4


class _Executable(IntEnum):
    PARAMETERS = 6
    CHIP = 10
    TYPE = 13


class _Type(IntEnum):
    STAND_ALONE = 0
    PARAMETER_CACHING = 1
    EXECUTION_ONLY = 2


@dataclass(frozen=True)
class EdgeTpuPackage:
    """One compiled part. `cached_bytes` are loaded onto the chip once, `streamed_bytes` each run.

    Parameters are counted as they are stored, in the layout and with the padding of the chip.
    """

    compiler: str
    chip: str
    runtime: int
    """The least version of the runtime library that reads it."""
    executables: int
    cached_bytes: int
    streamed_bytes: int


def read_package(options: bytes, path: str) -> EdgeTpuPackage | None:
    """Read the options of one custom operator; None where they hold no package.

    Raises ModelError where the package is damaged.
    """
    place = options.find(_IDENTIFIER)
    if place < 4:
        return None
    package = _root(options[place - 4 :], path)
    bundle = _nested(package, _Package.EXECUTABLES, path)
    found = [] if bundle is None else list(_executables(bundle, path))
    return EdgeTpuPackage(
        compiler=plain(package.text(_Package.COMPILER)),
        chip=plain(found[0].text(_Executable.CHIP)) if found else "",
        runtime=package.number(_Package.RUNTIME, "i"),
        executables=len(found),
        cached_bytes=_parameters(found, (_Type.PARAMETER_CACHING,)),
        streamed_bytes=_parameters(found, (_Type.STAND_ALONE, _Type.EXECUTION_ONLY)),
    )


def _parameters(executables: Iterable[Table], types: tuple[_Type, ...]) -> int:
    return sum(
        executable.vector(_Executable.PARAMETERS, 1)[1]
        for executable in executables
        if executable.number(_Executable.TYPE, "h") in types
    )


def _executables(bundle: Table, path: str) -> Iterable[Table]:
    for content in bundle.byte_strings(0):
        yield _root(content, path)


def _nested(table: Table, slot: int, path: str) -> Table | None:
    content = table.blob(slot)
    return _root(content, path) if content else None


def _root(content: bytes, path: str) -> Table:
    return FlatbufferReader(io.BytesIO(content), len(content), path).root()
