"""A quantisation on one page: size, latency and accuracy before and after, errors, warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional

from edgeloop.cli.pages.accuracy import detections_words, paired_verdict
from edgeloop.cli.pages.brief import brief_warnings
from edgeloop.cli.pages.columns import columns
from edgeloop.conversion.quantization.report import ratio_words
from edgeloop.errors import plain
from edgeloop.results.figures import counted, duration, duration_interval, percent, size
from edgeloop.stats.verdict import EQUIVALENT, FASTER, SLOWER

if TYPE_CHECKING:
    from edgeloop.conversion.quantization.layers import LayerError
    from edgeloop.conversion.quantization.report import Calibration, Figures, QuantizationReport
    from edgeloop.conversion.verification import Verification

_LAYERS_SHOWN = 10

# Of the metrics, those that tell the most; the result's --json has all of them.
_METRICS = (
    "accuracy",
    "pixel_accuracy",
    "top_5_accuracy",
    "mean_absolute_error",
    "mean_squared_error",
    "r2",
)
_SHARES = ("accuracy", "pixel_accuracy", "top_5_accuracy")

# Converters write names of several hundred characters, their end telling the most; --json has all.
_NAME_LENGTH = 60
_NOTE_LENGTH = 1000


def quantization_page(report: QuantizationReport, *, verbose: bool = False) -> str:
    """Return what `edgeloop quantize` prints; `verbose`: how, the verification, every warning."""
    parts = [
        "\n".join(_answer(report)),
        columns([("", "float", report.precision), *_before_and_after(report)]),
    ]
    if verbose:
        parts += [_how(report), _verification(report.verification)]
    if report.layers is not None:
        parts.append(_layers(report.layers))
    notes = [f"note: {plain(note, _NOTE_LENGTH)}" for note in (*_unsettled(report), *report.notes)]
    if verbose:
        parts += [*notes, *map(_warning, report.warnings)]
    else:
        parts.append("\n".join([*notes, *brief_warnings(report.warnings)]).strip("\n"))
    parts.append(f"{report.result.path}: {report.result.format}, {report.result.bytes} bytes")
    return "\n\n".join(part for part in parts if part)


def _answer(report: QuantizationReport) -> list[str]:
    """Return what was gained and lost, a line each."""
    gained = report.result.bytes / report.baseline.bytes
    change = "smaller" if gained < 1 else "not smaller"
    lines = [f"{change}: {gained:.3f} of the float model's bytes"]
    latency, accuracy = report.latency.values, report.accuracy.values
    if latency is not None:
        where = f"{latency['runtime']}, {counted(latency['threads'], 'thread')}"
        lines.append(f"{latency['verdict']}: {ratio_words(latency)} of its time ({where})")
    if accuracy is not None and accuracy["paired"] is not None:
        lines.append(f"the result is {paired_verdict(accuracy['paired'])}")
    return [*lines, _verified(report.verification)]


def _verified(verification: Verification) -> str:
    if verification.passed is None:
        return f"not verified: {verification.reason}"
    if not verification.passed:
        return f"verification FAILED: {plain(verification.faults[0], _NOTE_LENGTH)}"
    if verification.basis is not None:
        return "verified by the accuracy"
    return f"verified on {counted(verification.samples, 'sample')}"


def _before_and_after(report: QuantizationReport) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [("size", size(report.baseline.bytes), size(report.result.bytes))]
    if report.latency.values is not None:
        before, after = report.latency.values["before"], report.latency.values["after"]
        rows.append(("latency, median", _median(before), _median(after)))
    return rows + _accuracy(report.accuracy)


def _unsettled(report: QuantizationReport) -> list[str]:
    """Say what data or figure is missing or has no clear outcome, and what would settle it."""
    lines = []
    if report.calibration is not None and report.calibration.skipped:
        skipped = report.calibration.skipped
        name, reason = skipped[0]
        lines.append(
            f"{counted(len(skipped), 'sample')} could not be read; the first is "
            f"{plain(name, _NAME_LENGTH)}: {plain(reason, _NOTE_LENGTH)}"
        )
    lines += [
        f"no {name}: {figures.reason}"
        for name, figures in (("latency", report.latency), ("accuracy", report.accuracy))
        if figures.values is None
    ]
    values = report.latency.values
    if values is not None and values["verdict"] not in (FASTER, SLOWER, EQUIVALENT):
        settle = f"; to settle it: {values['settle']}" if values["settle"] else ""
        lines.append(f"latency {values['verdict']}: {values['reason']}{settle}")
    return lines


def _median(side: Optional[Mapping[str, Any]]) -> str:
    if side is None or side["median_ns"] is None:
        return "unknown"
    if side["median_ci95_ns"] is None:
        return f"{duration(side['median_ns'])} (no interval)"
    return duration_interval(side["median_ns"], side["median_ci95_ns"])


def _accuracy(accuracy: Figures) -> list[Sequence[str]]:
    values = accuracy.values
    if values is None:
        return []
    before, after = values["before"], values["after"]
    return [
        (name.replace("_", " "), _metric(before, name), _metric(after, name))
        for name in _METRICS
        if before.get(name) is not None and after.get(name) is not None
    ]


def _metric(values: Mapping[str, Any], name: str) -> str:
    """Return a metric with its interval: shares in per cent, all else as they are."""
    interval = values.get(f"{name}_ci95")
    share = name in _SHARES
    numbers = [values[name], *(interval or ())]
    texts = [f"{100 * number:.1f}" if share else f"{number:.4g}" for number in numbers]
    unit = " %" if share else ""
    bounds = f" [{texts[1]}, {texts[2]}]" if interval else " (no interval)"
    return f"{texts[0]}{unit}{bounds}"


def _how(report: QuantizationReport) -> str:
    words = [f"{report.precision} by {report.tool}", f"inputs and outputs {report.io}"]
    if report.activations is not None:
        words.append(f"{report.activations} activations")
    if report.reduce_range is not None and report.precision != "fp16":
        words.append(f"weights of {7 if report.reduce_range else 8} bits")
    return "\n".join(["; ".join(words), *_calibration(report.calibration)])


def _calibration(calibration: Optional[Calibration]) -> list[str]:
    if calibration is None:
        return []
    drawn = f"{calibration.samples} of {calibration.of} samples of {calibration.data}"
    lines = [f"ranges: least and greatest value over {drawn}, drawn with seed {calibration.seed}"]
    return lines + [f"data: {plain(note, _NOTE_LENGTH)}" for note in calibration.notes]


def _verification(verification: Verification) -> str:
    if verification.passed is None:
        return f"not verified: {verification.reason}"
    verdict = "passed" if verification.passed else "FAILED"
    samples = f"{verification.samples} samples ({verification.origin})"
    lines = [f"verification {verdict}: {samples}, against the float model"]
    if verification.basis is not None:
        lines.append(f"decided by {verification.basis}")
    if verification.detections is not None:
        lines.append(detections_words(verification.detections))
    rows = [("output", "SNR", "largest difference", "mean cosine", "same top-1 [95 %]")]
    rows += [
        (
            plain(one.name, _NAME_LENGTH),
            _db(one.snr_db),
            "unknown" if one.max_abs_error is None else f"{one.max_abs_error:.3g}",
            "unknown" if one.cosine is None else f"{one.cosine:.6f}",
            _share(one.top1_agreement, one.top1_agreement_ci95),
        )
        for one in verification.outputs
    ]
    if verification.outputs:
        lines.append(columns(rows, right=(1, 2, 3, 4)))
    lines += [f"fault: {plain(fault, _NOTE_LENGTH)}" for fault in verification.faults]
    return "\n".join(lines)


def _share(value: Optional[float], interval: Optional[tuple[float, float]]) -> str:
    if value is None or interval is None:
        return ""
    return f"{percent(value)} [{percent(interval[0])}, {percent(interval[1])}]"


def _db(value: Optional[float]) -> str:
    return "no noise" if value is None else f"{value:.1f} dB"


def _layers(layers: Sequence[LayerError]) -> str:
    rows = [("layer", "operator", "SNR")]
    rows += [(_end_of(one.name), one.operator, _db(one.snr_db)) for one in layers[:_LAYERS_SHOWN]]
    title = f"layers with the largest error against the float model, of {len(layers)}"
    return f"{title}\n{columns(rows, right=(2,))}"


def _end_of(name: str) -> str:
    text = plain(name, _NOTE_LENGTH)
    return text if len(text) <= _NAME_LENGTH else f"…{text[-_NAME_LENGTH:]}"


def _warning(one: Mapping[str, Any]) -> str:
    fix = f"\n  fix: {one['fix']}" if one["fix"] else ""
    return f"warning: {one['text']}{fix}"
