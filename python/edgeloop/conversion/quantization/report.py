"""The report of a quantisation: what it gained, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Optional

from edgeloop.conversion.quantization.layers import LayerError
from edgeloop.errors import reasoned
from edgeloop.results.notebook import one_line
from edgeloop.stats.ratio import ratio_text

if TYPE_CHECKING:
    from edgeloop.conversion.verification import Verification

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class ModelFile:
    """A model file, before or after."""

    path: str
    format: str
    sha256: str
    bytes: int

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return asdict(self)


@dataclass(frozen=True)
class Calibration:
    """The samples that the ranges were taken from."""

    data: str
    sha256: str
    samples: int
    of: int
    """Samples that the data has."""
    seed: int
    skipped: Sequence[Sequence[str]] = ()
    """Name and reason of each that could not be read."""
    notes: Sequence[str] = ()
    """What was decided about the data, one sentence each."""


@dataclass(frozen=True)
class Figures:
    """What a measurement gave, or why there is none."""

    values: Optional[Mapping[str, Any]] = None
    reason: Optional[str] = None
    warnings: tuple[Mapping[str, Any], ...] = ()
    """What the measurement warns of."""


@dataclass(frozen=True)
class QuantizationReport:
    """One quantisation, from the file that was given to the file that was left."""

    source: ModelFile
    baseline: ModelFile
    """The float model in the result's format: the source itself, or what it was converted to."""
    result: ModelFile
    """NAME.unverified where it failed its verification."""
    precision: str
    method: str
    tool: str
    io: str
    activations: Optional[str]
    """ONNX, int8: asymmetric or symmetric."""
    reduce_range: Optional[bool]
    """ONNX: whether the weights have 7 bits."""
    calibration: Optional[Calibration]
    verification: Verification
    latency: Figures
    accuracy: Figures
    layers: Optional[tuple[LayerError, ...]]
    """Worst first; None where they were not asked for."""
    layers_reason: Optional[str]
    notes: tuple[str, ...]
    warnings: tuple[Mapping[str, Any], ...]
    transposed_inputs: Mapping[str, Sequence[int]]
    """Input → the axes that make it of the original model's, where a conversion moved channels."""
    transposed_outputs: Mapping[str, Sequence[int]]
    import_ns: int
    quantize_ns: int
    total_ns: int
    log: str

    def __repr__(self) -> str:
        """Return what was left and whether it was verified, in one line."""
        words = {True: "verified", False: "unverified", None: "not verified here"}
        text = f"{self.result.path}: {self.precision}, {words[self.verification.passed]}"
        return one_line("QuantizationReport", text)

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able description; the file's own fields are those of a conversion."""
        return {
            "schema_version": SCHEMA_VERSION,
            "model": self.source.path,
            "model_sha256": self.source.sha256,
            "path": self.result.path,
            "sha256": self.result.sha256,
            "format": self.result.format,
            "bytes": self.result.bytes,
            "precision": self.precision,
            "transposed_inputs": {k: list(v) for k, v in self.transposed_inputs.items()},
            "transposed_outputs": {k: list(v) for k, v in self.transposed_outputs.items()},
            "verification": self.verification.as_dict(),
            "total_ns": self.total_ns,
            "quantization": {
                "source": self.source.as_dict(),
                "baseline": self.baseline.as_dict(),
                "result": self.result.as_dict(),
                "method": self.method,
                "tool": self.tool,
                "io": self.io,
                "activations": self.activations,
                "reduce_range": self.reduce_range,
                **reasoned(
                    "calibration",
                    None if self.calibration is None else asdict(self.calibration),
                    f"{self.precision} needs no ranges of activations",
                ),
                **reasoned("latency", self.latency.values, self.latency.reason or ""),
                **reasoned("accuracy", self.accuracy.values, self.accuracy.reason or ""),
                **reasoned(
                    "layers",
                    None if self.layers is None else [asdict(layer) for layer in self.layers],
                    self.layers_reason or "",
                ),
                "notes": list(self.notes),
                "warnings": [dict(one) for one in self.warnings],
                "import_ns": self.import_ns,
                "quantize_ns": self.quantize_ns,
                "log": self.log,
            },
        }


def ratio_words(values: Mapping[str, Any]) -> str:
    """Return a ratio with its interval: 0.512 [0.508, 0.517]."""
    return ratio_text(values["ratio"], values["ratio_ci95"])
