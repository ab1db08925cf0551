"""Write what the digits models give on this machine, for check_outputs.py to compare.

Usage: python outputs.py FILE.npz RUNTIME..., in an interpreter that has those runtimes. Each model
of the demo runs through the native and the framework loop on all held-out images. Only numpy,
edgeloop and the runtime are imported: this is also what a worker on a small board needs.
"""

from __future__ import annotations

import json
import sys

import numpy as np

from edgeloop.data.opening import open_data
from edgeloop.data.quantized import dequantize
from edgeloop.demo import variants
from edgeloop.measure.data_loop import run_data
from edgeloop.measure.loaded import load, placement
from edgeloop.runtimes import runtime, runtimes_of
from edgeloop.spec.inputs import InputSource
from edgeloop.spec.load import LoadOptions

CLOCK = 4  # CLOCK_MONOTONIC_RAW


def main(path: str, names: list[str]) -> None:
    arrays = {}
    for variant in variants():
        for name in names:
            if name not in runtimes_of(variant.format):
                continue
            loops = [loop for loop in ("native", "framework") if loop in runtime(name).loops]
            model = load(runtime(name), LoadOptions(model=str(variant.path)), loops, CLOCK, False)
            source = InputSource(0, str(variant.data_path), layout=variant.data_layout)
            (data,) = open_data(source, model.inputs).batches()  # all of them are one chunk
            labels = np.asarray(data.labels).ravel()
            model.set_inputs([array[0] for array in data.inputs])
            for loop in loops:
                model.run_block(loop, 1, 1)
            key = f"{variant.name} {name}"
            for loop in loops:
                stored = run_data(model, loop, data.inputs, (0,)).outputs[0]
                real = dequantize(stored, model.output_specs(loop)[0])
                found = real.reshape(data.samples, -1)
                arrays[f"{key} {loop}"] = found
                correct = int((found.argmax(axis=1) == labels).sum())
                print(f"{key:24} {loop:10} {correct} of {data.samples} correct", flush=True)
            owners = [(part["owner"], part["nodes"]) for part in placement(model) or ()]
            arrays[f"{key} placement"] = np.array(json.dumps(owners))
            output = model.engine.outputs()[0]
            arrays[f"{key} step"] = np.array([*output.quantization.scales, 0.0][0])
    if not arrays:
        sys.exit(f"none of the demo's models is for {', '.join(names)}")
    np.savez(path, **arrays)


main(sys.argv[1], sys.argv[2:])
