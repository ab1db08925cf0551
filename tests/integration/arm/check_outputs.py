"""Compare the outputs of an emulated board with those of x86-64, both written by outputs.py.

Usage: python check_outputs.py X86.npz ARM.npz [OWNER]. Exits 1 where they differ by more than
kernels for another instruction set may, or where the nodes do not run where those on x86-64 do:
with OWNER, where any of them is another's.
"""

from __future__ import annotations

import json
import sys

import numpy as np

# Kernels add in another order, with or without fused multiply-add: 4e-7 of the largest was seen.
MOST_RELATIVE = 1e-5
# Requantisation rounds halves to either side: a step of the output's scale, and in few values.
MOST_STEPS = 1.01
MOST_DIFFERING = 0.01
# An int8 network with a float output: x86 kernels without VNNI saturate in between.
MOST_RELATIVE_INT8 = 0.02


def main(x86_path: str, arm_path: str, owner: str = "") -> int:
    x86, arm = np.load(x86_path), np.load(arm_path)
    missing = sorted(set(x86.files) ^ set(arm.files))
    failures = [f"{name} is on one machine only" for name in missing]
    for name in sorted(set(x86.files) & set(arm.files)):
        key, _, kind = name.rpartition(" ")
        ours, theirs = x86[name], arm[name]
        if kind == "placement":
            print(f"{name}: {theirs}")
            if owner:
                nodes = sum(count for _, count in json.loads(str(ours)))
                ours = json.dumps([(owner, nodes)])
            if theirs != ours:
                failures.append(f"{name}: {theirs}, not {ours}")
        elif kind != "step":
            failures += compare(name, ours, theirs, float(x86[f"{key} step"]))
    for failure in failures:
        print(f"FAILED {failure}")
    return int(bool(failures))


def compare(name: str, x86: np.ndarray, arm: np.ndarray, step: float) -> list[str]:
    if x86.shape != arm.shape:
        return [f"{name}: shape {arm.shape}, on x86-64 {x86.shape}"]
    largest = float(np.abs(x86).max())
    difference = float(np.abs(x86 - arm).max())
    differing = float((x86 != arm).mean())
    labels = int((x86.argmax(axis=1) != arm.argmax(axis=1)).sum())
    print(
        f"{name:36} largest {largest:.4g}, difference {difference:.2g} in {differing:.2%} of the "
        f"values, {labels} other labels"
    )
    if step == 0.0:
        relative = MOST_RELATIVE_INT8 if "int8" in name else MOST_RELATIVE
        allowed = difference <= relative * largest
    else:
        allowed = difference <= MOST_STEPS * step and differing <= MOST_DIFFERING
    return [] if allowed else [f"{name}: differs by {difference:.3g} from x86-64"]


sys.exit(main(*sys.argv[1:]))
