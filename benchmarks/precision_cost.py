"""What ±1 % costs: samples and seconds of `bench` against 10,000 fixed runs, on real models.

    python benchmarks/precision_cost.py MODEL... [--runtime NAME] [--json FILE]

For each model `--effort standard` measures until the median is known to ±1 %; the 10,000 runs are
counted at the same median. The process interval is given beside it: what fixed runs in one process
never show.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Optional

import edgeloop
from edgeloop.host.info import host_info
from edgeloop.report.columns import columns
from edgeloop.report.figures import percent

FIXED_RUNS = 10_000


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--runtime")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    rows = [_row(model, arguments.runtime, arguments.threads) for model in arguments.models]
    print(_page(rows))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 0


def _row(model: str, runtime: Optional[str], threads: int) -> dict[str, Any]:
    result = edgeloop.bench(model, runtime, threads=threads)
    summary = result.summary["summary"]
    first = result.invocations[0]
    one_process = sum(len(block.durations_ns) for block in first.blocks if not block.tail)
    return {
        "model": Path(model).name,
        "runs": sum(len(b.durations_ns) * b.runs_per_sample
                    for i in result.invocations for b in i.blocks),
        "runs_first_process": one_process,
        "seconds": sum(invocation.measuring_s for invocation in result.invocations),
        "processes": summary["processes"],
        "half_width": _half_width(summary, "median_ci95_ns"),
        "half_width_within": _half_width(summary, "median_ci95_within_ns"),
        "half_width_between": _half_width(summary, "median_ci95_between_ns"),
        "fixed_seconds": FIXED_RUNS * summary["median_ns"] / 1e9,
        "stop_reason": summary["stop_reason"],
    }  # fmt: skip


def _half_width(summary: dict[str, Any], name: str) -> Optional[float]:
    interval = summary[name]
    return None if interval is None else (interval[1] - interval[0]) / 2 / summary["median_ns"]


def _page(rows: list[dict[str, Any]]) -> str:
    cpu = ", ".join(host_info().cpu.model_names)
    lines = [("model", "runs", "processes", "time / 10,000 fixed runs", "±", "± within a process",
              "± between processes", "stopped")]  # fmt: skip
    lines += [
        (
            row["model"],
            str(row["runs"]),
            str(row["processes"]),
            f"{row['seconds'] / row['fixed_seconds']:.2f}",
            *(
                "none" if row[name] is None else percent(row[name])
                for name in ("half_width", "half_width_within", "half_width_between")
            ),
            row["stop_reason"],
        )
        for row in rows
    ]
    return f"{cpu}\n{columns(lines, right=(1, 2, 3, 4, 5, 6))}"


if __name__ == "__main__":
    sys.exit(main())
