"""What using edgeloop costs: start-up, the quick effort's surplus, memory, imports.

    python benchmarks/cost_of_use.py [--repeats N] [--json FILE]

Every figure is a ratio of two things timed alternately in this run, so that it does not depend on
the machine; the targets stand beside them. Exits 1 where one is missed.
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
from typing import Any

from edgeloop.report.columns import columns

# As many commands, each with one option, as edgeloop has: what typer itself costs.
EMPTY_APP = """
import typer
app = typer.Typer(rich_markup_mode=None, add_completion=False)
for name in ("demo", "doctor", "bench", "overhead", "compare", "inspect", "setup"):
    def command(number: int = 0) -> None:
        "Do nothing."
    app.command(name)(command)
app()
"""
HELP_TARGET = 1.5
QUICK_TARGET = 1.5
RSS_TARGET_BYTES = 200_000_000
RECORDED_RUNS = 10_000_000


def main() -> int:
    """Measure, print, and return the exit code."""
    arguments = _arguments()
    rows = [
        _help(arguments.repeats),
        _quick(arguments.repeats),
        _memory(),
        _forbidden("edgeloop --version imports no numpy", ["--version"], ("numpy",)),
    ]
    lines = [("figure", "value", "target", "")]
    lines += [
        (row["figure"], row["text"], row["target"], "ok" if row["ok"] else "MISSED") for row in rows
    ]
    print(columns(lines))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 0 if all(row["ok"] for row in rows) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", metavar="FILE")
    return parser.parse_args()


def _elapsed_s(*arguments: str) -> float:
    start_s = time.monotonic()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.monotonic() - start_s


def _help(repeats: int) -> dict[str, Any]:
    """Pair `--help` with that of an empty app, after one unrecorded start of each."""
    ratios = []
    for repeat in range(repeats + 1):
        ours_s = _elapsed_s("-m", "edgeloop", "--help")
        empty_s = _elapsed_s("-c", EMPTY_APP, "--help")
        if repeat:
            ratios.append(ours_s / empty_s)
    return _row("--help / an empty typer app's --help", ratios, HELP_TARGET)


def _quick(repeats: int) -> dict[str, Any]:
    """Pair the quick effort's surplus with bare imports of numpy and of scipy.stats."""
    ratios = []
    for repeat in range(repeats + 1):
        surplus_s = _quick_surplus_s()
        bare_s = _elapsed_s("-c", "import numpy") + _elapsed_s("-c", "import scipy.stats")
        if repeat:
            ratios.append(surplus_s / bare_s)
    name = "bench --effort quick beyond loading and measuring / imports of numpy, scipy.stats"
    return _row(name, ratios, QUICK_TARGET)


def _quick_surplus_s() -> float:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/result.json"
        elapsed_s = _elapsed_s(
            "-m", "edgeloop", "bench", "null", "--effort", "quick", "--no-save", "--json", path
        )
        (invocation,) = json.loads(Path(path).read_text(encoding="utf-8"))["invocations"]
    loading_ns = sum(invocation["load_ns"].values()) + sum(invocation["first_run_ns"].values())
    return elapsed_s - loading_ns / 1e9 - invocation["measuring_s"]


def _memory() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/result.json"
        _elapsed_s(
            "-m", "edgeloop", "bench", "null", "--runs", str(RECORDED_RUNS), "--no-save",
            "--json", path,
        )  # fmt: skip
        (invocation,) = json.loads(Path(path).read_text(encoding="utf-8"))["invocations"]
    peak_bytes = invocation["peak_rss_bytes"]
    return {
        "figure": f"peak memory of a worker that records {RECORDED_RUNS:,} runs",
        "value": peak_bytes,
        "text": f"{peak_bytes / 1e6:.0f} MB",
        "target": f"< {RSS_TARGET_BYTES / 1e6:.0f} MB",
        "ok": peak_bytes < RSS_TARGET_BYTES,
    }


def _forbidden(figure: str, arguments: list[str], names: tuple[str, ...]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "edgeloop", *arguments],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    found = sorted(modules.intersection(names))
    return {
        "figure": figure,
        "value": len(found),
        "text": ", ".join(found) or "none",
        "target": "none",
        "ok": not found,
    }


def _row(figure: str, ratios: list[float], target: float) -> dict[str, Any]:
    middle = statistics.median(ratios)
    return {
        "figure": figure,
        "value": middle,
        "text": f"{middle:.2f} [{min(ratios):.2f}, {max(ratios):.2f}] (median, range)",
        "target": f"<= {target}",
        "ok": middle <= target,
    }


if __name__ == "__main__":
    sys.exit(main())
