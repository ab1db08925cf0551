"""A model compared with itself: how often does `compare` see a difference that is not there?

    python benchmarks/self_comparison.py CONFIGURATION [--repeats N] [--seconds S] [--json FILE]

CONFIGURATION is MODEL@runtime,threads=1. Each comparison starts three fresh pairs of workers and
interleaves their blocks, as `edgeloop compare` does. A false alarm is the verdict faster or slower.
Exits 1 where there are more than 8 in 100.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from edgeloop.cli.pages.columns import columns
from edgeloop.host.info import host_info
from edgeloop.measure.observer import Silence
from edgeloop.measure.pairing import measure_paired
from edgeloop.results.figures import percent
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.configuration import parse_configuration
from edgeloop.spec.run import RunSpec
from edgeloop.stats.stopping import PRESETS
from edgeloop.stats.verdict import DELTA, FASTER, SLOWER

MOST_FALSE_ALARMS = 0.08
SESSIONS = 3


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("configuration")
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=4.0, help="of one comparison")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    comparisons = [
        _compare(arguments.configuration, arguments.seconds, arguments.seed + repeat)
        for repeat in range(arguments.repeats)
    ]
    alarms = sum(one["verdict"] in (FASTER, SLOWER) for one in comparisons)
    print(_page(arguments.configuration, comparisons, alarms))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(comparisons, indent=1), encoding="utf-8")
    return 0 if alarms <= MOST_FALSE_ALARMS * len(comparisons) else 1


def _compare(configuration: str, seconds: float, seed: int) -> dict[str, Any]:
    defaults = RunSpec(model="", threads=1, seed=seed)
    (spec,) = resolve(parse_configuration(configuration, defaults), "compare")
    # The seed makes the sides unequal in name only: they get a worker each.
    other = replace(spec, seed=seed + 1)
    preset = replace(
        PRESETS["quick"],
        processes=SESSIONS,
        min_processes=SESSIONS,
        max_processes=SESSIONS,
        min_blocks=6,
        total_seconds=seconds,
    )
    run = measure_paired(spec, other, preset, DELTA, Silence(), keep=lambda attempts: None)
    if run.error is not None:
        raise run.error
    return {**asdict(run.compare(DELTA)), "half_width": run.compare(DELTA).half_width}


def _page(configuration: str, comparisons: list[dict[str, Any]], alarms: int) -> str:
    cpu = ", ".join(host_info().cpu.model_names)
    verdicts = Counter(one["verdict"] for one in comparisons)
    excluded = sum(not one["ratio_ci95"][0] <= 1 <= one["ratio_ci95"][1] for one in comparisons)
    widths = sorted(one["half_width"] for one in comparisons)
    rows = [
        ("comparisons", str(len(comparisons))),
        *((f"verdict {word}", str(count)) for word, count in sorted(verdicts.items())),
        ("false alarms", f"{alarms} (at most {MOST_FALSE_ALARMS * len(comparisons):.0f})"),
        ("intervals without 1", str(excluded)),
        ("median half-width", f"±{percent(widths[len(widths) // 2])}"),
    ]
    return f"{configuration} against itself, {cpu}\n{columns(rows, right=(1,))}"


if __name__ == "__main__":
    sys.exit(main())
