"""A plan or a conversion on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeloop.cli.pages.accuracy import detections_words
from edgeloop.cli.pages.columns import columns
from edgeloop.errors import plain
from edgeloop.results.figures import duration, percent, size

if TYPE_CHECKING:
    from edgeloop.conversion.agreement import OutputAgreement
    from edgeloop.conversion.plan import Plan
    from edgeloop.conversion.report import ConversionReport
    from edgeloop.conversion.verification import Verification

_NAME_LENGTH = 40
_NOTE_LENGTH = 1000


def plan_page(plan: Plan) -> str:
    """Return what `edgeloop convert --plan` prints."""
    kind = f" ({plan.source.kind})" if plan.source.kind else ""
    rows = [("step", "from", "to", "with", "runs in")]
    rows += [
        (str(number), step.edge.source, step.edge.target, step.edge.tool, step.place)
        for number, step in enumerate(plan.steps, start=1)
    ]
    lines = [f"{plan.source.format}{kind} to {plan.target} on {plan.machine}", columns(rows)]
    lines += [
        f"step {number} cannot run on this machine: {step.missing}"
        for number, step in enumerate(plan.steps, start=1)
        if step.missing is not None
    ]
    if plan.runnable:
        lines.append("everything it needs is installed")
    return "\n".join(lines)


def conversion_page(report: ConversionReport) -> str:
    """Return what `edgeloop convert` prints."""
    rows = [("step", "with", "size", "conversion", "imports")]
    rows += [
        (
            f"{step.source} to {step.target}",
            step.tool,
            size(step.written.bytes),
            duration(step.convert_ns),
            duration(step.start_ns + step.import_ns),
        )
        for step in report.steps
    ]
    lines = [columns(rows, indent="", right=(2, 3, 4))]
    lines += [f"note: {plain(note, _NOTE_LENGTH)}" for note in report.notes]
    lines += ["", *_verification(report.verification), ""]
    lines.append(f"{report.path}: {report.format}, {size(report.bytes)} ({report.bytes} bytes)")
    return "\n".join(lines)


def _verification(verification: Verification) -> list[str]:
    if verification.passed is None:
        return [f"NOT VERIFIED: {verification.reason}"]
    lines = []
    if verification.detections is not None:
        lines.append(
            f"source and result on {verification.samples} samples ({verification.origin}): "
            f"{detections_words(verification.detections)}"
        )
    if verification.outputs:
        lines.append(
            f"source and result on {verification.samples} samples ({verification.origin}), "
            f"{verification.precision}"
        )
        rows = [("output", "max error", "of largest", "least cosine", "top-1")]
        lines.append(columns(rows + [_row(item) for item in verification.outputs], right=(1, 2, 3)))
        lines.append(
            f"verification took {duration(verification.work_ns)}, "
            f"starting and importing {duration(verification.start_ns)}"
        )
    if verification.passed:
        lines.append("VERIFIED: the result agrees with the source within its precision")
    else:
        lines += [f"FAULT: {plain(fault, _NOTE_LENGTH)}" for fault in verification.faults]
        lines.append("UNVERIFIED: do not use the result before the fault is understood")
    return lines


def _row(item: OutputAgreement) -> tuple[str, ...]:
    return (
        plain(item.name, _NAME_LENGTH),
        "-" if item.max_abs_error is None else f"{item.max_abs_error:.3g}",
        "-" if item.max_relative_error is None else f"{item.max_relative_error:.2e}",
        "-" if item.cosine_min is None else f"{item.cosine_min:.6f}",
        "-" if item.top1_agreement is None else percent(item.top1_agreement),
    )
