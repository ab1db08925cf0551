"""Run a plan: every step in a worker, the result verified, then put under its final name."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Optional

from edgeloop.conversion.edge import ConversionOptions
from edgeloop.conversion.faults import facts_from_dict, file_faults, name_of_unverified
from edgeloop.conversion.plan import Plan, Step, make_plan
from edgeloop.conversion.report import ConversionReport, StepReport, write_sidecar
from edgeloop.conversion.verification import Reference, Subject, Verification
from edgeloop.errors import CANNOT_BE_WRITTEN, CannotWriteError, UsageError, nearest
from edgeloop.measure.observer import Observer
from edgeloop.models.aotinductor_file import remember_package
from edgeloop.models.formats import detect_format
from edgeloop.models.identity import identity_of, model_bytes
from edgeloop.spec.inputs import InputSource
from edgeloop.spec.load import LoadOptions
from edgeloop.worker.client import WorkerClient

EXTENSIONS = {
    "onnx": ".onnx",
    "savedmodel": "_savedmodel",
    "tflite": ".tflite",
    "edgetpu": "_edgetpu.tflite",
    "aotinductor": ".pt2",
    "tensorrt": ".engine",
    "ncnn": "_ncnn_model",
}


@dataclass(frozen=True)
class ConversionSpec:
    """What the user asked to be converted."""

    model: str
    target: str
    """The format."""
    out: Optional[str] = None
    """The file or folder to write; None: the model's name with the format's ending, here."""
    force: bool = False
    """Replace what is there under that name."""
    via: tuple[str, ...] = ()
    python: Optional[str] = None
    options: ConversionOptions = field(default_factory=ConversionOptions)
    inputs: InputSource = field(default_factory=lambda: InputSource(0))
    """The samples of the verification."""
    timeout_s: float = 3600.0


def plan_conversion(spec: ConversionSpec) -> Plan:
    """Return the way that `convert` would go. Raises UsageError, ModelError."""
    return make_plan(detect_format(spec.model), spec.target, via=spec.via, python=spec.python)


def convert(spec: ConversionSpec, observer: Observer) -> ConversionReport:
    """Convert, verify, and leave the result under its final name, or as NAME.unverified.

    Raises NotAvailableError where a step cannot run here, ModelError where a converter fails,
    CannotWriteError, RuntimeFailedError where a worker died; then nothing is left.
    """
    plan = plan_conversion(spec)
    _require_known_settings(plan, spec.options)
    plan.require_runnable()
    if spec.options.layout != "keep" and not any(step.edge.changes_layout for step in plan.steps):
        raise UsageError(
            f"--layout {spec.options.layout}: no step from {plan.source.format} to {plan.target} "
            "moves channels; leave it out"
        )
    name = Path(spec.model).stem + EXTENSIONS[plan.target]
    target = target_of(spec.model, spec.out, name, force=spec.force)
    started = time.monotonic_ns()
    with scratch_beside(target) as scratch:
        steps, written = _run_steps(spec, plan, scratch, observer)
        with observer.busy("verifying: source and result on the same samples"):
            verification = _verify(spec, plan, steps, scratch, written)
        if verification.passed is False:
            target = name_of_unverified(target)
        report = ConversionReport(
            model=str(Path(spec.model).resolve()),
            model_sha256=identity_of(spec.model, spec.options.model_class_path),
            path=str(target),
            sha256=identity_of(written),
            format=plan.target,
            bytes=model_bytes(written),
            precision=steps[-1].written.precision,
            steps=tuple(steps),
            verification=verification,
            total_ns=time.monotonic_ns() - started,
        )
        write_sidecar(report.path, report.as_dict())
        put(written, target)
    return report


def _require_known_settings(plan: Plan, options: ConversionOptions) -> None:
    """Raise UsageError for a setting of a builder that no step of the way takes."""
    known = [key for step in plan.steps for key in step.edge.builder]
    for key in options.builder:
        if key not in known:
            raise UsageError(
                f"no step from {plan.source.format} to {plan.target} has a builder's setting "
                f"'{key}'; {nearest(key, known) if known else 'there are none'}"
            )


def _run_steps(
    spec: ConversionSpec, plan: Plan, scratch: Path, observer: Observer
) -> tuple[list[StepReport], Path]:
    """Run the edges one after the other; neighbours in one interpreter share a worker."""
    source = Path(spec.model).resolve()
    options = spec.options
    parameters: Optional[int] = None
    reports: list[StepReport] = []
    for python, group in groupby(plan.steps, lambda step: step.python):
        assert python is not None
        with WorkerClient(python, spec.timeout_s, repeatable=True) as worker:
            start_ns = worker.hello.interpreter_start_ns
            for step in group:
                doing = (
                    f"{step.edge.source} to {step.edge.target} with {step.edge.tool}, "
                    f"in {step.place}"
                )
                folder = scratch / str(len(reports))
                folder.mkdir()
                target = folder / (source.stem + EXTENSIONS[step.edge.target])
                with observer.busy(doing):
                    answer = _ask(worker, step, source, target, options)
                if parameters is None:
                    parameters = answer["parameters"]
                reports.append(_report(step, answer, parameters, options, start_ns))
                source, options, start_ns = target, options.after(answer), 0
            worker.stop()
    return reports, source


def _ask(
    worker: WorkerClient, step: Step, source: Path, target: Path, options: ConversionOptions
) -> dict[str, Any]:
    """Run one edge in a worker and return its answer, with what the worker printed until now."""
    work = target.parent.with_name(f"{target.parent.name}.work")
    work.mkdir()
    arguments = {
        "edge": step.edge.name,
        "source": str(source),
        "target": str(target),
        "scratch": str(work),
        # The next edge in this worker works there too, and no right comes back that was given up.
        "folder": str(target.parent.parent),
        "options": options.as_dict(),
    }
    doing = f"converting {step.edge.source} to {step.edge.target}"
    answer = worker.job("convert", arguments, doing)
    worker.said()
    return {**answer, "log": worker.log.text()}


def _report(
    step: Step,
    answer: dict[str, Any],
    parameters: Optional[int],
    options: ConversionOptions,
    start_ns: int,
) -> StepReport:
    written = facts_from_dict(answer["written"])
    written = replace(written, precision=written.precision or answer["precision"])
    faults = file_faults(
        written,
        answer["beside"],
        parameters=parameters,
        opset=options.opset if step.edge.target == "onnx" else None,
    )
    return StepReport(
        edge=step.edge.name,
        source=step.edge.source,
        target=step.edge.target,
        tool=step.edge.tool,
        python=str(step.python),
        written=written,
        notes=tuple(answer["notes"]),
        faults=tuple(faults),
        transposed_inputs=answer["transposed_inputs"],
        transposed_outputs=answer["transposed_outputs"],
        start_ns=start_ns,
        import_ns=answer["import_ns"],
        convert_ns=answer["convert_ns"],
        inspect_ns=answer["inspect_ns"],
        log=answer["log"],
    )


def _verify(
    spec: ConversionSpec, plan: Plan, steps: list[StepReport], scratch: Path, written: Path
) -> Verification:
    model = str(Path(spec.model).resolve())
    reference = Reference(
        Subject(model, plan.source.format, spec.options.load_options(model)),
        spec.inputs,
        scratch,
        spec.python,
        spec.timeout_s,
    )
    # It was compiled here, from code that the user let run already.
    known = plan.target != "aotinductor" or remember_package(written)
    options = LoadOptions(model=str(written), trust_pickle=not known)
    verification = reference.verify(
        Subject(str(written), plan.target, options),
        steps[-1].written.precision or "fp32",
        {name: axes for step in steps for name, axes in step.transposed_inputs.items()},
        {name: axes for step in steps for name, axes in step.transposed_outputs.items()},
    )
    return verification.with_faults([fault for step in steps for fault in step.faults])


def target_of(model: str, out: Optional[str], name: str, *, force: bool) -> Path:
    """Return the absolute path to write: `out`, or `name` here.

    `force` lets it replace what is there, but never the model itself.
    Raises CannotWriteError where something is there, or no such folder; UsageError for the model.
    """
    target = Path(name if out is None else out).absolute()
    if not target.parent.is_dir():
        raise CannotWriteError(f"{target} cannot be written: no folder {target.parent}")
    if target.exists() and not force:
        raise CannotWriteError(
            f"{target} is there already; --force replaces it, --out names another"
        )
    if target.exists() and target.samefile(model):
        raise UsageError(f"{target} is the model itself; name another file with --out")
    return target


@contextmanager
def scratch_beside(target: Path) -> Iterator[Path]:
    """Make a hidden folder beside the target, on its disk, that never outlives the work."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise CannotWriteError(f"{target} cannot be written: {error.strerror}") from error
    try:
        yield folder
    except OSError as error:
        if error.errno in CANNOT_BE_WRITTEN:
            raise CannotWriteError(f"{target} cannot be written: {error.strerror}") from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put(written: Path, target: Path) -> None:
    """Give the result its final name, in one step where nothing is in the way."""
    if target.is_dir() and not target.is_symlink():
        target.rename(written.parent / "replaced")
    written.rename(target)
