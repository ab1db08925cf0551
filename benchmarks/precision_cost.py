"""What ±1 % costs: samples and seconds of `bench` against 10,000 fixed runs, on real models.

    python benchmarks/precision_cost.py [MODEL...] [--runtime NAME] [--json FILE]

Without a MODEL: MobileNet v2, a ResNet for 32x32 pixels and an autoencoder, where ../shared/data
has them. For each `--effort standard` measures until the median is known to ±1 %, or until its
minute is over; the 10,000 runs are counted at the same median. The process interval is given beside
it: what fixed runs in one process never show. Exits 1 where MobileNet v2 took more than 2,000 runs
or did not get to ±1 %: another program on the CPUs is enough for that.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Optional

import edgeloop
from edgeloop.cli.pages.columns import columns
from edgeloop.host.info import host_info
from edgeloop.results.figures import percent

SHARED = Path(__file__).parents[2] / "shared" / "data"
MOBILENET = "mobilenet_v2_1.0_224_quant.tflite"
MODELS = (
    SHARED / "imagenet_mobilenet" / MOBILENET,
    SHARED / "cifar10_resnet" / "pretrainedResnet.tflite",
    SHARED / "toycar_autoencoder" / "ad01_fp32.tflite",
)
FIXED_RUNS = 10_000
TARGET = 0.01
MOST_RUNS = 2000


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--runtime")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    models = arguments.models or [str(path) for path in MODELS if path.exists()]
    rows = [_row(model, arguments.runtime, arguments.threads) for model in models]
    print(_page(rows))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 0 if all(row["ok"] for row in rows if row["model"] == MOBILENET) else 1


def _row(model: str, runtime: Optional[str], threads: int) -> dict[str, Any]:
    result = edgeloop.bench(model, runtime, threads=threads)
    summary = result.summary["summary"]
    first = result.invocations[0]
    one_process = sum(len(block.durations_ns) for block in first.blocks if not block.tail)
    runs = sum(
        len(block.durations_ns) * block.runs_per_sample
        for invocation in result.invocations
        for block in invocation.blocks
    )
    half_width = _half_width(summary, "median_ci95_ns")
    return {
        "model": Path(model).name,
        "runs": runs,
        "runs_first_process": one_process,
        "seconds": sum(invocation.measuring_s for invocation in result.invocations),
        "processes": summary["processes"],
        "half_width": half_width,
        "half_width_within": _half_width(summary, "median_ci95_within_ns"),
        "half_width_between": _half_width(summary, "median_ci95_between_ns"),
        "fixed_seconds": FIXED_RUNS * summary["median_ns"] / 1e9,
        "stop_reason": summary["stop_reason"],
        "ok": half_width is not None and half_width <= TARGET and runs <= MOST_RUNS,
    }


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
