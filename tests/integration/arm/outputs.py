"""Write what the digits models give on this machine, for check_outputs.py to compare.

Usage: python outputs.py FILE.npz RUNTIME..., in an interpreter that has those runtimes. Each model
of the demo runs through the native and the framework loop on all held-out images. Only numpy,
edgeloop and the runtime are imported: this is also what a worker on a small board needs.
"""

from __future__ import annotations

import json
import sys

import numpy as np
from edgeloop.measure.evaluate import predictions

from edgeloop.data.npz import read_samples
from edgeloop.demo import variants
from edgeloop.measure.loaded import load, placement
from edgeloop.runtimes import runtime
from edgeloop.runtimes._base import LoadOptions
from edgeloop.spec import RUNTIMES_OF_FORMAT

CLOCK = 4  # CLOCK_MONOTONIC_RAW


def main(path: str, names: list[str]) -> None:
    arrays = {}
    for variant in variants():
        for name in names:
            if name not in RUNTIMES_OF_FORMAT[variant.format]:
                continue
            loops = [loop for loop in ("native", "framework") if loop in runtime(name).loops]
            model = load(runtime(name), LoadOptions(model=str(variant.path)), loops, CLOCK, False)
            samples = read_samples(str(variant.data_path), model.inputs, layout=variant.data_layout)
            labels = np.asarray(samples.y).ravel()
            key = f"{variant.name} {name}"
            for loop in loops:
                found = predictions(model, samples, loop).reshape(samples.n, -1)
                arrays[f"{key} {loop}"] = found
                correct = int((found.argmax(axis=1) == labels).sum())
                print(f"{key:24} {loop:10} {correct} of {samples.n} correct", flush=True)
            owners = [(part["owner"], part["nodes"]) for part in placement(model) or ()]
            arrays[f"{key} placement"] = np.array(json.dumps(owners))
            output = model.engine.outputs()[0]
            arrays[f"{key} step"] = np.array([*output.quantization.scales, 0.0][0])
    if not arrays:
        sys.exit(f"none of the demo's models is for {', '.join(names)}")
    np.savez(path, **arrays)


main(sys.argv[1], sys.argv[2:])
