"""How far two models agree on the same samples: errors, cosine, top-1, and the verdict on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.data.quantized import dequantize
from edgeloop.metrics.outputs import pair_outputs
from edgeloop.metrics.snr import finite_or_none, snr_db
from edgeloop.spec.load import TensorSpec

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgeloop.conversion.samples import SampleRun

# A one-dimensional score of at least so many classes has a top-1 worth comparing.
_CLASSES = 2


@dataclass(frozen=True)
class Tolerance:
    """What a precision may change."""

    max_relative_error: float
    """Largest difference, as a share of the source's largest magnitude in that output."""
    min_cosine: float


# fp32: another order of the same sums differs by some 1e-6 of the largest value (measured: 1e-5 at
# most), a wrong layout or lost weights by 0.1 and more. fp16: 11 bits of mantissa. int8: an 8-bit
# grid over every tensor costs 1 to 6 % (measured), a calibration range that clips costs 26 % and
# more. int16x8: the weights alone are on 8 bits.
TOLERANCES: Mapping[str, Tolerance] = {
    "fp32": Tolerance(1e-4, 0.99999),
    "fp16": Tolerance(2e-2, 0.999),
    "dynamic": Tolerance(1e-1, 0.99),
    "int16x8": Tolerance(1e-1, 0.99),
    "int8": Tolerance(2e-1, 0.98),
}


@dataclass(frozen=True)
class OutputAgreement:
    """One output of the result beside the same one of the source, over all samples."""

    name: str
    max_abs_error: Optional[float]
    """In the output's own unit; None where one of the two is not finite."""
    max_relative_error: Optional[float]
    """Share of the source's largest magnitude."""
    cosine: Optional[float]
    """The least over the samples; None where a sample is all zero in one of the two."""
    snr_db: Optional[float]
    """10 log10(Σ source² / Σ difference²), in dB; None where nothing differs."""
    top1_agreement: Optional[float]
    """Share of samples with the same largest score; None where it is no row of scores."""
    faults: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able description."""
        return asdict(self)


def compare_runs(
    source: SampleRun,
    result: SampleRun,
    precision: str,
    transposed_outputs: Optional[Mapping[str, Sequence[int]]] = None,
) -> tuple[list[OutputAgreement], list[str]]:
    """Compare every output; return the agreements, and the faults that concern no single one.

    Outputs belong together by name, else by shape; what is left then, by position.
    """
    if len(source.results) != len(result.results):
        return [], [
            f"the source has {len(source.results)} outputs, the result {len(result.results)}"
        ]
    tolerance = TOLERANCES.get(precision, TOLERANCES["fp32"])
    names = [spec.name for spec in result.outputs]
    partners = dict(pair_outputs(source.outputs, result.outputs).pairs)
    left = iter(index for index in range(len(names)) if index not in partners.values())
    agreements = []
    for position, (own, stored) in enumerate(zip(source.outputs, source.results)):
        index = partners[position] if position in partners else next(left)
        axes = (transposed_outputs or {}).get(names[index])
        spec, other_spec = _shared_scales(own, result.outputs[index])
        reference = dequantize(stored, spec)
        if axes is not None:
            reference = reference.transpose(0, *(axis + 1 for axis in axes))
        other = dequantize(result.results[index], other_spec)
        agreements.append(_compare(names[index], reference, other, tolerance))
    return agreements, []


def _shared_scales(source: TensorSpec, result: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
    """Give a tensor of the same stored dtype the scales that its format cannot state (ONNX's)."""
    if source.dtype != result.dtype or bool(source.scales) == bool(result.scales):
        return source, result
    stated = source if source.scales else result
    return stated, stated


def _compare(
    name: str,
    reference: npt.NDArray[np.float64],
    other: npt.NDArray[np.float64],
    tolerance: Tolerance,
) -> OutputAgreement:
    fault = _incomparable(reference, other)
    if fault is not None:
        return OutputAgreement(name, None, None, None, None, None, (fault,))
    difference = float(np.max(np.abs(reference - other), initial=0.0))
    largest = float(np.max(np.abs(reference), initial=0.0))
    relative = difference / largest if largest > 0 else (0.0 if difference == 0 else float("inf"))
    cosine = _least_cosine(reference, other)
    faults = []
    if relative > tolerance.max_relative_error:
        faults.append(
            f"the largest difference is {difference:.3g}, {relative:.2%} of the largest value "
            f"({tolerance.max_relative_error:.2%} is allowed)"
        )
    if cosine is not None and cosine < tolerance.min_cosine:
        faults.append(f"the cosine is {cosine:.6f} (at least {tolerance.min_cosine} is wanted)")
    return OutputAgreement(
        name,
        difference,
        relative if np.isfinite(relative) else None,
        cosine,
        finite_or_none(snr_db(reference, other)),
        _top1(reference, other),
        tuple(faults),
    )


def _incomparable(
    reference: npt.NDArray[np.float64], other: npt.NDArray[np.float64]
) -> Optional[str]:
    if reference.shape != other.shape:
        return f"its shape is {list(other.shape[1:])}, in the source {list(reference.shape[1:])}"
    for whose, values in (("the source", reference), ("the result", other)):
        bad = int(np.count_nonzero(~np.isfinite(values)))
        if bad:
            return f"{whose} gives NaN or infinity for {bad} of {values.size} values"
    return None


def _least_cosine(
    reference: npt.NDArray[np.float64], other: npt.NDArray[np.float64]
) -> Optional[float]:
    a, b = reference.reshape(len(reference), -1), other.reshape(len(other), -1)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    if not norms.size or np.any(norms == 0):
        return None
    return float(np.min(np.sum(a * b, axis=1) / norms))


def _top1(reference: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> Optional[float]:
    """Compare the largest score of each row, where an output is (samples, batch, classes)."""
    if reference.ndim != 3 or reference.shape[-1] < _CLASSES:
        return None
    same = np.argmax(reference, axis=-1) == np.argmax(other, axis=-1)
    return float(np.mean(same))
