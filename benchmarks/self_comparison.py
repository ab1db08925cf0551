"""A model compared with itself, or with one that takes a little longer: what does `compare` say?

    python benchmarks/self_comparison.py CONFIGURATION [--against CONFIGURATION] [--busy N]
        [--effort EFFORT] [--budget S] [--repeats N] [--json FILE]

CONFIGURATION is MODEL@runtime,threads=1; null@null,multiplications=51000 is known to take 2 % more
than with 50000. Each comparison is one of `edgeloop compare`, with workers of its own. `--busy`
starts so many processes that only take CPU time. Exits 1 where more than 5 in 100 comparisons of a
model with itself say faster or slower, or fewer than 90 in 100 find the slower one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgeloop.cli.pages.columns import columns
from edgeloop.host.info import host_info
from edgeloop.measure.observer import Silence
from edgeloop.measure.pairing import PLANS, measure_paired, plan_of
from edgeloop.results.figures import percent
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.configuration import parse_configuration
from edgeloop.spec.run import RunSpec
from edgeloop.stats.verdict import DELTA, FASTER, SLOWER

MOST_FALSE_ALARMS = 0.05
LEAST_FOUND = 0.9


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("configuration")
    parser.add_argument("--against", metavar="CONFIGURATION", help="known to take longer")
    parser.add_argument("--busy", type=int, default=0, help="processes that take CPU time")
    parser.add_argument("--effort", choices=sorted(PLANS), default="quick")
    parser.add_argument("--budget", type=float, help="s of one comparison")
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    with busy_processes(arguments.busy):
        comparisons = [
            _compare(arguments, arguments.seed + repeat) for repeat in range(arguments.repeats)
        ]
    print(_page(arguments, comparisons))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(comparisons, indent=1), encoding="utf-8")
    found = _share(comparisons, SLOWER)
    if arguments.against:
        return 0 if found >= LEAST_FOUND else 1
    return 0 if found + _share(comparisons, FASTER) <= MOST_FALSE_ALARMS else 1


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Keep processes busy beside what is measured."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def _compare(arguments: argparse.Namespace, seed: int) -> dict[str, Any]:
    defaults = RunSpec(
        model="", threads=1, seed=seed, effort=arguments.effort, budget_s=arguments.budget
    )
    a, b = (
        resolve(parse_configuration(text, defaults), "compare")[0]
        for text in (arguments.configuration, arguments.against or arguments.configuration)
    )
    begun_s = time.monotonic()
    run = measure_paired(a, b, plan_of(a), DELTA, Silence(), keep=lambda attempts: None)
    if run.error is not None:
        raise run.error
    found = run.compare(DELTA)
    return {
        **asdict(found),
        "half_width": found.half_width,
        "measuring_s": run.spent_s,
        "whole_s": time.monotonic() - begun_s,
    }


def _share(comparisons: list[dict[str, Any]], verdict: str) -> float:
    return sum(one["verdict"] == verdict for one in comparisons) / len(comparisons)


def _page(arguments: argparse.Namespace, comparisons: list[dict[str, Any]]) -> str:
    cpu = ", ".join(host_info().cpu.model_names)
    verdicts = Counter(one["verdict"] for one in comparisons)
    excluded = sum(not one["ratio_ci95"][0] <= 1 <= one["ratio_ci95"][1] for one in comparisons)

    def typical(name: str) -> float:
        return float(sorted(one[name] for one in comparisons)[len(comparisons) // 2])

    rows = [
        ("comparisons", str(len(comparisons))),
        *((f"verdict {word}", str(count)) for word, count in sorted(verdicts.items())),
        ("intervals without 1", str(excluded)),
        ("median ratio", f"{typical('ratio'):.4f}"),
        ("median half-width", f"±{percent(typical('half_width'))}"),
        ("median time in blocks and warm-up", f"{typical('measuring_s'):.1f} s"),
        ("median time with loading", f"{typical('whole_s'):.1f} s"),
    ]
    other = arguments.against or "itself"
    beside = f", {arguments.busy} busy processes beside it" if arguments.busy else ""
    return f"{arguments.configuration} against {other}, {cpu}{beside}\n{columns(rows, right=(1,))}"


if __name__ == "__main__":
    sys.exit(main())
