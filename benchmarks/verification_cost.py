"""What verifying a conversion costs, beside the conversion itself.

    python benchmarks/verification_cost.py [--rounds N] [--json FILE] [MODEL...]

Each model (the bundled ONNX network by default, and ResNet20 where ../shared/data has it) is
converted to TFLite by way of SavedModel, `--rounds` times. Verification is everything that would
not be there without it: reading what each step wrote, loading and running source and result on
their samples, comparing. Starting interpreters and importing packages is given apart, for both.
The claim is held against the dearest round. Needs `edgeloop setup convert`. Exits 1 where it is
missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from edgeloop.cli.pages.columns import columns
from edgeloop.conversion.report import ConversionReport
from edgeloop.conversion.run import ConversionSpec, convert
from edgeloop.demo import ASSETS
from edgeloop.host.info import host_info
from edgeloop.measure.observer import Silence

SHARE = 0.2
LEAST_S = 3.0
RESNET = Path(__file__).parents[2] / "shared" / "data" / "cifar10_resnet" / "resnet20.onnx"


def main() -> int:
    """Measure, print, and return the exit code."""
    arguments = _arguments()
    models = arguments.models or [
        ASSETS / "digits_float32.onnx",
        *([RESNET] if RESNET.is_file() else []),
    ]
    document = {Path(model).name: _costs(model, arguments.rounds) for model in models}
    print(_page(document))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(document, indent=1), encoding="utf-8")
    return 0 if all(row["kept"] for row in document.values()) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", metavar="FILE")
    return parser.parse_args()


def _costs(model: Path, rounds: int) -> dict[str, object]:
    """Convert a model several times; times in s, one for each round."""
    conversion, verification, starts = [], [], []
    for _ in range(rounds):
        report = _converted(model)
        conversion.append(sum(step.convert_ns for step in report.steps) / 1e9)
        reading = sum(step.inspect_ns for step in report.steps)
        verification.append((report.verification.work_ns + reading) / 1e9)
        starts.append(report.verification.start_ns / 1e9)
    allowed = [max(SHARE * seconds, LEAST_S) for seconds in conversion]
    return {
        "conversion_s": conversion,
        "verification_s": verification,
        "verification_start_s": starts,
        "kept": all(cost <= most for cost, most in zip(verification, allowed)),
    }


def _converted(model: Path) -> ConversionReport:
    with tempfile.TemporaryDirectory(prefix="edgeloop-") as folder:
        spec = ConversionSpec(
            str(model), "tflite", out=str(Path(folder) / "result.tflite"), via=("savedmodel",)
        )
        report = convert(spec, Silence())
    if report.verification.passed is not True:
        sys.exit(f"{model} was not verified: {report.verification}")
    return report


def _page(document: dict[str, dict[str, object]]) -> str:
    info = host_info()
    rows = [("model, to TFLite", "conversion s", "verification s", "starts and imports s", "")]
    for name, row in document.items():
        figures = (row["conversion_s"], row["verification_s"], row["verification_start_s"])
        rows.append((name, *map(_range, figures), "kept" if row["kept"] else "MISSED"))
    machine = f"{', '.join(info.cpu.model_names)}, kernel {info.system.kernel}"
    claim = f"claim: verification <= max({SHARE:.0%} of the conversion, {LEAST_S:g} s), every round"
    return (
        f"{machine}; median [least, most] of the rounds\n{columns(rows, right=(1, 2, 3))}\n{claim}"
    )


def _range(values: object) -> str:
    seconds = np.array(values)
    return f"{np.median(seconds):.2f} [{seconds.min():.2f}, {seconds.max():.2f}]"


if __name__ == "__main__":
    sys.exit(main())
