"""What a model file holds: tensors, operators, parameters, multiply-accumulates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Optional

Shape = tuple[Optional[int], ...]


@dataclass(frozen=True)
class Quantization:
    """Real value = scale x (stored value - zero point), per tensor or along one axis.

    `axis` is None where one scale serves the whole tensor.
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int | None


@dataclass(frozen=True)
class TensorSummary:
    """One input or output.

    A dimension of `shape` is None where it is dynamic; the whole `shape` is None where the file
    does not even state the number of dimensions. `dim_names` has one entry for each dimension.
    """

    name: str
    dtype: str
    shape: Shape | None
    dim_names: tuple[str | None, ...]
    quantization: Quantization | None


@dataclass(frozen=True)
class OperatorCount:
    """How often one operator occurs; `custom` means that the format does not define it.

    `macs` counts one inference: 0 for what is neither convolution nor matrix product, None where
    it cannot be known.
    """

    name: str
    count: int
    custom: bool
    macs: int | None


@dataclass(frozen=True)
class ModelSummary:
    """One model file.

    A field that is None has its reason beside it or in `notes`. `macs` are multiply-accumulates
    of convolutions and matrix products only, for one inference at the shapes in the file, a
    dynamic first dimension counted as 1. `parameters` are stored numbers that the model computes
    with, `parameter_bytes` what they take in the file.
    """

    path: str
    format: str
    kind: str | None
    bytes: int
    sha256: str
    precision: str | None
    precision_reason: str
    inputs: tuple[TensorSummary, ...] | None
    outputs: tuple[TensorSummary, ...] | None
    operators: tuple[OperatorCount, ...] | None
    parameters: int | None
    parameters_reason: str
    parameter_bytes: int | None
    macs: int | None
    macs_reason: str
    fewest_multiplications: int | None = None
    """As `macs`, but 3x3 convolutions of stride 1 by Winograd's method: no runtime does less."""
    custom_operators: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists, numbers and strings, fit for JSON."""
        return {key: _plain(value) for key, value in asdict(self).items()}


def stated(**metadata: Any) -> dict[str, Any]:
    """Keep what a file does state: numbers, and texts and lists that are not empty."""
    return {key: value for key, value in metadata.items() if value not in (None, "", [], {})}


def summary_from_dict(document: Mapping[str, Any]) -> ModelSummary:
    """Return the summary that `as_dict` was called on, from our own JSON only."""
    fields = dict(document)
    for key in ("inputs", "outputs"):
        if fields[key] is not None:
            fields[key] = tuple(_tensor(item) for item in fields[key])
    if fields["operators"] is not None:
        fields["operators"] = tuple(OperatorCount(**item) for item in fields["operators"])
    for key in ("custom_operators", "notes"):
        fields[key] = tuple(fields[key])
    return ModelSummary(**fields)


def _tensor(document: Mapping[str, Any]) -> TensorSummary:
    fields = dict(document)
    quantization = fields["quantization"]
    if quantization is not None:
        fields["quantization"] = Quantization(
            scales=tuple(quantization["scales"]),
            zero_points=tuple(quantization["zero_points"]),
            axis=quantization["axis"],
        )
    if fields["shape"] is not None:
        fields["shape"] = tuple(fields["shape"])
    fields["dim_names"] = tuple(fields["dim_names"])
    return TensorSummary(**fields)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value
