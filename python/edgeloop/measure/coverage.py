"""Who would run which node: a worker loads the model and is asked, and nothing is measured."""

from __future__ import annotations

from typing import Any

from edgeloop.measure.live_worker import LiveWorker
from edgeloop.measure.monitor import Monitor
from edgeloop.measure.record import header_of
from edgeloop.results.warnings import delegate_warnings
from edgeloop.spec.resolved import ResolvedSpec


def measure_coverage(spec: ResolvedSpec) -> dict[str, Any]:
    """Return the header of a result, with what was printed while loading and the warnings.

    Raises what went wrong.
    """
    with Monitor() as monitor, LiveWorker(spec, 0, monitor) as worker:
        worker.stop()
    header = header_of(spec, worker)
    return {
        **header,
        "log": worker.client.log.text(),
        "warnings": list(delegate_warnings(header)),
    }
