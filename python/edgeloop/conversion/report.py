"""The report of a conversion: what was done, and what the verification found."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Optional

from edgeloop.conversion.faults import FileFacts, facts_as_dict
from edgeloop.conversion.verification import Verification
from edgeloop.errors import CannotWriteError
from edgeloop.models.provenance import sidecar_of
from edgeloop.results.notebook import one_line

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class StepReport:
    """One edge that was run."""

    edge: str
    source: str
    target: str
    tool: str
    python: str
    written: FileFacts
    notes: tuple[str, ...]
    faults: tuple[str, ...]
    transposed_inputs: Mapping[str, Sequence[int]]
    transposed_outputs: Mapping[str, Sequence[int]]
    start_ns: int
    """Starting the interpreter."""
    import_ns: int
    convert_ns: int
    inspect_ns: int
    """Reading the file that was written: a part of the verification."""
    log: str
    """What the worker had printed by its end, the beginning and the end of it."""

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {**asdict(self), "written": facts_as_dict(self.written)}


@dataclass(frozen=True)
class ConversionReport:
    """One conversion, from the file that was given to the file that was left."""

    model: str
    model_sha256: str
    path: str
    """The file or folder that was left; NAME.unverified where it failed its verification."""
    sha256: str
    format: str
    bytes: int
    precision: Optional[str]
    steps: tuple[StepReport, ...]
    verification: Verification
    total_ns: int

    def __repr__(self) -> str:
        """Return what was left and whether it was verified, in one line."""
        words = {True: "verified", False: "unverified", None: "not verified here"}
        text = f"{self.path}: {self.format}, {words[self.verification.passed]}"
        return one_line("ConversionReport", text)

    @property
    def input_layouts(self) -> dict[str, list[int]]:
        """Input of the result → the axes that make it of the source's, where it was transposed."""
        return {k: list(v) for step in self.steps for k, v in step.transposed_inputs.items()}

    @property
    def output_layouts(self) -> dict[str, list[int]]:
        """The same for outputs."""
        return {k: list(v) for step in self.steps for k, v in step.transposed_outputs.items()}

    @property
    def notes(self) -> list[str]:
        """What was decided on the way."""
        return [note for step in self.steps for note in step.notes]

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return {
            "schema_version": SCHEMA_VERSION,
            "model": self.model,
            "model_sha256": self.model_sha256,
            "path": self.path,
            "sha256": self.sha256,
            "format": self.format,
            "bytes": self.bytes,
            "precision": self.precision,
            "transposed_inputs": self.input_layouts,
            "transposed_outputs": self.output_layouts,
            "steps": [step.as_dict() for step in self.steps],
            "verification": self.verification.as_dict(),
            "total_ns": self.total_ns,
        }


def write_sidecar(model: str, document: Mapping[str, Any]) -> None:
    """Keep the report beside the model that it is on. Raises CannotWriteError."""
    path = sidecar_of(model)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("x", encoding="utf-8") as file:  # never through a link that lies there
            file.write(json.dumps(document, indent=1) + "\n")
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise CannotWriteError(f"{path} cannot be written: {error.strerror}") from error
