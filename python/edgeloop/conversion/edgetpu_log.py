"""What edgetpu_compiler prints: the operators that it mapped, those it left, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

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
