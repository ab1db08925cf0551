"""Does reading who runs which node cost anything inside the timed region?

    python benchmarks/probe_cost.py CONFIGURATION... [--seconds S] [--processes N]
        [--delta SHARE] [--json FILE]

CONFIGURATION is MODEL@runtime,threads=1. Each is compared with itself, without the probe (TFLite)
or the record (ONNX Runtime) that tells the placement, interleaved as `edgeloop compare` does.
Exits 1 where a verdict is not equivalent.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from edgeloop.cli.pages.columns import columns
from edgeloop.host.info import host_info
from edgeloop.measure.observer import Silence
from edgeloop.measure.pairing import PLANS, measure_paired
from edgeloop.results.figures import percent
from edgeloop.runtimes.choice.resolution import resolve
from edgeloop.spec.configuration import parse_configuration
from edgeloop.spec.run import RunSpec
from edgeloop.stats.ratio import ratio_text
from edgeloop.stats.verdict import DELTA, EQUIVALENT


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("configurations", nargs="+", metavar="CONFIGURATION")
    parser.add_argument("--seconds", type=float, default=60.0, help="of one comparison")
    parser.add_argument("--delta", type=float, default=DELTA, help="the difference that matters")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    found = [_compare(text, arguments) for text in arguments.configurations]
    print(_page(found))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 0 if all(one["verdict"] == EQUIVALENT for one in found) else 1


def _compare(configuration: str, arguments: argparse.Namespace) -> dict[str, Any]:
    defaults = RunSpec(model="", threads=1, seed=arguments.seed)
    (probed,) = resolve(parse_configuration(configuration, defaults), "compare")
    bare = replace(probed, options=replace(probed.options, probe=False))
    plan = replace(PLANS["standard"], total_s=arguments.seconds)
    run = measure_paired(bare, probed, plan, arguments.delta, Silence(), keep=lambda attempts: None)
    if run.error is not None:
        raise run.error
    compared = run.compare(arguments.delta)
    return {
        "configuration": f"{probed.title},loop={probed.loops[0]}",
        **asdict(compared),
        "half_width": compared.half_width,
    }


def _page(found: list[dict[str, Any]]) -> str:
    cpu = ", ".join(host_info().cpu.model_names)
    rows = [("configuration", "probed / bare [95 %]", "half-width", "sessions", "verdict")]
    for one in found:
        rows.append((
            one["configuration"],
            ratio_text(one["ratio"], one["ratio_ci95"]),
            f"±{percent(one['half_width'])}",
            str(one["count"]),
            one["verdict"],
        ))  # fmt: skip
    return f"with and without reading the placement, {cpu}\n{columns(rows, right=(2, 3))}"


if __name__ == "__main__":
    sys.exit(main())
