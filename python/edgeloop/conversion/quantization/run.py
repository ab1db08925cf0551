"""Quantise a model: convert it where that is needed, calibrate, verify, measure, report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Optional

from edgeloop.conversion.faults import name_of_unverified
from edgeloop.conversion.quantization import figures, steps
from edgeloop.conversion.quantization._base import QuantizeRequest
from edgeloop.conversion.quantization.causes import (
    Facts,
    accuracy_warnings,
    calibration_warning,
    kernel_warnings,
    overflow_notes,
    saturates,
    slowness_warning,
    snr_warnings,
    this_machine,
)
from edgeloop.conversion.quantization.layers import LayerError
from edgeloop.conversion.quantization.methods import (
    Method,
    choose_method,
    parse_io,
    parse_precision,
)
from edgeloop.conversion.quantization.report import (
    Calibration,
    Figures,
    ModelFile,
    QuantizationReport,
)
from edgeloop.conversion.quantization.spec import QuantizeSpec, require_float, require_sound
from edgeloop.conversion.quantization.steps import draw_samples
from edgeloop.conversion.quantization.verdict import settled
from edgeloop.conversion.report import write_sidecar
from edgeloop.conversion.run import (
    EXTENSIONS,
    ConversionSpec,
    convert,
    put,
    scratch_beside,
    target_of,
)
from edgeloop.conversion.verification import Reference, Subject, Verification, judges
from edgeloop.envs.interpreter import look_for
from edgeloop.errors import ModelError, UsageError, canonical
from edgeloop.measure.observer import Observer
from edgeloop.models.formats import detect_format
from edgeloop.models.identity import identity_of, model_bytes, sha256_of
from edgeloop.models.inspect import inspect_model
from edgeloop.models.provenance import read_sidecar
from edgeloop.spec.inputs import InputSource
from edgeloop.spec.load import LoadOptions
from edgeloop.spec.run import RunSpec

# Samples on which the float and the quantised outputs are compared: fewer have wide intervals.
_COMPARED_SAMPLES = 200


@dataclass(frozen=True)
class _Plan:
    """What is decided before anything runs."""

    precision: str
    method: Method
    converts: bool
    """The model is converted to the method's format first."""
    request: QuantizeRequest
    """Without its paths."""
    target: Path


@dataclass(frozen=True)
class _Floats:
    """The float model, as it was given and as it is compared."""

    source: str
    """What the method reads."""
    baseline: str
    """The same in the format of the result."""
    transposed_inputs: Mapping[str, Sequence[int]]
    transposed_outputs: Mapping[str, Sequence[int]]
    notes: Sequence[str]


def quantize(spec: QuantizeSpec, observer: Observer) -> QuantizationReport:
    """Quantise, verify, measure, and leave the result under its name, or as NAME.unverified.

    Raises UsageError, NotAvailableError where a package is nowhere, ModelError where the tool
    cannot quantise the model, CannotWriteError; then nothing is left.
    """
    started_ns = time.monotonic_ns()
    plan = _decide(spec)
    with scratch_beside(plan.target) as scratch:
        floats = _floats(spec, plan, scratch, observer)
        if floats.transposed_inputs and spec.measured.data_layout is None:
            # The data has the layout of the model that was given.
            spec = replace(spec, measured=replace(spec.measured, data_layout="nchw"))
        return _Run(spec, plan, floats, scratch, observer).report(started_ns)


def _decide(spec: QuantizeSpec) -> _Plan:
    precision = parse_precision(spec.precision)
    require_sound(spec, precision)
    found = detect_format(spec.model).format
    wanted = None if spec.to is None else canonical(spec.to)
    if wanted is None or (found, wanted) in (("savedmodel", "tflite"), ("keras", "tflite")):
        wanted = found
    method = choose_method(wanted, precision)
    machine, flags = this_machine()
    purpose, reduce_range = canonical(spec.purpose), canonical(spec.reduce_range)
    if purpose != "onnxruntime" and (method.target, precision) != ("onnx", "int8"):
        raise UsageError(
            "--for tensorrt is for int8 in ONNX, from which TensorRT builds its engine"
        )
    if reduce_range == "yes" and (method.target != "onnx" or precision == "fp16"):
        raise UsageError("--reduce-range is for int8 and dynamic in ONNX")
    overflows = method.target == "onnx" and purpose == "onnxruntime" and saturates(machine, flags)
    request = QuantizeRequest(
        source="",
        target="",
        precision=precision,
        io=parse_io(spec.io, method, precision),
        activations="symmetric" if purpose == "tensorrt" else "asymmetric",
        reduce_range=reduce_range == "yes" or (reduce_range == "auto" and overflows),
    )
    name = f"{Path(spec.model).stem}_{precision}{EXTENSIONS[method.target]}"
    target = target_of(spec.model, spec.out, name, force=spec.force)
    return _Plan(precision, method, found != wanted, request, target)


def _floats(spec: QuantizeSpec, plan: _Plan, scratch: Path, observer: Observer) -> _Floats:
    """Return the float models: converted to the result's format where they are in another."""
    model = str(Path(spec.model).resolve())
    if not plan.converts:
        require_float(inspect_model(model))
    if detect_format(model).format == plan.method.target:
        kept = read_sidecar(model) or {}
        return _Floats(
            model,
            model,
            kept.get("transposed_inputs", {}),
            kept.get("transposed_outputs", {}),
            (),
        )
    baseline = str(scratch / f"{Path(model).stem}_float{EXTENSIONS[plan.method.target]}")
    conversion = convert(
        ConversionSpec(
            model=model,
            target=plan.method.target,
            out=baseline,
            via=spec.via,
            python=spec.measured.python,
            options=spec.options,
            inputs=spec.inputs,
            timeout_s=spec.measured.timeout_s,
        ),
        observer,
    )
    if conversion.verification.passed is False:
        raise ModelError(
            f"{spec.model} is not quantised: its conversion to {plan.method.target} does not agree "
            f"with it ({conversion.verification.faults[0]})"
        )
    return _Floats(
        baseline if plan.converts else model,
        baseline,
        conversion.input_layouts,
        conversion.output_layouts,
        conversion.notes,
    )


class _Run:
    """One quantisation under way."""

    def __init__(
        self, spec: QuantizeSpec, plan: _Plan, floats: _Floats, scratch: Path, observer: Observer
    ) -> None:
        self._spec = spec
        self._plan = plan
        self._floats = floats
        self._scratch = scratch
        self._observer = observer

    def report(self, started_ns: int) -> QuantizationReport:
        """Do it all, put the result under its name, and say what became of it."""
        spec, plan = self._spec, self._plan
        calibration = self._calibrate()
        written, answer, log = self._quantize(calibration)
        accuracy = figures.compare_accuracy(
            self._floats.baseline,
            str(written),
            plan.request.io,
            self._measured(),
            self._observer,
        )
        verification = settled(self._verify(written), accuracy)
        layers, layers_reason = self._layers(written, calibration)
        target = plan.target
        if verification.passed is False:
            target = name_of_unverified(target)
        baseline, source = (
            _file(self._floats.baseline),
            _file(str(Path(spec.model).resolve()), spec.options.model_class_path),
        )
        put(written, target)
        latency = self._latency(str(target))
        facts = self._facts(calibration, latency.undelegated)
        report = QuantizationReport(
            source=source,
            baseline=baseline,
            result=_file(str(target)),
            precision=plan.precision,
            method=plan.method.name,
            tool=plan.method.tool,
            io=plan.request.io,
            activations=plan.request.activations if plan.method.name == "onnx-static" else None,
            reduce_range=plan.request.reduce_range if plan.method.target == "onnx" else None,
            calibration=calibration,
            verification=verification,
            latency=latency.figures,
            accuracy=accuracy,
            layers=layers,
            layers_reason=layers_reason,
            notes=(*self._floats.notes, *answer["notes"], *overflow_notes(facts)),
            warnings=(
                *_calibrated_on_test_data(calibration, spec.inputs),
                *snr_warnings(facts, [(one.name, one.snr_db) for one in verification.outputs]),
                *kernel_warnings(facts),
                *slowness_warning(facts, latency.verdict, latency.words),
                *accuracy.warnings,
                *accuracy_warnings(facts, accuracy.values),
            ),
            transposed_inputs=self._floats.transposed_inputs,
            transposed_outputs=self._floats.transposed_outputs,
            import_ns=answer["import_ns"],
            quantize_ns=answer["quantize_ns"],
            total_ns=time.monotonic_ns() - started_ns,
            log=log,
        )
        write_sidecar(str(target), report.as_dict())
        return report

    def _calibrate(self) -> Optional[Calibration]:
        """Draw the calibration samples; None where the method takes none."""
        inputs = self._spec.calibration
        if inputs is None or inputs.data is None:
            return None
        doing = f"drawing {self._spec.samples} calibration samples of {inputs.data}"
        with self._observer.busy(doing):
            specs = steps.describe_inputs(
                self._floats.baseline,
                self._plan.method.target,
                self._spec.measured.python,
                self._spec.measured.timeout_s,
            )
            return draw_samples(
                inputs, specs, self._spec.samples, self._spec.measured.seed, self._samples
            )

    @property
    def _samples(self) -> str:
        return str(self._scratch / "calibration.npz")

    def _quantize(self, calibration: Optional[Calibration]) -> tuple[Path, dict[str, Any], str]:
        method = self._plan.method
        written = self._scratch / f"quantised{EXTENSIONS[method.target]}"
        work = self._scratch / "work"
        work.mkdir()
        request = replace(
            self._plan.request,
            source=self._floats.source,
            target=str(written),
            samples="" if calibration is None else self._samples,
        )
        with self._observer.busy(f"quantising to {self._plan.precision} with {method.tool}"):
            answer, log = steps.run_method(
                method,
                request,
                str(work),
                self._spec.measured.python,
                self._spec.measured.timeout_s,
            )
        return written, answer, log

    def _verify(self, written: Path) -> Verification:
        """Run the float and the quantised model on the same samples: real ones where there are."""
        inputs = self._spec.inputs
        if inputs.data is None and self._spec.calibration is not None:
            inputs = self._spec.calibration
        baseline = self._floats.baseline
        reference = Reference(
            Subject(baseline, self._plan.method.target, LoadOptions(model=baseline)),
            inputs,
            self._scratch,
            self._spec.measured.python,
            self._spec.measured.timeout_s,
            samples=_COMPARED_SAMPLES,
            drawn=True,
        )
        result = Subject(str(written), self._plan.method.target, LoadOptions(model=str(written)))
        with self._observer.busy(
            "verifying: the float and the quantised model on the same samples"
        ):
            return reference.verify(result, self._plan.precision, {}, {})

    def _layers(
        self, written: Path, calibration: Optional[Calibration]
    ) -> tuple[Optional[tuple[LayerError, ...]], Optional[str]]:
        if not self._spec.debug_layers:
            return None, "they were not asked for (--debug-layers)"
        if calibration is None:
            return None, f"{self._plan.precision} leaves the tensors between the layers in float"
        with self._observer.busy("comparing the layers"):
            found = steps.compare_layers(
                self._plan.method.target,
                self._floats.baseline,
                str(written),
                self._samples,
                self._spec.measured.python,
                self._spec.measured.timeout_s,
            )
        return found, None

    def _measured(self) -> RunSpec:
        """Return how latency and accuracy are measured: where the runtime is."""
        measured = self._spec.measured
        if measured.python is not None:
            return measured
        _, needs = judges()[self._plan.method.target]
        return replace(measured, python=look_for(needs.packages, needs.environment).python)

    def _latency(self, result: str) -> figures.Latency:
        if not self._spec.measure:
            return figures.Latency(Figures(reason="it was not asked for (--no-measure)"))
        return figures.compare_latency(
            self._floats.baseline, result, self._measured(), self._scratch, self._observer
        )

    def _facts(self, calibration: Optional[Calibration], undelegated: Optional[str]) -> Facts:
        machine, flags = this_machine()
        operators = inspect_model(self._floats.baseline).operators or ()
        return Facts(
            format=self._plan.method.target,
            precision=self._plan.precision,
            activations=self._plan.request.activations,
            reduce_range=self._plan.request.reduce_range,
            machine=machine,
            cpu_flags=flags,
            operators=tuple(operator.name for operator in operators),
            samples=None if calibration is None else calibration.samples,
            undelegated=undelegated if self._plan.method.target == "tflite" else None,
        )


def _file(path: str, class_path: Optional[str] = None) -> ModelFile:
    found = detect_format(path).format
    return ModelFile(path, found, identity_of(path, class_path), model_bytes(path))


def _calibrated_on_test_data(
    calibration: Optional[Calibration], inputs: InputSource
) -> list[dict[str, Any]]:
    if calibration is None or inputs.data is None:
        return []
    return calibration_warning(calibration.sha256, sha256_of(inputs.data))
