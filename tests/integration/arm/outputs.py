"""Write what the digits models give on this machine, for check_outputs.py to compare.

Usage: python outputs.py FILE.npz RUNTIME..., in an interpreter that has those runtimes. Each model
of the demo runs through the native and the framework loop on all held-out images. Only numpy,
edgeloop and the runtime are imported: this is also what a worker on a small board needs.
"""

from __future__ import annotations

import json
import sys

import numpy as np

from edgeloop.data.quantized import dequantize, fit
from edgeloop.demo import Variant, variants
from edgeloop.measure.loaded import LoadedModel, load, placement
from edgeloop.runtimes import runtime
from edgeloop.runtimes._base import LoadOptions, TensorSpec
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
            images, labels = read(variant)
            key = f"{variant.name} {name}"
            for loop in loops:
                found = predictions(model, images, loop)
                arrays[f"{key} {loop}"] = found
                correct = int((found.argmax(axis=1) == labels).sum())
                print(f"{key:24} {loop:10} {correct} of {len(images)} correct", flush=True)
            owners = [(part["owner"], part["nodes"]) for part in placement(model) or ()]
            arrays[f"{key} placement"] = np.array(json.dumps(owners))
            output = model.engine.outputs()[0]
            arrays[f"{key} step"] = np.array([*output.quantization.scales, 0.0][0])
    if not arrays:
        sys.exit(f"none of the demo's models is for {', '.join(names)}")
    np.savez(path, **arrays)


def read(variant: Variant) -> tuple[np.ndarray, np.ndarray]:
    with np.load(variant.data_path) as data:
        images, labels = data["x_data"], data["y_data"]
    if variant.layout != variant.data_layout:
        images = images.transpose(0, 3, 1, 2)
    return images, labels.ravel()


def predictions(model: LoadedModel, images: np.ndarray, loop: str) -> np.ndarray:
    """The first output for every image, as real values."""
    output = TensorSpec.of(model.engine.outputs()[0])
    rows = []
    for image in images:
        model.set_inputs([fit(image, spec).reshape(spec.shape) for spec in model.inputs])
        model.run_block(loop, 1, 1)
        rows.append(dequantize(model.outputs(loop)[0], output).ravel())
    return np.stack(rows)


main(sys.argv[1], sys.argv[2:])
