"""How often does the interval of one run cover what the machine does over half an hour?

    python benchmarks/spread_over_time.py MODEL... [--minutes M] [--every SECONDS] [--budget S]
        [--json FILE]

Runs `bench` of each model in turn, spread over the time, keeps each result, and counts how often
the interval of a run (told to hold for its seconds) and the one between its session and those
before it cover the grand median, which is that of all runs. Meant for a machine with other work on
it. Exits with 1 where the second covers less often than 0.9.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np

import edgeloop
from edgeloop.cli.pages.columns import columns
from edgeloop.errors import EdgeloopError
from edgeloop.results.figures import percent

LEAST_COVERAGE = 0.9


@dataclass(frozen=True)
class Run:
    """One bench; times in ns."""

    median: float
    interval: Optional[tuple[float, float]]
    long_run: Optional[tuple[float, float]]


@dataclass(frozen=True)
class Row:
    """What the runs of one model covered."""

    model: str
    runs: int
    grand_median_ns: float
    spread: float
    """Standard deviation of the logarithms of the runs' medians."""
    with_interval: int
    covered: int
    with_long_run: int
    long_run_covered: int
    half_width: Optional[float]
    long_run_half_width: Optional[float]
    """Medians, as shares of the grand median."""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two rounds")
    parser.add_argument("--budget", type=float, default=None, help="seconds of each bench")
    parser.add_argument("--effort", default="standard")
    parser.add_argument("--json", metavar="FILE")
    given = parser.parse_args(arguments)
    runs: dict[str, list[Run]] = {model: [] for model in given.models}
    begun_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(max(1, int(60 * given.minutes / given.every))):
            time.sleep(max(0.0, begun_s + number * given.every - time.monotonic()))
            for model in given.models:
                found = _measured(model, given, folder, seed=number)
                if found is not None:
                    runs[model].append(found)
    rows = [row(model, found) for model, found in runs.items() if found]
    print(page(rows))
    if given.json:
        every = {model: [asdict(one) for one in found] for model, found in runs.items()}
        document = {"rows": [asdict(one) for one in rows], "runs": every}
        Path(given.json).write_text(json.dumps(document, indent=1), encoding="utf-8")
    return int(any(_missed(one) for one in rows))


def _measured(model: str, given: argparse.Namespace, folder: str, seed: int) -> Optional[Run]:
    name, _, runtime = model.partition("@")
    options: dict[str, Any] = {} if given.budget is None else {"budget_s": given.budget}
    try:
        result = edgeloop.bench(
            name, runtime or None, out=folder, effort=given.effort, threads=1, seed=seed, **options
        )
    except EdgeloopError as error:
        print(f"{model}: {error}", file=sys.stderr)
        return None
    headline = result.summary["summary"]
    sessions = headline["sessions"] or {}
    return Run(headline["median_ns"], headline["median_ci95_ns"], sessions.get("median_ci95_ns"))


def row(model: str, runs: Sequence[Run]) -> Row:
    """Count how often each interval covers the geometric mean of all medians."""
    logs = np.log([run.median for run in runs])
    grand = float(np.exp(np.median(logs)))
    stated = [run.interval for run in runs if run.interval is not None]
    long_run = [run.long_run for run in runs if run.long_run is not None]
    return Row(
        model=Path(model).name,
        runs=len(runs),
        grand_median_ns=grand,
        spread=float(np.std(logs, ddof=1)) if len(runs) > 1 else 0.0,
        with_interval=len(stated),
        covered=_covering(stated, grand),
        with_long_run=len(long_run),
        long_run_covered=_covering(long_run, grand),
        half_width=_half_width(stated, grand),
        long_run_half_width=_half_width(long_run, grand),
    )


def _covering(intervals: Sequence[tuple[float, float]], value: float) -> int:
    return sum(low <= value <= high for low, high in intervals)


def _half_width(intervals: Sequence[tuple[float, float]], value: float) -> Optional[float]:
    if not intervals:
        return None
    return float(np.median([(high - low) / 2 / value for low, high in intervals]))


def _missed(one: Row) -> bool:
    return bool(one.with_long_run) and one.long_run_covered < LEAST_COVERAGE * one.with_long_run


def page(rows: Sequence[Row]) -> str:
    head = ("for these seconds", "half-width", "between sessions", "half-width", "")
    table = [("model", "runs", "grand median", "scatter", *head)]
    for one in rows:
        table.append((
            one.model,
            str(one.runs),
            f"{one.grand_median_ns / 1e6:.4g} ms",
            percent(one.spread),
            f"{one.covered} of {one.with_interval}",
            "" if one.half_width is None else percent(one.half_width),
            f"{one.long_run_covered} of {one.with_long_run}",
            "" if one.long_run_half_width is None else percent(one.long_run_half_width),
            "MISS" if _missed(one) else "ok",
        ))  # fmt: skip
    return columns(table, right=(1, 2, 3, 4, 5, 6, 7))


if __name__ == "__main__":
    sys.exit(main())
