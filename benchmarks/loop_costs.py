"""What the loops cost on real models: nothing that counts at a millisecond, known at a microsecond.

    python benchmarks/loop_costs.py [--millisecond CONFIGURATION] [--microsecond CONFIGURATION]
                                    [--budget S] [--json FILE]

CONFIGURATION is MODEL@runtime, as `edgeloop compare` takes it; both options are repeatable. Without
them: ResNets for 32x32 pixels where ../shared/data has them, and the demo's int8 network.

On a model of a millisecond `edgeloop compare MODEL,loop=native MODEL,loop=binding` should find the
loops equivalent: the interval of the ratio lies inside 1 %. On one of a microsecond `edgeloop
overhead` should know what every loop costs beyond the native one to ±5 %: half the 95 % interval
of the difference over the difference itself. The second of these shares is of the latency. Exits 1
where either is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import edgeloop
from edgeloop.cli.pages.columns import columns
from edgeloop.demo import ASSETS
from edgeloop.errors import NotAvailableError
from edgeloop.host.info import host_info
from edgeloop.results.figures import duration_interval, percent
from edgeloop.spec.configuration import parse_configuration
from edgeloop.spec.run import RunSpec
from edgeloop.stats.verdict import EQUIVALENT

SHARED = Path(__file__).parents[2] / "shared" / "data" / "cifar10_resnet"
MILLISECOND = (
    f"{SHARED / 'pretrainedResnet.tflite'}@litert",
    f"{SHARED / 'pretrainedResnet.tflite'}@tflite",
    f"{SHARED / 'resnet20.onnx'}@onnxruntime",
)
MICROSECOND = (
    f"{ASSETS / 'digits_int8.tflite'}@litert",
    f"{ASSETS / 'digits_int8.tflite'}@tflite",
    f"{ASSETS / 'digits_int8.onnx'}@onnxruntime",
)
TARGET = 0.05


def main() -> int:
    """Measure, print, and return the exit code."""
    arguments = _arguments()
    verdicts = _each(arguments.millisecond or MILLISECOND, _equal, arguments.budget)
    costs = _each(arguments.microsecond or MICROSECOND, _costs, arguments.budget)
    print(_page(verdicts, costs))
    if arguments.json:
        document = {"verdicts": verdicts, "costs": costs}
        Path(arguments.json).write_text(json.dumps(document, indent=1), encoding="utf-8")
    return 0 if all(row["ok"] for row in [*verdicts, *costs]) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--millisecond", action="append", metavar="CONFIGURATION")
    parser.add_argument("--microsecond", action="append", metavar="CONFIGURATION")
    parser.add_argument("--budget", type=float, help="s for each configuration; 60 without it")
    parser.add_argument("--json", metavar="FILE")
    return parser.parse_args()


def _each(configurations: Sequence[str], measure: Any, budget_s: Optional[float]) -> list[Any]:
    """Measure what is here; say on stderr what is not."""
    rows = []
    for configuration in configurations:
        if not Path(configuration.partition("@")[0]).exists():
            print(f"{configuration}: the model is not here", file=sys.stderr)
            continue
        try:
            rows += measure(configuration, budget_s)
        except NotAvailableError as error:
            print(f"{configuration}: {error}", file=sys.stderr)
    return rows


def _equal(configuration: str, budget_s: Optional[float]) -> list[dict[str, Any]]:
    """Compare the binding loop with the native one."""
    compared = edgeloop.compare(
        f"{configuration},loop=native",
        f"{configuration},loop=binding",
        threads=1,
        budget_s=budget_s,
    )
    found = compared.comparison
    return [{
        "configuration": Path(configuration).name,
        "verdict": found.verdict,
        "ratio": found.ratio,
        "ratio_ci95": found.ratio_ci95,
        "half_width": found.half_width,
        "pairs": found.count,
        "ok": found.verdict == EQUIVALENT,
    }]  # fmt: skip


def _costs(configuration: str, budget_s: Optional[float]) -> list[dict[str, Any]]:
    """Return a row for each loop but the native one."""
    spec = parse_configuration(configuration, RunSpec(model=""))
    result = edgeloop.overhead(spec.model, spec.runtimes[0], threads=1, budget_s=budget_s)
    native_ns = result.summary["loops"]["native"]["median_ns"]
    rows = []
    for loop, found in result.summary["overhead"]["loops"].items():
        interval = found["difference_ci95_ns"]
        half_ns = None if interval is None else (interval[1] - interval[0]) / 2
        precision = None if half_ns is None else half_ns / abs(found["difference_ns"])
        rows.append({
            "configuration": Path(configuration).name,
            "loop": loop,
            "native_ns": native_ns,
            "difference_ns": found["difference_ns"],
            "difference_ci95_ns": interval,
            "reason": found.get("difference_ns_reason"),
            "precision": precision,
            "precision_of_latency": None if half_ns is None else half_ns / native_ns,
            "same_instance": result.summary["overhead"]["same_instance"][loop],
            "ok": precision is not None and precision <= TARGET,
        })  # fmt: skip
    return rows


def _page(verdicts: list[dict[str, Any]], costs: list[dict[str, Any]]) -> str:
    equal = [("model", "binding / native [95 %]", "half-width", "pairs", "verdict", "")]
    equal += [
        (
            row["configuration"],
            _ratio(row),
            _share(row["half_width"]),
            str(row["pairs"]),
            row["verdict"],
            _outcome(row),
        )
        for row in verdicts
    ]
    known = [("model", "loop", "more per call [95 %]", "±", "± of the latency", "instance", "")]
    known += [
        (
            row["configuration"],
            row["loop"],
            _difference(row),
            _share(row["precision"]),
            _share(row["precision_of_latency"]),
            "the same" if row["same_instance"] else "another",
            _outcome(row),
        )
        for row in costs
    ]
    cpu = ", ".join(host_info().cpu.model_names)
    return "\n".join([
        cpu,
        "a millisecond: the binding loop against the native one, 1 thread",
        columns(equal, right=(1, 2, 3)),
        f"a microsecond: what a loop costs beyond the native one, 1 thread; target ±{TARGET:.0%}",
        columns(known, right=(2, 3, 4)),
    ])  # fmt: skip


def _ratio(row: dict[str, Any]) -> str:
    if row["ratio_ci95"] is None:
        return f"{row['ratio']:.4f} (no interval)"
    low, high = row["ratio_ci95"]
    return f"{row['ratio']:.4f} [{low:.4f}, {high:.4f}]"


def _difference(row: dict[str, Any]) -> str:
    if row["difference_ns"] is None:
        return str(row["reason"])
    return duration_interval(row["difference_ns"], row["difference_ci95_ns"])


def _share(share: Optional[float]) -> str:
    return "none" if share is None else percent(share)


def _outcome(row: dict[str, Any]) -> str:
    return "ok" if row["ok"] else "MISSED"


if __name__ == "__main__":
    sys.exit(main())
