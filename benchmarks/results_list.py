"""How long `edgeloop results list` takes over a thousand results.

    python benchmarks/results_list.py [--results N] [--repeats N] [--json FILE]

The results are copies of a real one, each padded with invocations to the size of a standard run.
The whole command is timed, the start of Python included. Exits 1 where it takes a second or more.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "v1-null-bench.edgeloop.jsonl"
TARGET_S = 1.0

# A standard run has five processes and keeps some ten thousand samples of each.
INVOCATIONS = 5
PADDING_BYTES = 20_000


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--results", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _fill(folder, arguments.results)
        size_bytes = sum(path.stat().st_size for path in folder.iterdir())
        seconds = sorted(_list_s(folder) for _ in range(arguments.repeats))
    median_s = statistics.median(seconds)
    ok = median_s < TARGET_S
    print(
        f"{arguments.results} results, {size_bytes / 1e6:.0f} MB: listed in {median_s:.2f} s "
        f"[{seconds[0]:.2f}, {seconds[-1]:.2f}] (median and range of {len(seconds)}; target under "
        f"{TARGET_S:g} s): {'ok' if ok else 'MISSED'}"
    )
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"seconds": seconds}), encoding="utf-8")
    return 0 if ok else 1


def _fill(folder: Path, count: int) -> None:
    header, invocation, *_, summary = GOLDEN.read_text(encoding="utf-8").splitlines()
    padded = json.dumps({**json.loads(invocation), "log": "x" * PADDING_BYTES})
    text = "\n".join([header, *[padded] * INVOCATIONS, summary]) + "\n"
    for number in range(count):
        (folder / f"{number:05}.edgeloop.jsonl").write_text(text, encoding="utf-8")


def _list_s(folder: Path) -> float:
    command = [sys.executable, "-m", "edgeloop", "results", "list", "--folder", str(folder)]
    start_s = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start_s


if __name__ == "__main__":
    sys.exit(main())
