"""How far two models agree on the same samples: errors, cosine, top-1, and the verdict on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from edgeloop.data.quantized import dequantize
from edgeloop.errors import UsageError
from edgeloop.metrics.agreement import cosines
from edgeloop.metrics.bootstrap import bca_intervals
from edgeloop.metrics.decoders import COMPARING, Decoder, Picture, find_decoder
from edgeloop.metrics.detections import DetectionAgreement
from edgeloop.metrics.outputs import pair_outputs
from edgeloop.metrics.proportion import Proportion
from edgeloop.metrics.snr import finite_or_none, snr_db
from edgeloop.spec.load import TensorSpec

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgeloop.conversion.samples import SampleRun

# The fewest classes of a row of scores whose top-1 is worth comparing.
_CLASSES = 2


@dataclass(frozen=True)
class Tolerance:
    """What a precision may change."""

    max_relative_error: float
    """Largest difference, as a share of the source's largest magnitude in that output."""
    min_cosine: float
    min_agreement: float = 1.0
    """Share of samples with the same highest score, or of detections that both make."""
    lossy: bool = False
    """Single values may differ as they like: what counts are shares and means, with intervals."""


# fp32: another order of the same sums differs by some 1e-6 of the largest value (measured: 1e-5 at
# most), a wrong layout or lost weights by 0.1 and more. fp16: 11 bits of mantissa. int8: an 8-bit
# grid over every tensor costs 1 to 6 % of the largest value (measured), in single samples 35 %,
# while 95 % of the answers stay as they were (MLPerf Tiny's own ResNet); a broken one keeps few.
# int16x8: the weights alone are on 8 bits.
TOLERANCES: Mapping[str, Tolerance] = {
    "fp32": Tolerance(1e-4, 0.99999, 0.999),
    "fp16": Tolerance(2e-2, 0.999, 0.98),
    "dynamic": Tolerance(1e-1, 0.99, 0.9, lossy=True),
    "int16x8": Tolerance(1e-1, 0.99, 0.9, lossy=True),
    "int8": Tolerance(2e-1, 0.98, 0.85, lossy=True),
}

# Of a picture.
_MOST_CHANNELS = 4

# Of detections that both make in float32, scores differ by no more.
_SCORE_DIFFERENCE = 0.01


@dataclass(frozen=True)
class OutputAgreement:
    """One output of the result beside the same one of the source, over all samples."""

    name: str
    max_abs_error: Optional[float]
    """In the output's own unit; None where one of the two is not finite."""
    max_relative_error: Optional[float]
    """Share of the source's largest magnitude."""
    cosine: Optional[float]
    """Mean over the samples; of two of zeros it is 1, of one 0."""
    cosine_ci95: Optional[tuple[float, float]]
    """None where resampling does not change it."""
    cosine_min: Optional[float]
    snr_db: Optional[float]
    """10 log10(Σ source² / Σ difference²), in dB; None where nothing differs."""
    top1_agreement: Optional[float]
    """Share of samples with the same largest score; None without a row of scores."""
    top1_agreement_ci95: Optional[tuple[float, float]]
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
        agreements.append(_compare(names[index], reference, other, tolerance, source.given))
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
    given: int,
) -> OutputAgreement:
    """Compare one output (n, ...); the first `given` samples are data, the others random."""
    fault = _incomparable(reference, other)
    if fault is not None:
        return OutputAgreement(name, *(None,) * 8, (fault,))
    difference = float(np.max(np.abs(reference - other), initial=0.0))
    largest = float(np.max(np.abs(reference), initial=0.0))
    relative = difference / largest if largest > 0 else (0.0 if difference == 0 else float("inf"))
    each = cosines(reference.reshape(len(reference), -1), other.reshape(len(other), -1))
    cosine, interval = _mean(each)
    same = _top1(reference, other)
    real = _top1(reference[:given], other[:given])
    least = float(each.min()) if each.size else None
    if tolerance.lossy:
        fault = _why_too_far(real, cosine, interval, tolerance)
        faults = [] if fault is None else [fault]
    else:
        faults = _differences(difference, relative, least, tolerance)
    return OutputAgreement(
        name,
        difference,
        relative if np.isfinite(relative) else None,
        cosine,
        interval,
        least,
        finite_or_none(snr_db(reference, other)),
        None if same is None else same.value,
        None if same is None else same.interval,
        tuple(faults),
    )


def _differences(
    difference: float, relative: float, cosine: Optional[float], tolerance: Tolerance
) -> list[str]:
    """Return what no conversion does that only sums in another order."""
    faults = []
    if relative > tolerance.max_relative_error:
        faults.append(
            f"the largest difference is {difference:.3g}, {relative:.2%} of the largest value "
            f"({tolerance.max_relative_error:.2%} is allowed)"
        )
    if cosine is not None and cosine < tolerance.min_cosine:
        faults.append(
            f"the least cosine is {cosine:.6f} (at least {tolerance.min_cosine} is wanted)"
        )
    return faults


def _why_too_far(
    same: Optional[Proportion],
    cosine: Optional[float],
    interval: Optional[tuple[float, float]],
    tolerance: Tolerance,
) -> Optional[str]:
    """Say what a quantised model has lost, where the whole interval is below what is wanted.

    The answers count where there are some on real samples: single scores may differ widely while
    the highest stays. Few samples have wide intervals, and fail what is broken only.
    """
    if same is not None and same.n:
        low, high = same.interval
        if high >= tolerance.min_agreement:
            return None
        return (
            f"the highest score is the same for {same.value:.1%} of the samples [{low:.1%}, "
            f"{high:.1%}] (at least {tolerance.min_agreement:.0%} is wanted)"
        )
    if cosine is None or (cosine if interval is None else interval[1]) >= tolerance.min_cosine:
        return None
    ends = "" if interval is None else f" [{interval[0]:.4f}, {interval[1]:.4f}]"
    return f"the mean cosine is {cosine:.4f}{ends} (at least {tolerance.min_cosine} is wanted)"


def _mean(
    values: npt.NDArray[np.float64],
) -> tuple[Optional[float], Optional[tuple[float, float]]]:
    """Return the mean over the samples and its BCa interval."""
    if not values.size:
        return None, None

    def mean(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        averages: npt.NDArray[np.float64] = (weights @ values / weights.sum(axis=1))[:, np.newaxis]
        return averages

    (interval,) = bca_intervals(np.ones(len(values), dtype=np.int64), mean, seed=0)
    return float(values.mean()), interval


def compare_detections(
    source: SampleRun, result: SampleRun, precision: str
) -> Optional[tuple[DetectionAgreement, list[str]]]:
    """Compare two detectors by what they see; None where they are not two of them.

    Returns the agreement and its faults.
    """
    sides = [(run, _decoder(run)) for run in (result, source)]
    (_, model), (_, reference) = sides
    if model is None or reference is None:
        return None
    real = [
        [dequantize(stored, spec) for stored, spec in zip(run.results, run.outputs)]
        for run, _ in sides
    ]
    # What is seen in random values is noise: it counts only where there is nothing else.
    n = source.given or len(source.results[0])
    found = DetectionAgreement(n)
    for index in range(min(n, len(result.results[0]))):
        # Each run is of one sample, with a first dimension for it.
        found.add(*(
            decoder([values[index][0] if values[index].shape[:1] == (1,) else values[index]
                     for values in outputs])
            for decoder, outputs in ((model, real[0]), (reference, real[1]))
        ))  # fmt: skip
    tolerance = TOLERANCES.get(precision, TOLERANCES["fp32"])
    if not found.reference:
        return found, []
    faults = [
        f"{share:.1%} {words} [{low:.1%}, {high:.1%}] (at least {tolerance.min_agreement:.1%} is "
        "wanted)"
        for words, share, (low, high) in found.share_intervals()
        if high < tolerance.min_agreement
    ]
    if precision == "fp32" and found.largest_score_difference > _SCORE_DIFFERENCE:
        faults.append(
            f"the score of a detection differs by {found.largest_score_difference:.3g} "
            f"({_SCORE_DIFFERENCE} is allowed)"
        )
    return found, faults


def _decoder(run: SampleRun) -> Optional[Decoder]:
    """Return what reads the outputs of a run; None where its model does not detect."""
    shapes = [spec.shape for spec in run.inputs]
    if shapes and not any(len(shape) > 2 for shape in shapes):
        return None  # it takes no picture: two rows of numbers are not boxes and their scores
    if any(len(shape) == 4 and shape[0] != 1 for shape in shapes):
        return None  # the answers to a batch of pictures look like the boxes of one
    # A sample's input is one run's; a detector takes a picture, and a grid's layout needs its size.
    size = Picture(0, 0)
    for spec in run.inputs:
        sides = [side for side in spec.shape[1:] if side > _MOST_CHANNELS]
        if len(spec.shape) == 4 and len(sides) == 2:
            size = Picture(*sides)
    try:
        return find_decoder(run.outputs, 1, size, limits=COMPARING)
    except UsageError:
        return None


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


def _top1(
    reference: npt.NDArray[np.float64], other: npt.NDArray[np.float64]
) -> Optional[Proportion]:
    """Compare the largest score of each row, where an output is (samples, batch, classes)."""
    if reference.ndim != 3 or reference.shape[-1] < _CLASSES or not len(reference):
        return None
    same = np.argmax(reference, axis=-1) == np.argmax(other, axis=-1)
    return Proportion(int(np.count_nonzero(same)), same.size)
