"""What ±1 % costs: samples and seconds of `bench` against 10,000 fixed runs, on real models.

    python benchmarks/precision_cost.py [MODEL...] [--runtime NAME] [--json FILE]

Without a MODEL: MobileNet v2, a ResNet for 32x32 pixels and an autoencoder, where ../shared/data
has them. For each `--effort standard` measures until the median is known to ±1 % between processes,
or until its minute is over; the 10,000 runs are counted at the same median. Beside it stands the
scatter within processes, which is all that fixed runs in one process show, and what a process costs
before it measures, by which its stretch is chosen. Exits 1 where MobileNet v2 took more than 1,000
runs or 15 s, or did not get to ±1 %: another program on the CPUs is enough for that.
"""

from __future__ import annotations

import argparse
import json
import statistics
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
MOST_RUNS = 1000
MOST_SECONDS = 15.0


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
    blocks = [block for invocation in result.invocations for block in invocation.blocks]
    runs = sum(block.run_times().runs for block in blocks)
    seconds = sum(invocation.measuring_s for invocation in result.invocations)
    half_width = _half_width(summary, "median_ci95_ns")
    return {
        "model": Path(model).name,
        "runs": runs,
        "seconds": seconds,
        "cost_s": statistics.median(one.start_up_s for one in result.invocations),
        "stretch_s": sum(block.wall_ns for block in blocks) / 1e9 / summary["processes"],
        "processes": summary["processes"],
        "half_width": half_width,
        "half_width_within": _half_width(summary, "median_ci95_within_ns"),
        "fixed_seconds": FIXED_RUNS * summary["median_ns"] / 1e9,
        "stop_reason": summary["stop_reason"],
        "ok": half_width is not None
        and half_width <= TARGET
        and runs <= MOST_RUNS
        and seconds <= MOST_SECONDS,
    }


def _half_width(summary: dict[str, Any], name: str) -> Optional[float]:
    interval = summary[name]
    return None if interval is None else (interval[1] - interval[0]) / 2 / summary["median_ns"]


def _page(rows: list[dict[str, Any]]) -> str:
    cpu = ", ".join(host_info().cpu.model_names)
    lines = [("model", "runs", "processes", "a process costs", "measures", "in all",
              "of 10,000 fixed runs", "±", "± within", "stopped")]  # fmt: skip
    lines += [
        (
            row["model"],
            str(row["runs"]),
            str(row["processes"]),
            *(f"{row[name]:.2f} s" for name in ("cost_s", "stretch_s", "seconds")),
            percent(row["seconds"] / row["fixed_seconds"]),
            *(
                "none" if row[name] is None else percent(row[name])
                for name in ("half_width", "half_width_within")
            ),
            row["stop_reason"],
        )
        for row in rows
    ]
    return f"{cpu}\n{columns(lines, right=tuple(range(1, 9)))}"


if __name__ == "__main__":
    sys.exit(main())
