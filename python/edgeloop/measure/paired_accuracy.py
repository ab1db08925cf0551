"""The accuracy of two configurations on the same labelled samples, for a live comparison."""

from __future__ import annotations

from typing import Optional

from edgeloop.errors import EdgeloopError
from edgeloop.measure.data_set import DataResult, run_data_set
from edgeloop.measure.live_worker import LiveWorker
from edgeloop.measure.monitor import Monitor
from edgeloop.measure.observer import Observer
from edgeloop.metrics.paired import PairedDifference, paired_difference, why_not_paired
from edgeloop.spec.resolved import ResolvedSpec


def paired_accuracy(
    a: ResolvedSpec, b: ResolvedSpec, observer: Observer
) -> tuple[Optional[PairedDifference], Optional[str]]:
    """Run the data of both through both; return how much better B is, or why it is not known.

    Neither is returned where there is no data, or nothing differs that accuracy could depend on.
    """
    if b.inputs.data is None or a.inputs.data is None:
        return None, None
    if (a.model.sha256, a.runtime, a.options) == (b.model.sha256, b.runtime, b.options):
        return None, None
    try:
        with Monitor() as monitor, LiveWorker(b, 0, monitor) as ours:
            if ours.judged is None:
                return None, None
            observer.phase(f"running {b.inputs.data} through both")
            with LiveWorker(a, 0, monitor) as theirs:
                done = run_data_set(ours, theirs)
                theirs.stop()
            ours.stop()
    except EdgeloopError as error:
        return None, str(error)
    return _difference(done, b.seed)


def _difference(done: DataResult, seed: int) -> tuple[Optional[PairedDifference], Optional[str]]:
    evaluations = (done.evaluation, done.reference_evaluation)
    for one in evaluations:
        if one is None or one.reason is not None:
            return None, done.why_no_accuracy if one is None else one.reason
    first, second = [None if one is None else one.kept.scores() for one in evaluations]
    reason = why_not_paired(first, second)
    if reason is not None or first is None or second is None:
        return None, reason
    return paired_difference(first, second, seed), None
