"""Bring a model to the format and precision that are to be measured: all in one command."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Optional

from edgeloop.errors import UsageError, canonical
from edgeloop.measure.observer import Observer
from edgeloop.runtimes import runtime
from edgeloop.runtimes.choice.inputs import inputs_of
from edgeloop.spec.preparation import Preparation
from edgeloop.spec.run import RunSpec

if TYPE_CHECKING:
    from edgeloop.conversion.edge import ConversionOptions
    from edgeloop.conversion.quantization.spec import QuantizeSpec
    from edgeloop.conversion.run import ConversionSpec
    from edgeloop.conversion.verification import Verification


def prepare(
    spec: RunSpec, wanted: Preparation, observer: Observer
) -> tuple[RunSpec, Optional[Verification]]:
    """Convert, or quantise, the model of a spec, where that is wanted.

    Returns the spec of the result, and how the result agrees with the source. What the spec says
    of the source (its shapes, batch size and class) goes to the conversion.
    Raises as `convert` and `quantize` do.
    """
    if wanted.precision is not None:
        from edgeloop.conversion.quantization.run import quantize

        quantised = quantize(quantize_spec(spec, wanted, wanted.precision), observer)
        path, transposed = quantised.result.path, bool(quantised.transposed_inputs)
        verification = quantised.verification
    elif wanted.representative_data is not None:
        raise UsageError("--representative-data is for --quantize int8 or int16x8")
    elif wanted.to is not None:
        from edgeloop.conversion.run import convert

        converted = convert(conversion_spec(spec, wanted, wanted.to), observer)
        path, transposed = converted.path, bool(converted.input_layouts)
        verification = converted.verification
    elif wanted != Preparation():
        raise UsageError(
            "--layout, --via, --opset, --model-out, --samples and --force "
            "are for --to or --quantize"
        )
    else:
        return spec, None
    return prepared(spec, path, transposed=transposed), verification


def prepared(spec: RunSpec, path: str, *, transposed: bool) -> RunSpec:
    """Return the run of what was made of its model; what it says of the source is left behind.

    `transposed`: channels were moved to the end, so that data in the source's layout is "nchw".
    """
    measured = replace(
        spec,
        model=path,
        batch_size=None,
        shapes={},
        settings=settings_of(spec, source=False),
        model_class_path=None,
        model_class_name=None,
        trust_pickle=False,
    )
    if transposed and spec.data_layout is None:
        measured = replace(measured, data_layout="nchw")
    return measured


def conversion_spec(spec: RunSpec, wanted: Preparation, to: str) -> ConversionSpec:
    """Return the conversion of a run's model. Raises UsageError, ModelError."""
    from edgeloop.conversion.run import ConversionSpec

    return ConversionSpec(
        model=spec.model,
        target=to,
        out=wanted.model_out,
        force=wanted.force,
        via=tuple(wanted.via),
        options=_options(spec, wanted),
        inputs=inputs_of(spec),
    )


def quantize_spec(spec: RunSpec, wanted: Preparation, precision: str) -> QuantizeSpec:
    """Return the quantisation of a run's model, without measuring the result."""
    from edgeloop.conversion.quantization.spec import QuantizeSpec

    return QuantizeSpec(
        model=spec.model,
        precision=precision,
        to=wanted.to,
        out=wanted.model_out,
        force=wanted.force,
        representative_data=wanted.representative_data,
        samples=wanted.samples,
        measure=False,
        via=tuple(wanted.via),
        measured=replace(spec, model="", python=None),
        options=_options(spec, wanted),
    )


def _options(spec: RunSpec, wanted: Preparation) -> ConversionOptions:
    from edgeloop.conversion.edge import ConversionOptions

    return ConversionOptions(
        opset=wanted.opset,
        layout=wanted.layout,
        batch_size=spec.batch_size or 0,
        shapes=spec.shapes,
        settings=settings_of(spec, source=True),
        model_class_path=spec.model_class_path,
        model_class_name=spec.model_class_name,
        trust_pickle=spec.trust_pickle,
    )


def settings_of(spec: RunSpec, *, source: bool) -> dict[str, str]:
    """Return the settings that PyTorch has, which are the source's, or the others."""
    known = runtime("torch").settings
    theirs = {key for key in spec.settings if canonical(key) in known}
    return {key: value for key, value in spec.settings.items() if (key in theirs) == source}
