"""Bring a model to the format and precision that are to be measured: all in one command."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from edgeloop.errors import CheckFailedError, UsageError
from edgeloop.measure.observer import Observer
from edgeloop.spec import RunSpec

if TYPE_CHECKING:
    from edgeloop.quantization.spec import QuantizeSpec


# A conversion takes longer than a step of a measurement.
_LEAST_TIMEOUT_S = 3600.0


@dataclass(frozen=True)
class Preparation:
    """What is done to a model before it is measured."""

    to: Optional[str] = None
    """The format; None: the one it has."""
    via: tuple[str, ...] = ()
    opset: Optional[int] = None
    layout: str = "keep"
    precision: Optional[str] = None
    """Quantise it to this; None: as it is."""
    representative_data: Optional[str] = None
    samples: int = 200


def prepare(spec: RunSpec, wanted: Preparation, observer: Observer) -> RunSpec:
    """Convert, or quantise, the model of a spec where that is wanted; return the result's spec.

    The result is kept, and used again for the same model, data and options. What the spec says of
    the source (its shapes, batch size and class) goes to the conversion.
    Raises CheckFailedError where the result does not agree with the model: it is not measured.
    """
    if wanted.precision is not None:
        return _quantised(spec, wanted, wanted.precision, observer)
    if wanted.representative_data is not None or wanted.samples != Preparation.samples:
        raise UsageError("--representative-data and --samples are for --quantize int8 or int16x8")
    if wanted.to is not None:
        from edgeloop.convert.before import Wanted, converted

        return converted(spec, Wanted(wanted.to, wanted.via, wanted.opset, wanted.layout), observer)
    if wanted != Preparation():
        raise UsageError("--via, --opset and --layout are for --to")
    return spec


def _quantised(spec: RunSpec, wanted: Preparation, precision: str, observer: Observer) -> RunSpec:
    from edgeloop.convert.before import place_of, without_source
    from edgeloop.models.formats import sha256_of
    from edgeloop.quantization.run import name_of_result, quantize

    quantization = _quantization(spec, wanted, precision)
    data = wanted.representative_data
    key = [
        quantization.precision,
        quantization.to,
        quantization.samples,
        spec.seed,
        None if data is None or not Path(data).exists() else sha256_of(data),
        [str(value) for value in (spec.x_key, spec.data_layout, spec.scale, spec.mean, spec.std)],
        [str(value) for value in (spec.resize, spec.crop, spec.color)],
        list(wanted.via),
    ]
    name = name_of_result(quantization)
    path, kept = place_of(spec.model, quantization.options, key, name)
    if not kept:
        report = quantize(replace(quantization, out=str(path), force=True), observer)
        if report.verification.passed is False:
            raise CheckFailedError(
                f"{spec.model} as {precision} was not measured, because it does not agree with the "
                f"float model: {report.verification.faults[0]}; it was kept as {report.result.path}"
            )
    observer.phase(f"{path}: quantised {'before' if kept else 'now'}, and verified")
    return without_source(spec, path)


def _quantization(spec: RunSpec, wanted: Preparation, precision: str) -> QuantizeSpec:
    from edgeloop.convert.edge import ConversionOptions
    from edgeloop.quantization.spec import QuantizeSpec

    return QuantizeSpec(
        model=spec.model,
        precision=precision,
        to=wanted.to,
        representative_data=wanted.representative_data,
        samples=wanted.samples,
        measure=False,
        measured=replace(
            spec, model="", python=None, timeout_s=max(spec.timeout_s, _LEAST_TIMEOUT_S)
        ),
        via=wanted.via,
        options=ConversionOptions(
            opset=wanted.opset,
            layout=wanted.layout,
            batch_size=spec.batch_size or 0,
            shapes=spec.shapes,
            settings=spec.settings,
            model_class_path=spec.model_class_path,
            model_class_name=spec.model_class_name,
            trust_pickle=spec.trust_pickle,
        ),
    )
