"""Check the demo's rows from an emulated board: every runtime is there and as accurate as ever.

Usage: python check_demo.py DEMO.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

EXPECTED = {
    (variant, runtime)
    for kind, runtimes in (("tflite", ("litert", "tflite")), ("onnx", ("onnxruntime",)))
    for variant in (f"{kind}-fp32", f"{kind}-int8")
    for runtime in runtimes
}
LEAST_ACCURACY = 0.98  # 538 or 539 of 540 on x86-64


def main(path: str) -> int:
    rows = json.loads(Path(path).read_text(encoding="utf-8"))
    failures = []
    for row in rows:
        name = f"{row['variant']} {row['runtime']}"
        if row["error"] is not None:
            failures.append(f"{name}: {row['error']}")
            continue
        accuracy = row["result"]["accuracy"]["accuracy"]
        warned = [warning["code"] for warning in row["result"]["warnings"]]
        print(f"{name:24} accuracy {accuracy:.4f}")
        if accuracy < LEAST_ACCURACY:
            failures.append(f"{name}: accuracy {accuracy}")
        if "cpu-emulated" not in warned:
            failures.append(f"{name}: no warning that this is an emulation, only {warned}")
    missing = EXPECTED - {(row["variant"], row["runtime"]) for row in rows}
    failures += [f"{variant} {runtime} is missing" for variant, runtime in sorted(missing)]
    for failure in failures:
        print(f"FAILED {failure}")
    return int(bool(failures))


sys.exit(main(sys.argv[1]))
