"""What a suite costs beyond the measurements in it.

    python benchmarks/suite_bookkeeping.py [--entries N] [--rounds N] [--json FILE]

The same null runs of a fixed count are measured one by one, as `bench` does, and as the entries of
a suite, in turn: both write their results, and what the suite adds per entry is the difference:
reading the TOML, the plan, the journal and its fsync, the table. Exits 1 above 0.2 s.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from edgeloop.cli.pages.suite import suite_page
from edgeloop.measure.observer import Silence
from edgeloop.remote.measuring import measure_all
from edgeloop.spec.run import RunSpec
from edgeloop.suite.run import SuiteSpec, run_suite

TARGET_S = 0.2
RUNS = 100


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--entries", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    entries = arguments.entries
    added_s = []
    with tempfile.TemporaryDirectory() as name:
        for number in range(arguments.rounds + 1):
            folder = Path(name) / str(number)
            folder.mkdir()
            alone_s, suite_s = 0.0, 0.0
            for suite in (number % 2 == 0, number % 2 == 1):
                if suite:
                    suite_s = _suite_s(folder, entries)
                else:
                    alone_s = _one_by_one_s(folder / "alone", entries)
            if number:  # the first round imports
                added_s.append((suite_s - alone_s) / entries)
    median_s = statistics.median(added_s)
    span = f"[{min(added_s):.3f}, {max(added_s):.3f}] s over {len(added_s)} rounds"
    print(f"a suite adds {median_s:.3f} s per entry, {span}; {entries} entries a round")
    if arguments.json:
        document = {"added_s": added_s, "median_s": median_s, "entries": entries}
        Path(arguments.json).write_text(json.dumps(document, indent=1), encoding="utf-8")
    return 1 if median_s > TARGET_S else 0


def _one_by_one_s(folder: Path, entries: int) -> float:
    begun_s = time.monotonic()
    for threads in range(1, entries + 1):
        spec = RunSpec(model="null", runtimes=("null",), threads=threads, runs=RUNS)
        measure_all(spec, "bench", save=True, out=str(folder), observer=Silence())
    return time.monotonic() - begun_s


def _suite_s(folder: Path, entries: int) -> float:
    path = folder / "suite.toml"
    threads = list(range(1, entries + 1))
    path.write_text(
        f'runs = {RUNS}\nrest-at-most = 0\n[matrix]\nmodels = ["null"]\nruntimes = ["null"]\n'
        f"threads = {threads}\n",
        encoding="utf-8",
    )
    begun_s = time.monotonic()
    report = run_suite(SuiteSpec(str(path), out=str(folder / "suite")), Silence())
    suite_page(report)
    return time.monotonic() - begun_s


if __name__ == "__main__":
    sys.exit(main())
