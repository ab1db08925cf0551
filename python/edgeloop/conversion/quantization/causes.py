"""Why a quantised model may be no faster, or not as accurate: the causes that are known."""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from edgeloop.metrics.paired import WORSE
from edgeloop.results.figures import paired_text
from edgeloop.results.sample_warnings import warning
from edgeloop.spec.metrics import PIXEL_ACCURACY, SQUARED_ERROR
from edgeloop.stats.verdict import EQUIVALENT, INCONCLUSIVE, SLOWER

# Instructions that multiply 8-bit integers and add up in one step: without them int8 gains little.
_DOT_PRODUCT = {
    "x86_64": ("avx512_vnni", "avx_vnni"),
    "aarch64": ("asimddp", "i8mm"),
}
_DOT_PRODUCT_WORDS = {"x86_64": "VNNI", "aarch64": "the dot-product extension (asimddp)"}

# Activations whose long tails waste most of an 8-bit range.
_SMOOTH = ("HARD_SWISH", "HardSwish", "HardSigmoid", "GELU", "Gelu", "Swish", "Mish", "Elu", "ELU")

# What a comparison found → what it means for a model that was meant to be faster.
_NOT_FASTER = {
    SLOWER: "is slower than the float model",
    EQUIVALENT: "is no faster than the float model",
    INCONCLUSIVE: "was not shown to be faster than the float model",
}

# Fewer samples seldom show the whole range of an activation.
_FEW_SAMPLES = 100

# Noise of a tenth of the signal's amplitude (20 dB) is what int8 should stay clear of.
LOW_SNR_DB = 20.0


@dataclass(frozen=True)
class Facts:
    """What is known of one quantisation, as far as the causes depend on it."""

    format: str
    """Of the result: tflite or onnx."""
    precision: str
    activations: str = "asymmetric"
    reduce_range: bool = False
    machine: str = ""
    cpu_flags: frozenset[str] = frozenset()
    operators: Collection[str] = ()
    """Of the float model."""
    samples: Optional[int] = None
    """Calibration samples; None where there are none."""
    undelegated: Optional[str] = None
    """What of the result XNNPACK does not run, in words; None: little, or it is not known."""


def this_machine() -> tuple[str, frozenset[str]]:
    """Return the architecture and the flags that all CPUs of this machine have."""
    from edgeloop.host.cpuinfo import cpu_entries

    flags = [entry.flags for entry in cpu_entries()]
    return platform.machine(), frozenset.intersection(*flags) if flags else frozenset()


def saturates(machine: str, flags: Collection[str]) -> bool:
    """Return whether ONNX Runtime's int8 kernels overflow here with weights of 8 bits.

    x86 without VNNI adds pairs of products in 16 bits (VPMADDUBSW), and 255 × 127 × 2 is more.
    """
    return machine in ("x86_64", "AMD64") and not _has_dot_product("x86_64", flags)


def overflow_notes(facts: Facts) -> list[str]:
    """Return what ONNX Runtime's overflow on CPUs without VNNI means for an int8 ONNX file."""
    if facts.format != "onnx" or facts.precision != "int8" or facts.reduce_range:
        return []
    if saturates(facts.machine, facts.cpu_flags):
        words = (
            "ONNX Runtime's int8 sums overflow on this CPU, which lacks VNNI, so what was verified "
            "and measured here is not what another CPU, or TensorRT, gives"
        )
    else:
        words = (
            "the weights have 8 bits, which is right for ARM and for x86 with VNNI; for an x86 CPU "
            "without it, where ONNX Runtime's sums would overflow, quantise with --reduce-range yes"
        )
    return [words]


def _has_dot_product(machine: str, flags: Collection[str]) -> bool:
    return any(flag in flags for flag in _DOT_PRODUCT.get(machine, ()))


def causes_of_slowness(facts: Facts) -> list[str]:
    """Return why the result may be no faster than the float model, the likeliest first."""
    causes = []
    if facts.precision == "int16x8":
        causes.append("XNNPACK has no 16x8 kernels: the slow reference kernels run it")
    if facts.precision == "fp16":
        causes.append(
            "float16 halves the file; CPUs without float16 arithmetic compute in float32 all the "
            "same, and convert first"
        )
    if facts.precision == "dynamic":
        causes.append(
            "with dynamic quantisation the activations are quantised again in every run, which "
            "pays for large matrix products only"
        )
    if facts.precision == "int8" and facts.activations == "symmetric":
        causes.append(
            "it was made for TensorRT: ONNX Runtime has its fast CPU kernels for --for onnxruntime"
        )
    known = facts.precision in ("int8", "dynamic") and facts.machine in _DOT_PRODUCT
    if known and not _has_dot_product(facts.machine, facts.cpu_flags):
        causes.append(f"this CPU lacks {_DOT_PRODUCT_WORDS[facts.machine]}")
    if facts.undelegated:
        causes.append(f"XNNPACK leaves {facts.undelegated} of the result to the plain kernels")
    if facts.precision == "int8":
        causes.append(
            "in a small model the steps between float and int8 cost as much as the faster "
            "arithmetic gains"
        )
    return causes


def causes_of_inaccuracy(facts: Facts) -> list[str]:
    """Return why the result may be less accurate than the float model, the likeliest first."""
    causes = []
    smooth = sorted({name for name in facts.operators if name in _SMOOTH})
    if facts.samples is not None and facts.samples < _FEW_SAMPLES:
        causes.append(
            f"{facts.samples} calibration samples may not show the whole range of the "
            f"activations, and what lies outside is clipped: give {_FEW_SAMPLES} or more "
            "(--samples)"
        )
    elif facts.samples is not None:
        causes.append(
            "values beyond what the calibration samples showed are clipped: are they of the same "
            "kind, and preprocessed in the same way, as the data?"
        )
    if smooth and facts.precision == "int8":
        causes.append(
            f"{', '.join(smooth)}: their long flat tails take up most of an 8-bit range; train "
            "with ReLU6, or use --method int16x8"
        )
    if facts.reduce_range:
        causes.append(
            "the weights have 7 bits, for CPUs without VNNI; where VNNI or ARM is the target, "
            "--reduce-range no gives 8"
        )
    if facts.precision in ("int8", "dynamic"):
        causes.append(
            "weights of one tensor that differ by orders of magnitude share a scale: "
            "quantisation-aware training is what helps then"
        )
    return causes


def kernel_warnings(facts: Facts) -> list[dict[str, Any]]:
    """Return the warning that a precision has no fast kernels, whatever was measured."""
    if facts.precision != "int16x8":
        return []
    return [
        warning(
            "reference-kernels",
            "int16x8 runs on TFLite's reference kernels on CPUs (XNNPACK has none): use it for "
            "accelerators and for accuracy, not for speed",
            "use --method int8 to run on the CPU",
        )
    ]


def slowness_warning(
    facts: Facts, verdict: Optional[str], ratio_words: str
) -> list[dict[str, Any]]:
    """Return the warning that the result is not faster; none where that is not known."""
    words = _NOT_FASTER.get(verdict or "")
    if words is None:
        return []
    return [
        warning(
            "not-faster",
            f"{facts.precision} {words} here ({ratio_words} of its time), known causes: "
            f"{_listed(causes_of_slowness(facts))}",
            "measure on the target machine: edgeloop compare FLOAT QUANTISED",
        )
    ]


def accuracy_warnings(
    facts: Facts, accuracy: Optional[Mapping[str, Mapping[str, Any]]]
) -> list[dict[str, Any]]:
    """Return the warning that accuracy was lost beyond chance.

    `accuracy` has the metrics before and after, and their paired difference.
    """
    paired = None if accuracy is None else accuracy["paired"]
    if accuracy is None or paired is None or paired["verdict"] != WORSE:
        return []
    metric = "mean_squared_error" if paired["kind"] == SQUARED_ERROR else "accuracy"
    if paired["kind"] == PIXEL_ACCURACY:
        metric = "pixel_accuracy"
    before, after = (accuracy[side][metric] for side in ("before", "after"))
    if paired["kind"] == SQUARED_ERROR:
        words = f"the mean squared error rises from {before:.4g} to {after:.4g}"
    else:
        words = f"the accuracy falls from {100 * before:.1f} % to {100 * after:.1f} %"
    words += f" ({paired_text(paired)})"
    return [
        warning(
            "less-accurate",
            f"{words}. Known causes: {_listed(causes_of_inaccuracy(facts))}",
            "find the layer with --debug-layers; try --method int16x8, dynamic or fp16",
        )
    ]


def snr_warnings(
    facts: Facts, outputs: Sequence[tuple[str, Optional[float]]]
) -> list[dict[str, Any]]:
    """Return a warning for each output (name, SNR in dB) that is mostly noise."""
    return [
        warning(
            "low-snr",
            f"output '{name}' has a signal-to-noise ratio of {snr:.1f} dB against the float model "
            f"(below {LOW_SNR_DB:g} dB is poor). Known causes: "
            f"{_listed(causes_of_inaccuracy(facts))}",
            "find the layer with --debug-layers; try --method int16x8, dynamic or fp16",
        )
        for name, snr in outputs
        if snr is not None and snr < LOW_SNR_DB
    ]


def calibration_warning(
    calibration_sha256: str, data_sha256: Optional[str]
) -> list[dict[str, Any]]:
    """Return the warning that the ranges come from the data that judges the accuracy."""
    if data_sha256 is None or calibration_sha256 != data_sha256:
        return []
    return [
        warning(
            "calibrated-on-test-data",
            "the calibration data is the test data: the accuracy is better than it will be on "
            "data that the calibration has not seen",
            "give --representative-data from the training set",
        )
    ]


def _listed(causes: Sequence[str]) -> str:
    return "; ".join(causes) or "none for this method"
