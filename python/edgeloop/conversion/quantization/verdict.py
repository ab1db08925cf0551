"""Whether a quantised model is good: by its accuracy where there are labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Optional

from edgeloop.conversion.quantization.report import Figures
from edgeloop.conversion.verification import Verification
from edgeloop.results.figures import paired_text
from edgeloop.spec.metrics import SQUARED_ERROR

# A quantised model that loses more than five points is broken, or calibrated on other data; what
# it loses below that is for the user to weigh.
_MOST_LOST = 0.05

# The same of an error, which has no scale of its own: it may double.
_MOST_GROWTH = 1.0


def settled(verification: Verification, accuracy: Figures) -> Verification:
    """Let the accuracy before and after decide, where it was taken on the same labelled samples.

    How far the outputs lie apart counts for nothing then; what cannot be compared at all (NaN,
    other shapes) stays a fault.
    """
    paired = None if accuracy.values is None else accuracy.values["paired"]
    if verification.passed is None or accuracy.values is None or paired is None:
        return verification
    distances = {
        f"output '{one.name}': {fault}"
        for one in verification.outputs
        if one.cosine is not None
        for fault in one.faults
    }
    faults = [fault for fault in verification.faults if fault not in distances]
    lost = _why_lost(paired, accuracy.values["before"])
    if lost is not None:
        faults.append(lost)
    return replace(
        verification,
        passed=not faults,
        faults=tuple(faults),
        basis=f"the accuracy beside the float model: {paired_text(paired)}",
    )


def _why_lost(paired: Mapping[str, Any], before: Mapping[str, Any]) -> Optional[str]:
    """Say that the whole interval of the difference lies beyond what may be lost."""
    if paired["difference_ci95"] is None:
        return None
    low, high = paired["difference_ci95"]
    if paired["kind"] == SQUARED_ERROR:
        if low <= _MOST_GROWTH * before["mean_squared_error"]:
            return None
        return f"the squared error more than doubles: {paired_text(paired)}"
    if high >= -_MOST_LOST:
        return None
    return f"the accuracy falls by more than {100 * _MOST_LOST:g} points: {paired_text(paired)}"
