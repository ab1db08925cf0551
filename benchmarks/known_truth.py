"""Is the number right? Chains of multiplications, whose time is known, from 1 us to 10 ms.

    python benchmarks/known_truth.py [--rounds N] [--seed N] [--json FILE]

The expected time of a chain is its length times the rate of a chain that runs for a second or more
in the same process, one such run in every round, between the chains that are judged. No host
leaves a thread alone for a second: the timer, other guests and other processes interrupt it, and an
interruption can only add time. So the long run is watched from inside: this script, and not the
loop that is judged, reads the clock after every 0.5 ms of it. A timer of 1000 Hz, the fastest that
Linux has, spares every other of these pieces, so their lower quartile is the time of undisturbed
work; it is what a chain of up to 1 ms is held against, since most of such runs are spared as well.
A run of 10 ms is spared by no timer: it is held against the long run as a whole, by the CPU time of
the cleanest, of which other processes are no part. What interruptions added to each long run is
printed, and so is every chain's error by the other measure: nobody has to believe in the pieces.

Errors may be 0.5 % and one clock read from 10 us up, 3 % and one clock read at 1 us; exits 1 where
one is larger. A chain of 10 ms is longer than the slices that a busy machine gives: its row means
something only where the CPUs are free, and the load that was seen is printed.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeloop import _core
from edgeloop.cli.pages.columns import columns
from edgeloop.host.info import host_info
from edgeloop.host.processes import MachineLoad, machine_load, snapshot
from edgeloop.measure import native, schedule
from edgeloop.measure.clock import ClockInfo, choose_clock
from edgeloop.results.figures import duration, percent
from edgeloop.stats.quantile import quantile_interval

TIMES_S = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
REFERENCE_S = 1.0
PIECE_S = 5e-4
BLOCK_S = 0.1
SHORT_S = 1e-5
LONG_S = 1e-2
TOLERANCE = 0.005
SHORT_TOLERANCE = 0.03


@dataclass(frozen=True)
class Reference:
    """One run of a second: what it took per multiplication, in ns."""

    undisturbed_ns: float
    """By the pieces that nothing interrupted."""
    whole_ns: float
    """By the CPU time of the whole run, interruptions and all."""

    @property
    def added(self) -> float:
        """What interruptions added, as a share."""
        return self.whole_ns / self.undisturbed_ns - 1


def main() -> int:
    """Measure, print, and return the exit code."""
    arguments = _arguments()
    clock = choose_clock()
    rate_ns = _rate_ns(clock.id)
    lengths = {time_s: max(1, round(time_s * 1e9 / rate_ns)) for time_s in TIMES_S}
    engines = {time_s: _chain(length) for time_s, length in lengths.items()}
    samples: dict[float, list[Any]] = {time_s: [] for time_s in TIMES_S}
    references = []
    before = snapshot()
    generator = random.Random(arguments.seed)
    for _ in range(arguments.rounds):
        references.append(_reference(round(PIECE_S * 1e9 / rate_ns), clock.id))
        for time_s in generator.sample(TIMES_S, len(TIMES_S)):
            per_sample = _per_sample(time_s, clock)
            runs = schedule.block_runs(time_s * 1e9, per_sample, BLOCK_S)
            durations = _time_ns(engines[time_s], runs, per_sample, clock.id)
            samples[time_s].append(durations / per_sample)
    rows = [
        _row(time_s, lengths[time_s], references, np.concatenate(samples[time_s]), clock)
        for time_s in TIMES_S
    ]
    print(_page(rows, references, machine_load(before, snapshot())))
    if arguments.json:
        document = {"rows": rows, "interruptions_added": [one.added for one in references]}
        Path(arguments.json).write_text(json.dumps(document, indent=1), encoding="utf-8")
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


def _reference(piece_length: int, clock_id: int) -> Reference:
    """Run a chain for a second or more of CPU time, and look at the clock after each piece."""
    run, now_ns = _chain(piece_length).run, time.clock_gettime_ns
    stamps_ns = [now_ns(clock_id)]
    begun_ns = time.thread_time_ns()
    for _ in range(round(REFERENCE_S / PIECE_S)):
        run()
        stamps_ns.append(now_ns(clock_id))
    cpu_ns = time.thread_time_ns() - begun_ns
    pieces_ns = np.diff(stamps_ns)
    whole_ns = cpu_ns / (piece_length * pieces_ns.size)
    return Reference(float(np.quantile(pieces_ns, 0.25)) / piece_length, whole_ns)


def _rate_ns(clock_id: int) -> float:
    """Return a first guess of the time of one multiplication."""
    return float(_time_ns(_chain(1_000_000), 11, 1, clock_id).min()) / 1e6


def _per_sample(time_s: float, clock: ClockInfo) -> int:
    return schedule.runs_per_sample(time_s * 1e9, max(clock.tick_ns, clock.read_ns))


def _row(
    time_s: float, length: int, references: list[Reference], samples: Any, clock: ClockInfo
) -> dict[str, Any]:
    median = quantile_interval(samples, 0.5)
    assert median.value is not None
    undisturbed_ns = length * float(np.median([one.undisturbed_ns for one in references]))
    whole_ns = length * min(one.whole_ns for one in references)
    spared = time_s < LONG_S
    expected_ns, other_ns = (undisturbed_ns, whole_ns) if spared else (whole_ns, undisturbed_ns)
    share = SHORT_TOLERANCE if time_s < SHORT_S else TOLERANCE
    allowed_ns = share * expected_ns + clock.read_ns / _per_sample(time_s, clock)
    return {
        "expected_ns": expected_ns,
        "by": "pieces" if spared else "whole run",
        "median_ns": median.value,
        "low_ns": median.low,
        "high_ns": median.high,
        "error": median.value / expected_ns - 1,
        "error_by_the_other": median.value / other_ns - 1,
        "allowed": allowed_ns / expected_ns,
        "samples": int(samples.size),
        "ok": abs(median.value - expected_ns) <= allowed_ns,
    }


def _page(rows: list[dict[str, Any]], references: list[Reference], load: MachineLoad) -> str:
    cpu = ", ".join(host_info().cpu.model_names)
    lines = [("expected", "by the", "measured", "error", "allowed", "by the other", "samples", "")]
    lines += [
        (
            duration(row["expected_ns"]),
            row["by"],
            duration(row["median_ns"]),
            percent(row["error"]),
            f"±{percent(row['allowed'])}",
            percent(row["error_by_the_other"]),
            str(row["samples"]),
            "ok" if row["ok"] else "MISSED",
        )
        for row in rows
    ]
    added = sorted(one.added for one in references)
    rates = [one.undisturbed_ns for one in references]
    busy = "unknown" if load.other_cpus is None else f"{load.other_cpus:.2f}"
    reference = (
        f"{len(references)} reference runs of {REFERENCE_S:g} s: interruptions added "
        f"{percent(added[0])} to the CPU time of the cleanest, {percent(added[-1])} to the worst; "
        f"their undisturbed rates agree within {percent(max(rates) / min(rates) - 1)}"
    )
    machine = f"CPUs that other processes kept busy: {busy} of {load.logical_cpus}"
    return "\n".join([cpu, columns(lines, right=(0, 2, 3, 4, 5, 6)), reference, machine])


if __name__ == "__main__":
    sys.exit(main())
