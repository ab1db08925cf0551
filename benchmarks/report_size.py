"""How long `edgeloop report` takes over 200 results, and how large its page is.

    python benchmarks/report_size.py [--results N] [--json FILE]

The results are copies of a real one with other names, so that each has a bar of its own. The whole
command is timed, the start of Python included. Exits 1 beyond 10 s or 5 MB.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "v1-null-bench.edgeloop.jsonl"
TARGET_S = 10.0
TARGET_BYTES = 5_000_000
MODELS = 10


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--results", type=int, default=200)
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _fill(folder, arguments.results)
        page = folder / "report.html"
        command = [sys.executable, "-m", "edgeloop", "report", str(folder), "--html", str(page)]
        start_s = time.monotonic()
        subprocess.run(command, check=True, capture_output=True)
        elapsed_s = time.monotonic() - start_s
        size_bytes = page.stat().st_size
    ok = elapsed_s <= TARGET_S and size_bytes < TARGET_BYTES
    print(
        f"{arguments.results} results of {MODELS} models: {elapsed_s:.1f} s (one run; at most "
        f"{TARGET_S:g} s), {size_bytes / 1e6:.2f} MB (under {TARGET_BYTES / 1e6:g} MB): "
        f"{'ok' if ok else 'MISSED'}"
    )
    if arguments.json:
        figures = {"seconds": elapsed_s, "bytes": size_bytes}
        Path(arguments.json).write_text(json.dumps(figures), encoding="utf-8")
    return 0 if ok else 1


def _fill(folder: Path, count: int) -> None:
    first, *rest = GOLDEN.read_text(encoding="utf-8").splitlines()
    header = json.loads(first)
    for number in range(count):
        model = f"model{number % MODELS}.tflite"
        header["title"] = f"{model}@null,threads=1,number={number}"
        header["model"]["path"] = f"/models/{model}"
        text = "\n".join([json.dumps(header), *rest]) + "\n"
        (folder / f"{number:05}.edgeloop.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
