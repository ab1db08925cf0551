"""What using edgeloop costs: start-up, the quick effort's surplus, doctor, memory, imports.

    python benchmarks/cost_of_use.py [--repeats N] [--json FILE]

Times are ratios of two things timed alternately in this run, so that they do not depend on the
machine; what `doctor` takes beyond the imports of the runtimes is seconds on this one. The targets
stand beside them. Exits 1 where one is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

from edgeloop.cli.app import COMMANDS
from edgeloop.cli.pages.columns import columns
from edgeloop.demo import ASSETS
from edgeloop.worker.process import environment

# As many commands, each with one option, as edgeloop has: what typer itself costs.
EMPTY_APP = f"""
import typer
app = typer.Typer(rich_markup_mode=None, add_completion=False)
for name in {tuple(COMMANDS)}:
    def command(number: int = 0) -> None:
        "Do nothing."
    app.command(name)(command)
app()
"""
IMPORT_RUNTIME = """
import ctypes, sys, time
from edgeloop.runtimes import runtime
chosen = runtime(sys.argv[1])
library = chosen.find(None).library
start_s = time.monotonic()
if library is not None:
    ctypes.CDLL(library)
chosen.import_packages(chosen.loops)
print(time.monotonic() - start_s)
"""
HELP_TARGET = 1.5
QUICK_TARGET = 1.5
WORKER_TARGET = 2.0
DOCTOR_TARGET_S = 2.0
RSS_TARGET_BYTES = 200_000_000
RECORDED_RUNS = 10_000_000


def main() -> int:
    """Measure, print, and return the exit code."""
    arguments = _arguments()
    rows = [
        _help(arguments.repeats),
        _quick(arguments.repeats),
        _worker(arguments.repeats),
        _doctor(arguments.repeats),
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
        invocations = json.loads(Path(path).read_text(encoding="utf-8"))["invocations"]
    return elapsed_s - sum(one["ready_s"] + one["measuring_s"] for one in invocations)


def _worker(repeats: int) -> dict[str, Any]:
    """Pair what a worker takes until it measures with an interpreter that imports numpy and _core.

    Beyond them are the worker's own modules, the clock's calibration, the messages, and the model.
    """
    ratios = []
    floor = ("-c", "import numpy, edgeloop._core")
    with patch.dict(os.environ, environment()):
        for repeat in range(repeats + 1):
            with tempfile.TemporaryDirectory() as folder:
                path = f"{folder}/result.json"
                _elapsed_s(
                    "-m", "edgeloop", "bench", str(ASSETS / "digits_int8.tflite"), "--runs", "10",
                    "--no-save", "--json", path,
                )  # fmt: skip
                (found,) = json.loads(Path(path).read_text(encoding="utf-8"))["invocations"]
            if repeat:
                ratios.append(found["ready_s"] / _elapsed_s(*floor))
            else:
                _elapsed_s(*floor)
    return _row(
        "a worker until it measures / python -c 'import numpy, _core'", ratios, WORKER_TARGET
    )


def _doctor(repeats: int) -> dict[str, Any]:
    """Pair `doctor` with the imports that it makes, each in a process of its own."""
    beyond_s = []
    for repeat in range(repeats + 1):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/doctor.json"
            elapsed_s = _elapsed_s("-m", "edgeloop", "doctor", "--json", path)
            runtimes = json.loads(Path(path).read_text(encoding="utf-8"))["runtimes"]
        found = [one["name"] for one in runtimes if one["state"] == "found"]
        imports_s = sum(_import_s(name) for name in found)
        if repeat:
            beyond_s.append(elapsed_s - imports_s)
    middle_s = statistics.median(beyond_s)
    return {
        "figure": f"doctor beyond the imports of {len(found)} runtimes",
        "value": middle_s,
        "text": f"{middle_s:.2f} s [{min(beyond_s):.2f}, {max(beyond_s):.2f}] (median, range)",
        "target": f"<= {DOCTOR_TARGET_S:g} s",
        "ok": middle_s <= DOCTOR_TARGET_S,
    }


def _import_s(name: str) -> float:
    """Return the time that loading a runtime's library and packages takes, in s."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_RUNTIME, name], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


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
