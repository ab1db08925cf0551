"""What the user asked to be quantised, and what of it can be decided before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Optional

from edgeloop.conversion.edge import ConversionOptions
from edgeloop.conversion.quantization.methods import CALIBRATED
from edgeloop.errors import ModelError, UsageError, canonical, nearest
from edgeloop.runtimes.choice.inputs import inputs_of
from edgeloop.spec.inputs import InputSource
from edgeloop.spec.run import RunSpec

if TYPE_CHECKING:
    from edgeloop.models.summary import ModelSummary

PURPOSES = ("onnxruntime", "tensorrt")
REDUCE_RANGE = ("auto", "yes", "no")

DEFAULT_SAMPLES = 200

# Weights and activations that are integers already.
_QUANTISED = ("int8", "int16x8", "dynamic")
_QUANTISED_OPERATORS = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")


@dataclass(frozen=True)
class QuantizeSpec:
    """One quantisation as the user asked for it."""

    model: str
    precision: str
    """One of methods.PRECISIONS, or a name that another tool has for it."""
    to: Optional[str] = None
    """The format to quantise in, where the model is in another: it is converted first."""
    out: Optional[str] = None
    force: bool = False
    """Replace what is there under that name."""
    io: Optional[str] = None
    """TFLite, int8: int8 (the default), uint8 or float32."""
    purpose: str = "onnxruntime"
    """ONNX, int8: what is to run it, one of PURPOSES."""
    reduce_range: str = "auto"
    """ONNX: weights of 7 bits; auto: where this CPU's kernels would overflow."""
    representative_data: Optional[str] = None
    samples: int = DEFAULT_SAMPLES
    """How many are taken, drawn by the seed of `measured`."""
    debug_layers: bool = False
    measure: bool = True
    """Compare the latencies."""
    measured: RunSpec = field(default_factory=lambda: RunSpec(model=""))
    """How latency and accuracy are measured, and on which data; how data becomes inputs."""
    via: tuple[str, ...] = ()
    options: ConversionOptions = field(default_factory=ConversionOptions)

    @property
    def inputs(self) -> InputSource:
        """The data that accuracy and signal-to-noise ratios are taken on."""
        return inputs_of(self.measured)

    @property
    def calibration(self) -> Optional[InputSource]:
        """The representative data: preprocessed as the other, its labels left aside."""
        if self.representative_data is None:
            return None
        measured = replace(self.measured, data=self.representative_data, y_file=None, labels=None)
        return inputs_of(measured)


def require_sound(spec: QuantizeSpec, precision: str) -> None:
    """Raise UsageError for what cannot be meant."""
    if canonical(spec.purpose) not in PURPOSES:
        raise UsageError(
            f"unknown value '{spec.purpose}' for --for; {nearest(spec.purpose, PURPOSES)}"
        )
    if canonical(spec.reduce_range) not in REDUCE_RANGE:
        known = nearest(spec.reduce_range, REDUCE_RANGE)
        raise UsageError(f"unknown value '{spec.reduce_range}' for --reduce-range; {known}")
    if spec.samples < 1:
        raise UsageError(f"--samples must be at least 1, not {spec.samples}")
    if precision in CALIBRATED and spec.representative_data is None:
        raise UsageError(
            f"{precision} needs samples that show the ranges of the activations: give "
            "--representative-data (an .npz, an .npy or a folder of pictures, from the training "
            "set), or choose --method dynamic or fp16, which need none"
        )
    if precision not in CALIBRATED and spec.representative_data is not None:
        raise UsageError(f"{precision} takes no --representative-data: nothing is calibrated")


def require_float(summary: ModelSummary) -> None:
    """Raise ModelError where a model is quantised already: twice is never meant."""
    kinds = {operator.name for operator in summary.operators or ()}
    tensors = (*(summary.inputs or ()), *(summary.outputs or ()))
    found: Sequence[str] = [name for name in _QUANTISED_OPERATORS if name in kinds]
    what = None
    if summary.precision in _QUANTISED:
        what = f"its precision is {summary.precision}"
    elif summary.format == "onnx" and found:
        what = f"it has {', '.join(found)}"
    elif any(tensor.quantization is not None for tensor in tensors):
        what = "its inputs or outputs are quantised"
    if what is not None:
        raise ModelError(
            f"{summary.path} is quantised already ({what}); give the float32 model it was made from"
        )
    if summary.precision == "fp16":
        raise ModelError(
            f"{summary.path} is float16 already; give the float32 model it was made from"
        )
