"""Does watching the machine change what is measured?

    python benchmarks/monitor_cost.py CONFIGURATION [--pairs N] [--interval S] [--json FILE]

CONFIGURATION is MODEL@runtime,threads=1. Blocks of one loaded model are recorded in pairs, one with
the monitor reading temperature, clocks and throttling, one without, in random order. By default it
reads ten times as often as in a measurement, so that every block has a reading in it. Prints the
ratio with its interval and what one reading costs. Exits 1 where the verdict is faster or slower.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from dataclasses import asdict
from pathlib import Path

from edgeloop.measure import schedule
from edgeloop.measure.live_worker import BLOCK_S, TRANSITION_RUNS, LiveWorker
from edgeloop.measure.monitor import INTERVAL_S, Monitor
from edgeloop.results.figures import duration, percent
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.configuration import parse_configuration
from edgeloop.spec.resolved import ResolvedSpec
from edgeloop.spec.run import RunSpec
from edgeloop.stats.compare import Comparison, compare_paired
from edgeloop.stats.ratio import ratio_text
from edgeloop.stats.verdict import DELTA, FASTER, SLOWER

SESSIONS = 3


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("configuration")
    parser.add_argument("--pairs", type=int, default=60, help="in each of three processes")
    parser.add_argument("--interval", type=float, default=INTERVAL_S / 10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    defaults = RunSpec(model="", threads=1)
    (spec,) = resolve(parse_configuration(arguments.configuration, defaults), "bench")
    generator = random.Random(arguments.seed)
    without_ns: list[float] = []
    with_ns: list[float] = []
    sessions: list[int] = []
    for number in range(SESSIONS):
        pairs = _pairs(spec, number, arguments.pairs, arguments.interval, generator)
        without_ns += [pair[0] for pair in pairs]
        with_ns += [pair[1] for pair in pairs]
        sessions += [number] * len(pairs)
    compared = compare_paired(without_ns, with_ns, processes=sessions, delta=DELTA)
    print(_page(spec, compared, arguments.interval, _reading_ns()))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(asdict(compared), indent=1), encoding="utf-8")
    return 1 if compared.verdict in (FASTER, SLOWER) else 0


def _pairs(
    spec: ResolvedSpec, number: int, count: int, interval_s: float, generator: random.Random
) -> list[tuple[float, float]]:
    """Return the median time of a run in a block without and in one with the monitor."""
    loop = spec.loops[0]
    found = []
    # The worker needs a monitor for the temperature of its blocks; this one never reads again.
    with Monitor(interval_s=3600.0) as idle, LiveWorker(spec, number, idle) as worker:
        worker.warm_up(loop, cap_s=3.0, least_s=1.0)
        per_sample = schedule.runs_per_sample(worker.run_ns[loop], worker.resolution_ns)
        runs = schedule.block_runs(worker.run_ns[loop], per_sample, BLOCK_S)
        for _ in range(count):
            medians = [0.0, 0.0]
            for watched in generator.sample((False, True), 2):
                worker.warm_runs(loop, TRANSITION_RUNS)
                if watched:
                    with Monitor(interval_s=interval_s):
                        block = worker.block(loop, runs, per_sample)
                else:
                    block = worker.block(loop, runs, per_sample)
                medians[watched] = statistics.median(block.durations_ns) / per_sample
            found.append((medians[0], medians[1]))
        worker.stop()
    return found


def _reading_ns() -> float:
    """Return the CPU time of one reading in this process."""
    costs = []
    for _ in range(20):
        begun_ns = time.thread_time_ns()
        with Monitor(interval_s=3600.0):
            costs.append(time.thread_time_ns() - begun_ns)
    return statistics.median(costs)


def _page(spec: ResolvedSpec, compared: Comparison, interval_s: float, reading_ns: float) -> str:
    ratio = ratio_text(compared.ratio, compared.ratio_ci95)
    share = reading_ns / 1e9 / INTERVAL_S
    return (
        f"{spec.title}: with a reading every {interval_s:g} s against none\n"
        f"  ratio {ratio}: {compared.verdict} ({compared.reason})\n"
        f"  one reading takes {duration(reading_ns)} of CPU (median of 20): {percent(share)} of a "
        f"core at one a second"
    )


if __name__ == "__main__":
    sys.exit(main())
