"""What a plugin costs: the null engine as a plugin against the built-in one, in the native loop.

    python benchmarks/plugin_cost.py [--rounds N] [--json FILE]

Every round runs one block of either engine in random order, one sample of all its runs, so that no
clock read hides the call; the difference is taken round by round and its median is given with its
order-statistic 95 % interval, which a machine between two clock speeds may not grant. So the target
is held against what 95 % of the rounds stay below. Needs a C compiler. Exits 1 where it is missed.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import edgeloop
from edgeloop import _core
from edgeloop.cli.pages.columns import columns
from edgeloop.host.info import host_info
from edgeloop.measure.clock import choose_clock
from edgeloop.stats.quantile import quantile_interval

TARGET_NS = 5.0
RUNS = 100_000
SOURCE = Path(__file__).with_name("null_engine.c")


def main() -> int:
    """Measure, print, and return the exit code."""
    arguments = _arguments()
    clock = choose_clock()
    with tempfile.TemporaryDirectory() as folder:
        engines = {
            "built in": _core.create_engine("null"),
            "plugin": _core.create_engine("plugin", library=_built(folder)),
        }
    samples = _core.Samples(1)
    generator = random.Random(arguments.seed)
    per_run: dict[str, list[float]] = {name: [] for name in engines}
    for round_number in range(-arguments.rounds // 10, arguments.rounds):
        for name in generator.sample(list(engines), len(engines)):
            _core.run_block(engines[name], samples, RUNS, RUNS, clock.id)
            if round_number >= 0:  # the rounds before are to warm up
                per_run[name].append(float(np.asarray(samples)[0]) / RUNS)
    document = _document(per_run)
    print(_page(document))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(document, indent=1), encoding="utf-8")
    return 0 if document["difference"]["p95"] <= TARGET_NS else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE")
    return parser.parse_args()


def _built(folder: str) -> str:
    """Compile the plugin as its author would; the library stays loaded when its file is gone."""
    library = str(Path(folder) / "null_engine.so")
    include = f"-I{edgeloop.get_include()}"
    subprocess.run(
        ["cc", "-std=c99", "-O2", "-fPIC", "-shared", include, str(SOURCE), "-o", library],
        check=True,
    )
    return library


def _document(per_run: dict[str, list[float]]) -> dict[str, dict[str, float | None]]:
    columns_ns = {name: np.array(values) for name, values in per_run.items()}
    columns_ns["difference"] = columns_ns["plugin"] - columns_ns["built in"]
    document = {}
    for name, values in columns_ns.items():
        interval = quantile_interval(values, 0.5)
        document[name] = {
            "ns": interval.value,
            "low": interval.low,
            "high": interval.high,
            "p95": float(np.quantile(values, 0.95)),
        }
    return document


def _page(document: dict[str, dict[str, float | None]]) -> str:
    info = host_info()
    rows = [("null engine, native loop", "ns per run [95 %]", "95 % of the rounds")]
    for name, row in document.items():
        bounds = _interval(row["low"], row["high"])
        rows.append((name, f"{row['ns']:.3f} {bounds}", f"<= {row['p95']:.3f}"))
    machine = f"{', '.join(info.cpu.model_names)}, kernel {info.system.kernel}"
    return f"{machine}\n{columns(rows, right=(1, 2))}\ntarget: the difference <= {TARGET_NS:g} ns"


def _interval(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "[too dependent]"
    return f"[{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    sys.exit(main())
