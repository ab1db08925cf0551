"""What Python costs over TensorFlow, and whether the native loop costs more than a plain C one.

    python benchmarks/tensorflow_cost.py [--rounds 9] [--json FILE]

Two Keras networks, a small product and a small convolutional one, are exported to SavedModels and
timed in a C program of a screen (tensorflow_loop.c), in edgeloop's native loop, and in four ways of
calling TensorFlow from Python, one thread each. Every round runs all of them in an order of its
own, each in a process of its own; a ratio is the mean of the rounds' ratios of medians (of their
logarithms), with Student's t over the rounds. Exits 1 where the native loop is slower than 1.02
times the C one beyond the interval.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

import edgeloop
from edgeloop.cli.pages.columns import columns
from edgeloop.models.tensorflow_graph import signature_of
from edgeloop.runtimes import runtime
from edgeloop.runtimes.choice.runtimes import interpreter_of

SOURCE = Path(__file__).with_name("tensorflow_loop.c")
MOST = 1.02
RUNS = {"product": 4000, "network": 1000}
SHAPES = {"product": (1, 16), "network": (1, 32, 32, 3)}
LABELS = {
    "c": "a plain C loop",
    "native": "edgeloop, native",
    "session": "Session.run, as in 2016",
    "function": "the concrete function of the signature",
    "call": "keras: model(x)",
    "predict": "keras: model.predict(x)",
}

# Written to a file and run by the Python that has TensorFlow.
MAKE = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
from keras import layers
keras.utils.set_random_seed(0)
conv = lambda filters, stride: layers.Conv2D(filters, 3, stride, "same", activation="relu")
networks = {
    "product": [layers.Input((16,)), layers.Dense(16, "sigmoid")],
    "network": [layers.Input((32, 32, 3)), conv(16, 1), conv(32, 2), conv(64, 2),
                layers.GlobalAveragePooling2D(), layers.Dense(10)],
}
for name, parts in networks.items():
    model = keras.Sequential(parts)
    model.save(f"{sys.argv[1]}/{name}.keras")
    model.export(f"{sys.argv[1]}/{name}", verbose=False)
"""
TIME = """
import os, sys, time
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy, tensorflow, keras
tensorflow.config.threading.set_intra_op_parallelism_threads(1)
tensorflow.config.threading.set_inter_op_parallelism_threads(1)
path, how, runs = sys.argv[1], sys.argv[2], int(sys.argv[4])
shape = tuple(map(int, sys.argv[3].split(",")))
model = keras.saving.load_model(path)
array = numpy.zeros(shape, numpy.float32)
tensor = tensorflow.constant(array)
call = (lambda: model(tensor)) if how == "call" else (lambda: model.predict(array, verbose=0))
took = []
for _ in range(runs):
    start = time.perf_counter_ns()
    call()
    took.append(time.perf_counter_ns() - start)
print(int(numpy.median(took[runs // 2:])))
"""


def main() -> int:
    """Measure, print, and return the exit code."""
    arguments = _arguments()
    notes: list[str] = []
    python = interpreter_of("tensorflow", None, notes)
    ok, document = True, {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "make.py").write_text(MAKE, encoding="utf-8")
        (folder / "time.py").write_text(TIME, encoding="utf-8")
        subprocess.run([python, str(folder / "make.py"), place], check=True, capture_output=True)
        program = folder / "loop"
        compiler = shutil.which("cc") or "cc"
        subprocess.run([compiler, "-O2", str(SOURCE), "-o", str(program), "-ldl"], check=True)
        for name in RUNS:
            rows = _rows(name, folder, program, python, arguments.rounds)
            document[name] = rows
            print(_page(name, rows))
            ok = ok and rows["native"]["low"] <= MOST
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(document, indent=1), encoding="utf-8")
    return 0 if ok else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", metavar="FILE")
    return parser.parse_args()


def _rows(
    name: str, folder: Path, program: Path, python: str, rounds: int
) -> dict[str, dict[str, float]]:
    """Return ratio and interval of each way to the C loop."""
    order = random.Random(0)
    medians: dict[str, list[float]] = {way: [] for way in LABELS}
    for number in range(rounds):
        ways = list(LABELS)
        order.shuffle(ways)
        for way in ways:
            print(f"{name}: round {number + 1} of {rounds}, {way}", file=sys.stderr)
            medians[way].append(_median_ns(way, name, folder, program, python))
    return {way: _ratio(medians[way], medians["c"]) for way in LABELS if way != "c"}


def _median_ns(way: str, name: str, folder: Path, program: Path, python: str) -> float:
    model, runs, shape = folder / name, RUNS[name], SHAPES[name]
    if way == "c":
        signature = signature_of(model)
        library = _library(python)
        command = [
            *(str(program), library, str(model)),
            *(signature.inputs[0].place, signature.outputs[0].place, str(runs)),
            *map(str, shape),
        ]
    elif way in ("call", "predict"):
        fewer = runs // 4 if way == "call" else 40  # a prediction takes a tenth of a second
        path = folder / f"{name}.keras"
        command = [
            python,
            str(folder / "time.py"),
            str(path),
            way,
            ",".join(map(str, shape)),
            str(fewer),
        ]
    else:
        loop = "native" if way == "native" else "framework"
        settings = {"api": "session"} if way == "session" else {}
        result = edgeloop.bench(
            str(model), runtime="tensorflow", loops=(loop,), threads=1, runs=runs // 2,
            warmup=runs // 2, settings=settings,
        )  # fmt: skip
        return float(result.median_ns)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def _library(python: str) -> str:
    if python == sys.executable:
        return str(runtime("tensorflow").find().library)
    code = "import importlib.util as u; print(u.find_spec('tensorflow').origin)"
    done = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    return str(next(Path(done.stdout.strip()).parent.glob("libtensorflow_cc.so*")))


def _ratio(values: list[float], reference: list[float]) -> dict[str, float]:
    logs = np.log(np.array(values) / np.array(reference))
    half = float(stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / math.sqrt(len(logs)))
    centre = float(logs.mean())
    ends = {"ratio": centre, "low": centre - half, "high": centre + half}
    return {key: math.exp(value) for key, value in ends.items()}


def _page(name: str, rows: dict[str, dict[str, Any]]) -> str:
    lines = [(name, "ratio to the C loop", "95 %")]
    lines += [
        (LABELS[way], f"{row['ratio']:.3g}", f"[{row['low']:.3g}, {row['high']:.3g}]")
        for way, row in rows.items()
    ]
    return columns(lines, right=(1, 2))


if __name__ == "__main__":
    sys.exit(main())
