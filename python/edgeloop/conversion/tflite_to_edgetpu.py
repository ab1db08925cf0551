"""TensorFlow Lite to the Edge TPU's form of it, by Google's edgetpu_compiler."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from edgeloop.conversion.edge import ConversionOptions, Converted
from edgeloop.errors import ModelError, NotAvailableError, UsageError

_MAPPED = "Mapped to Edge TPU"

_VERSION = re.compile(r"^Edge TPU Compiler version (\S+)", re.MULTILINE)
_SUBGRAPHS = re.compile(r"^Number of Edge TPU subgraphs:\s*(\d+)", re.MULTILINE)
_MEMORY = re.compile(
    r"^(On-chip memory used for caching model parameters|Off-chip memory used for streaming "
    r"uncached model parameters):\s*(\S+)",
    re.MULTILINE,
)
# Operator, how often, what became of it: columns of at least two spaces.
_HEADING = re.compile(r"^Operator\s+Count\s+Status\s*$")
_ROW = re.compile(r"^(\S.*?)\s{2,}(\d+)\s{2,}(\S.*?)\s*$")
_REASONS = re.compile(r"^(?:ERROR|Error|Invalid model|Model not quantized|Internal compiler error|"
                      r"Compilation failed|Compilation child process).*", re.MULTILINE)  # fmt: skip

_COMPILER = "edgetpu_compiler"
_WHERE = (
    "it is Google's program for x86-64 Debian (package edgetpu-compiler of the Coral repository): "
    "install it there and convert there; the result runs on any board with the device"
)
# What the compiler writes beside its log, from the name of the model.
_WRITTEN = "{stem}_edgetpu.tflite"


def import_packages() -> None:
    """Look for the compiler. Raises NotAvailableError."""
    _compiler()


def convert(source: str, target: str, options: ConversionOptions) -> Converted:
    """Compile a quantised model; raise ModelError where nothing of it could be mapped."""
    if options.shapes or options.batch_size:
        raise UsageError(
            f"{_COMPILER} takes the model as it is: fix its shapes in the conversion to .tflite"
        )
    command = [_compiler(), "--show_operations", "--out_dir", ".", source]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
        check=False,
    )  # fmt: skip
    text = done.stdout + done.stderr
    print(text)  # the whole of it is the step's log
    written = Path(_WRITTEN.format(stem=Path(source).stem))
    if done.returncode != 0 or not written.is_file():
        raise ModelError(
            f"{_COMPILER} cannot compile {source}: {failure(text)} (the Edge TPU needs a model "
            "that is quantised to int8 throughout, with fixed shapes: edgeloop quantize)"
        )
    log = read_log(text)
    if log.operators and log.on_device == 0:
        raise ModelError(
            f"{_COMPILER} mapped none of the operators of {source} to the Edge TPU, so that the "
            f"result would run on the CPU alone: {_left(log)}"
        )
    shutil.move(str(written), target)
    return Converted(notes=tuple(notes(log)))


def notes(log: CompilerLog) -> list[str]:
    """Return what the report says of a compilation."""
    said = []
    version = "" if log.version is None else f" {log.version}"
    if log.operators:
        total = sum(one.count for one in log.operators)
        subgraphs = "" if log.subgraphs is None else f" in {log.subgraphs} subgraph(s)"
        said.append(
            f"{_COMPILER}{version} mapped {log.on_device} of {total} operators to the Edge TPU"
            f"{subgraphs}"
        )
        if log.left:
            said.append(f"on the CPU stay: {_left(log)}")
    else:
        said.append(f"{_COMPILER}{version} printed no table of operators: see the step's log")
    said += [f"{what[0].lower()}{what[1:]}: {size}" for what, size in log.memory]
    return said


def _left(log: CompilerLog) -> str:
    return "; ".join(f"{one.operator} {one.count} ({one.status})" for one in log.left)


def _compiler() -> str:
    found = shutil.which(_COMPILER)
    if found is None:
        raise NotAvailableError(f"{_COMPILER} is not in the PATH: {_WHERE}")
    return found


@dataclass(frozen=True)
class MappedOperator:
    """A line of the table of operators."""

    operator: str
    count: int
    status: str
    """The compiler's words."""

    @property
    def mapped(self) -> bool:
        """Whether it runs on the Edge TPU."""
        return self.status.startswith(_MAPPED)


@dataclass(frozen=True)
class CompilerLog:
    """One compilation."""

    version: Optional[str]
    operators: tuple[MappedOperator, ...]
    subgraphs: Optional[int]
    memory: tuple[tuple[str, str], ...]
    """What of the parameters lies where, in the compiler's words: ("On-chip ...", "3.75MiB")."""

    @property
    def on_device(self) -> int:
        """How many operators were mapped to the Edge TPU."""
        return sum(one.count for one in self.operators if one.mapped)

    @property
    def left(self) -> tuple[MappedOperator, ...]:
        """What stays on the CPU, with the compiler's reasons."""
        return tuple(one for one in self.operators if not one.mapped)


def read_log(text: str) -> CompilerLog:
    """Read what the compiler printed with --show_operations."""
    version = _VERSION.search(text)
    subgraphs = _SUBGRAPHS.search(text)
    return CompilerLog(
        version=None if version is None else version.group(1),
        operators=tuple(_operators(text)),
        subgraphs=None if subgraphs is None else int(subgraphs.group(1)),
        memory=tuple(_MEMORY.findall(text)),
    )


def failure(text: str) -> str:
    """Return why a compilation failed: the lines that say so, else the last one."""
    said = [line.strip() for line in _REASONS.findall(text)]
    if not said:
        said = [line.strip() for line in text.splitlines() if line.strip()][-1:]
    return "; ".join(dict.fromkeys(said)) or "it gave no reason"


def _operators(text: str) -> Iterator[MappedOperator]:
    in_table = False
    for line in text.splitlines():
        if _HEADING.match(line):
            in_table = True
            continue
        row = _ROW.match(line) if in_table else None
        if row is not None:
            yield MappedOperator(row.group(1), int(row.group(2)), row.group(3))
        elif in_table and line.strip():
            return
