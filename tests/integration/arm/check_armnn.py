"""Run models on the real Arm NN delegate, and compare with XNNPACK.

Usage: python check_armnn.py LIBRARY BACKEND RUNTIME,... HALF_WEIGHTS MODEL...

Every loop of every runtime gives outputs like XNNPACK's, and the placement says that Arm NN took
nodes. Of HALF_WEIGHTS it can take only the conversion of the weights: the result has to say that
this is useless. Exits 1 where something is otherwise.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from edgeloop.data.synthetic import random_inputs
from edgeloop.measure.loaded import load, placement
from edgeloop.runtimes import runtime
from edgeloop.spec.load import LoadOptions

CLOCK = 4  # CLOCK_MONOTONIC_RAW
MOST_DIFFERENCE = 1e-4  # of float outputs; 7e-7 was seen
# Of int8 outputs. CpuRef rounds halves to the other side. CpuAcc requantises each layer in another
# way: up to 6 steps were seen over the digits' 540 images, no other label, and errors against the
# float model that are hardly larger than XNNPACK's (0.026 in the mean, 0.023).
MOST_STEPS = {"CpuRef": 1, "CpuAcc": 6}


def main(library: str, backend: str, names: str, half: str, *models: str) -> int:
    delegate = f"armnn={library}:backends={backend}"
    failures = []
    for name in names.split(","):
        for model in models:
            failures += equal_outputs(name, model, delegate, MOST_STEPS[backend])
        failures += said_to_be_useless(name, half, delegate)
    for failure in failures:
        print(f"FAILED {failure}")
    return int(bool(failures))


def equal_outputs(name: str, model: str, delegate: str, most_steps: int) -> list[str]:
    loops = runtime(name).loops
    outputs = {}
    for chosen in ("xnnpack", delegate):
        options = LoadOptions(model=model, delegates=(chosen,))
        loaded = load(runtime(name), options, loops, CLOCK, False)
        loaded.set_inputs(random_inputs(loaded.inputs, 0))
        for loop in loops:
            loaded.run_block(loop, 1, 1)
            outputs[chosen, loop] = loaded.outputs(loop)[0]
    parts = placement(loaded) or []
    taken = sum(part["nodes"] for part in parts if part["delegate"] == "armnn")
    total = sum(part["nodes"] for part in parts)
    title = f"{name} {Path(model).name}"
    failures = [] if taken else [f"{title}: Arm NN took none of the {total} nodes"]
    largest = 0.0
    for loop in loops:
        ours, theirs = outputs[delegate, loop], outputs["xnnpack", loop]
        difference = float(np.abs(ours.astype(np.float64) - theirs).max())
        largest = max(largest, difference)
        most = MOST_DIFFERENCE if ours.dtype.kind == "f" else most_steps
        if not difference <= most:
            failures.append(f"{title}: {loop} differs from XNNPACK by {difference:.3g}")
    print(f"{title}: {taken} of {total} nodes, {len(loops)} loops, difference {largest:.2g}")
    return failures


def said_to_be_useless(name: str, model: str, delegate: str) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        command = [
            *(sys.executable, "-m", "edgeloop", "bench", model, "--runtime", name, "--no-save"),
            *("--runs", "20", "--delegate", delegate, "--require-delegate", "50%"),
            *("--json", str(path)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 1 or not path.exists():
            return [f"{name} {model}: exit {done.returncode}: {done.stdout}{done.stderr}"]
        result = json.loads(path.read_text(encoding="utf-8"))
    own = result["placement"]["delegates"][0]
    codes = {warning["code"] for warning in result["warnings"]}
    said = codes & {"delegate-unused", "delegate-useless"}
    print(
        f"{name} {Path(model).name}: Arm NN took {own['nodes']} nodes with {own['macs']} "
        f"multiply-accumulates: {', '.join(said)}"
    )
    for reason in result["placement"]["rest"]["reasons"]:
        print(f"  it said: {reason}")
    if own["macs"] == 0 and said:
        return []
    return [f"{name}: {own}, warnings {sorted(codes)}"]


sys.exit(main(*sys.argv[1:]))
