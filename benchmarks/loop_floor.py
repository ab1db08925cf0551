"""What each loop costs by itself: the null engine in every loop against bare pairs of clock reads.

    python benchmarks/loop_floor.py [--rounds N] [--json FILE]

Every round runs one block of each loop in random order, one run per sample; a figure is the median
over the rounds of (block time / runs), with its order-statistic 95 % interval, and the ratio is
taken round by round, so that a change of the machine's speed falls on both sides of it.
Exits 1 where the native loop's ratio is above its target.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edgeloop import _core
from edgeloop.cli.pages.columns import columns
from edgeloop.host.info import host_info
from edgeloop.measure.clock import choose_clock
from edgeloop.measure.loaded import LoadedModel, load
from edgeloop.runtimes import runtime
from edgeloop.spec.load import LoadOptions
from edgeloop.stats.quantile import quantile_interval

NATIVE_TARGET = 1.15
RUNS = 20_000
LOOPS = ("native", "callable", "binding", "framework", "framework-io")


def main() -> int:
    """Measure, print, and return the exit code."""
    arguments = _arguments()
    clock = choose_clock()
    loaded = load(runtime("null"), LoadOptions(model="null"), LOOPS, clock.id, False)
    loaded.set_inputs([np.zeros(1, dtype=np.float32)])
    blocks = _blocks(loaded, clock.id)
    generator = random.Random(arguments.seed)
    per_run: dict[str, list[float]] = {name: [] for name in blocks}
    for _ in range(arguments.rounds):
        for name in generator.sample(list(blocks), len(blocks)):
            per_run[name].append(blocks[name]())
    document = _document(per_run)
    print(_page(document))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(document, indent=1), encoding="utf-8")
    return 0 if document["loops"]["native"]["ratio"] <= NATIVE_TARGET else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE")
    return parser.parse_args()


def _blocks(loaded: LoadedModel, clock_id: int) -> dict[str, Callable[[], float]]:
    """Return, by name, what runs one block and returns its time per run in ns."""
    samples = _core.Samples(RUNS)

    def pairs() -> float:
        _core.run_clock_pairs(samples, RUNS, clock_id)
        return float(np.asarray(samples).sum()) / RUNS

    def python_pairs() -> float:
        now_ns = time.clock_gettime_ns
        start_ns = now_ns(clock_id)
        for _ in range(RUNS - 1):
            now_ns(clock_id)
        return (now_ns(clock_id) - start_ns) / RUNS

    def loop(name: str) -> Callable[[], float]:
        runs = RUNS // 10 if name == "framework-io" else RUNS
        return lambda: float(loaded.run_block(name, runs, 1)[1].sum()) / runs

    return {
        "clock pair, C++": pairs,
        "clock read, Python": python_pairs,
        **{name: loop(name) for name in LOOPS},
    }


def _document(per_run: dict[str, list[float]]) -> dict[str, dict[str, dict[str, float]]]:
    bare = np.array(per_run["clock pair, C++"])
    loops = {}
    for name, values in per_run.items():
        time_ns = quantile_interval(np.array(values), 0.5)
        ratio = quantile_interval(np.array(values) / bare, 0.5)
        loops[name] = {
            "ns": time_ns.value,
            "ns_low": time_ns.low,
            "ns_high": time_ns.high,
            "ratio": ratio.value,
            "ratio_low": ratio.low,
            "ratio_high": ratio.high,
        }
    return {"loops": loops}


def _page(document: dict[str, dict[str, dict[str, float]]]) -> str:
    info = host_info()
    rows = [("loop on the null engine", "ns per run [95 %]", "ratio to a bare clock pair [95 %]")]
    for name, row in document["loops"].items():
        rows.append((
            name,
            f"{row['ns']:.1f} {_interval(row['ns_low'], row['ns_high'], 1)}",
            f"{row['ratio']:.3f} {_interval(row['ratio_low'], row['ratio_high'], 3)}",
        ))  # fmt: skip
    machine = f"{', '.join(info.cpu.model_names)}, kernel {info.system.kernel}"
    return f"{machine}\n{columns(rows, right=(1, 2))}\ntarget: native <= {NATIVE_TARGET}"


def _interval(low: float | None, high: float | None, digits: int) -> str:
    if low is None or high is None:
        return "[too dependent]"
    return f"[{low:.{digits}f}, {high:.{digits}f}]"


if __name__ == "__main__":
    sys.exit(main())
