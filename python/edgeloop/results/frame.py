"""The samples of a result as a table, for those who work in pandas or polars."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgeloop.errors import NotAvailableError
from edgeloop.results.schema import Result


def sample_columns(result: Result) -> dict[str, npt.NDArray[Any]]:
    """Return one row for each sample, in the order of measurement.

    `duration_ns` is the mean of one run where a sample holds several (`runs_per_sample`);
    `start_ns` is that of the sample's block on CLOCK_MONOTONIC_RAW; `tail` marks the samples of
    single runs beside them; `throttled` is that of the block.
    """
    fastest_ns = result.fastest_probe_ns()
    found: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in _COLUMNS}
    for process, invocation in enumerate(result.invocations):
        for number, block in enumerate(invocation.blocks):
            count = block.durations_ns.size
            values = (
                process,
                number,
                block.loop,
                block.start_ns,
                block.runs_per_sample,
                block.tail,
                bool(block.is_throttled(fastest_ns)),
            )
            for name, value in zip(_COLUMNS, values):
                found[name].append(np.full(count, value))
            found["duration_ns"].append(block.run_times().ns)
    return {name: np.concatenate(parts) if parts else np.empty(0) for name, parts in found.items()}


_COLUMNS = (
    "process",
    "block",
    "loop",
    "start_ns",
    "runs_per_sample",
    "tail",
    "throttled",
    "duration_ns",
)


def to_dataframe(result: Result) -> Any:
    """Return the samples as a pandas DataFrame, or a polars one where pandas is missing.

    Raises NotAvailableError where neither is installed.
    """
    columns = sample_columns(result)
    try:
        import pandas
    except ImportError:
        pass
    else:
        return pandas.DataFrame(columns)
    try:
        import polars
    except ImportError:
        raise NotAvailableError(
            "to_dataframe() needs pandas or polars: pip install pandas"
        ) from None
    return polars.DataFrame(columns)
