"""Is the number right? Chains of multiplications, whose time is known, from 1 us to 10 ms.

    python benchmarks/known_truth.py [--rounds N] [--seed N] [--json FILE]

The expected time of a chain is its length times the rate of one chain of a second or more, run in
the same process between the others. Of that long run the thread's CPU time counts, and of the
rounds the fastest: what other processes took of that second is no part of the truth. Errors may be
0.5 % and one clock read from 10 us up, 3 % at 1 us. Exits 1 where one is larger.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from edgeloop import _core
from edgeloop.host.info import host_info
from edgeloop.measure import native, schedule
from edgeloop.measure.clock import ClockInfo, choose_clock
from edgeloop.report.columns import columns
from edgeloop.report.figures import duration, percent
from edgeloop.stats.quantile import quantile_interval

TIMES_S = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
REFERENCE_S = 1.0
BLOCK_S = 0.1
SHORT_S = 1e-5
TOLERANCE = 0.005
SHORT_TOLERANCE = 0.03


def main() -> int:
    """Measure, print, and return the exit code."""
    arguments = _arguments()
    clock = choose_clock()
    rate_ns = _rate_ns(clock.id)
    lengths = {time_s: max(1, round(time_s * 1e9 / rate_ns)) for time_s in TIMES_S}
    engines = {time_s: _chain(length) for time_s, length in lengths.items()}
    reference = round(REFERENCE_S * 1e9 / rate_ns)
    samples: dict[float, list[Any]] = {time_s: [] for time_s in TIMES_S}
    references_ns = []
    generator = random.Random(arguments.seed)
    for _ in range(arguments.rounds):
        references_ns.append(_cpu_time_ns(_chain(reference), clock.id))
        for time_s in generator.sample(TIMES_S, len(TIMES_S)):
            per_sample = _per_sample(time_s, clock)
            runs = schedule.block_runs(time_s * 1e9, per_sample, BLOCK_S)
            durations = _time_ns(engines[time_s], runs, per_sample, clock.id)
            samples[time_s].append(durations / per_sample)
    rate_ns = min(references_ns) / reference
    rows = [
        _row(time_s, lengths[time_s] * rate_ns, np.concatenate(samples[time_s]), clock)
        for time_s in TIMES_S
    ]
    print(_page(rows, references_ns))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 0 if all(row["ok"] for row in rows) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE")
    return parser.parse_args()


def _chain(length: int) -> _core.Engine:
    return _core.create_engine("null", settings={"multiplications": str(length)})


def _time_ns(engine: _core.Engine, runs: int, per_sample: int, clock_id: int) -> Any:
    return native.run_block(engine, runs, per_sample, clock_id)[1].astype(float)


def _cpu_time_ns(engine: _core.Engine, clock_id: int) -> int:
    """Return the CPU time of this thread for one run."""
    begun_ns = time.thread_time_ns()
    _time_ns(engine, 1, 1, clock_id)
    return time.thread_time_ns() - begun_ns


def _rate_ns(clock_id: int) -> float:
    """Return a first guess of the time of one multiplication."""
    return float(_time_ns(_chain(10_000_000), 1, 1, clock_id)[0]) / 1e7


def _per_sample(time_s: float, clock: ClockInfo) -> int:
    return schedule.runs_per_sample(time_s * 1e9, max(clock.tick_ns, clock.read_ns))


def _row(time_s: float, expected_ns: float, samples: Any, clock: ClockInfo) -> dict[str, Any]:
    median = quantile_interval(samples, 0.5)
    assert median.value is not None
    share = SHORT_TOLERANCE if time_s < SHORT_S else TOLERANCE
    allowed_ns = share * expected_ns + clock.read_ns / _per_sample(time_s, clock)
    return {
        "expected_ns": expected_ns,
        "median_ns": median.value,
        "low_ns": median.low,
        "high_ns": median.high,
        "error": median.value / expected_ns - 1,
        "allowed": allowed_ns / expected_ns,
        "samples": int(samples.size),
        "ok": abs(median.value - expected_ns) <= allowed_ns,
    }


def _page(rows: list[dict[str, Any]], references_ns: list[float]) -> str:
    cpu = ", ".join(host_info().cpu.model_names)
    lines = [("expected", "measured", "error", "allowed", "samples", "")]
    lines += [
        (
            duration(row["expected_ns"]),
            duration(row["median_ns"]),
            percent(row["error"]),
            f"±{percent(row['allowed'])}",
            str(row["samples"]),
            "ok" if row["ok"] else "MISSED",
        )
        for row in rows
    ]
    spread = max(references_ns) / min(references_ns) - 1
    note = f"slowest reference run: {percent(spread)} over the fastest (the machine, not the tool)"
    return f"{cpu}\n{columns(lines, right=(0, 1, 2, 3, 4))}\n{note}"


if __name__ == "__main__":
    sys.exit(main())
