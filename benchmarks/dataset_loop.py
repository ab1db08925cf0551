"""The native data-set loop against a plain Python loop, and its memory against the set's size.

    python benchmarks/dataset_loop.py [--data-folder ../shared/data] [--processes N] [--rounds N]
        [--instances N] [--memory-mb 50,200] [--json FILE]

Plain loop: set, invoke, get, argmax per sample, through the framework's own Python API. Native: one
call for all samples, and argmax over its outputs; with several instances, as `eval --instances`
has them, one call for each, beside each other (default: one for each CPU). `plain, N threads` is
what a script can do about it: the plain loop in as many threads, an instance each. In each of
several processes all are loaded (the load order alternates) and run over the same samples, round by
round in random order; the speed-up is the ratio of their times a sample, with its 95 % interval
across the processes. `binding` is the plain loop over edgeloop's own binding, on the native loop's
instance. No loop of one instance can be faster than its runs alone: `limit` says how much that is.

Memory: `edgeloop eval` on generated sets of two sizes, peak resident memory of the command and of
its worker. Exits 1 where a figure misses its aim.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np

from edgeloop.cli.pages.columns import columns
from edgeloop.data.opening import open_data
from edgeloop.demo import ASSETS
from edgeloop.host.info import host_info
from edgeloop.measure.clock import choose_clock
from edgeloop.measure.data_loop import run_data
from edgeloop.measure.loaded import LoadedModel, first_runs, load, load_more
from edgeloop.runtimes import runtime
from edgeloop.spec.inputs import InputSource
from edgeloop.spec.load import LoadOptions
from edgeloop.stats.compare import compare_paired

MOBILENET = "imagenet_mobilenet/mobilenet_v2_1.0_224_quant.tflite"
MOBILENET_DATA = "imagenet_mobilenet/imagenet100_uint8_nhwc_224_y1001.npz"

# Least speed-up that the lower end of the interval must reach: of all instances together on a model
# of a microsecond, of one instance on a model of milliseconds.
DIGITS_TARGET, MOBILENET_TARGET = 3.0, 0.98

# The larger set may cost so much more: page tables and rounding, no chunk of data.
MEMORY_TARGET_BYTES = 16 << 20

# Seconds of one loop in one round.
_ROUND_S = 0.1

Loop = Callable[[], "np.ndarray[Any, Any]"]


def main() -> int:
    """Measure, print, and return the exit code."""
    arguments = _arguments()
    if arguments.child:
        print(json.dumps(_child(json.loads(arguments.child))))
        return 0
    rows = [_case(arguments, case) for case in _cases(Path(arguments.data_folder))]
    memory = _memory([int(size) for size in arguments.memory_mb.split(",")])
    document = {"speed": rows, "memory": memory}
    print(_page(document))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(document, indent=1), encoding="utf-8")
    reached = all(row["reached"] for row in rows) and memory["reached"]
    return 0 if reached else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-folder", default="../shared/data", metavar="FOLDER")
    parser.add_argument("--processes", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument(
        "--instances", type=int, default=len(os.sched_getaffinity(0)), help="beside each other"
    )
    parser.add_argument("--memory-mb", default="50,200", metavar="SMALL,LARGE")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


@dataclass(frozen=True)
class Case:
    """One model in one runtime, and the least speed-up that one of its loops aims at."""

    name: str
    runtime: str
    model: str
    data: str
    layout: Optional[str]
    aimed: str
    """The loop that has a target: "native" or "instances"."""
    target: Optional[float]
    """None: the runs alone take too much of a sample for any loop to reach one."""


def _cases(folder: Path) -> list[Case]:
    digits = str(ASSETS / "digits_test.npz")
    cases = [
        Case(f"{path.stem} ({name})", name, str(path), digits, "nhwc", "instances", target)
        for name, path, target in (
            ("onnxruntime", ASSETS / "digits_float32.onnx", None),
            ("onnxruntime", ASSETS / "digits_int8.onnx", None),
            ("litert", ASSETS / "digits_int8.tflite", DIGITS_TARGET),
        )
    ]
    if not (folder / MOBILENET).is_file():
        print(f"MobileNet v2 is left out: {folder / MOBILENET} is not here", file=sys.stderr)
        return cases
    model, data = str(folder / MOBILENET), str(folder / MOBILENET_DATA)
    return [
        *cases,
        Case(
            "MobileNet v2 uint8 (litert)", "litert", model, data, None, "native", MOBILENET_TARGET
        ),
    ]


def _case(arguments: argparse.Namespace, case: Case) -> dict[str, Any]:
    """Measure one model in several processes; every loop against the plain one."""
    times: dict[str, list[float]] = {}
    sessions: list[int] = []
    runs_ns: list[float] = []
    for number in range(arguments.processes):
        said = {
            **asdict(case),
            "rounds": arguments.rounds,
            "instances": arguments.instances,
            "number": number,
        }
        done = subprocess.run(
            [sys.executable, __file__, "--child", json.dumps(said)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        found = json.loads(done.stdout.splitlines()[-1])
        runs_ns.append(found["run_ns"])
        for loop, values in found["times_ns"].items():
            times.setdefault(loop, []).extend(values)
        sessions += [number] * arguments.rounds
    plain = times.pop("plain")
    row: dict[str, Any] = {
        **asdict(case),
        "instances": arguments.instances,
        "plain_ns": float(np.median(plain)),
        "run_ns": float(np.median(runs_ns)),
        "loops": {},
    }
    for loop, values in times.items():
        # The time of the plain loop over that of this one: how many times as fast it is.
        compared = compare_paired(values, plain, processes=sessions)
        row["loops"][loop] = {
            "ns": float(np.median(values)),
            "speed_up": compared.ratio,
            "speed_up_ci95": compared.ratio_ci95,
        }
    interval = row["loops"][case.aimed]["speed_up_ci95"]
    row["reached"] = case.target is None or (interval is not None and interval[0] >= case.target)
    return row


def _child(said: dict[str, Any]) -> dict[str, Any]:
    """Run all loops over the same samples; return ns a sample, round by round."""
    clock = choose_clock()
    chosen = runtime(said["runtime"])
    options = LoadOptions(model=said["model"], threads=1)
    first = bool(said["number"] % 2)
    loaded = load(chosen, options, ("native", "framework"), clock.id, framework_first=first)
    together = load(chosen, options, ("native",), clock.id, framework_first=first)
    load_more(together, options, said["instances"])
    frameworks = [chosen.load_framework(options) for _ in range(said["instances"])]
    source = InputSource(0, said["data"], layout=said["layout"])
    inputs = open_data(source, loaded.inputs).first_inputs()
    for model in (loaded, together):
        model.set_inputs(inputs)
        first_runs(model, ("native",))
    loaded.run_block("framework", 3, 1)
    run_ns = float(np.median(loaded.run_block("native", 50, 1)[1]))
    samples = int(min(20_000, max(2 * said["instances"], _ROUND_S * 1e9 / run_ns)))
    rows = open_data(source, loaded.inputs).first_runs(samples)
    run_ns = float(np.median(loaded.run_block("native", samples, 1)[1]))
    measured = {
        "plain": _plain_loop(loaded.framework, rows[0]),
        "native": _native_loop(loaded, rows),
        "instances": _native_loop(together, rows),
        "threads": _in_threads(frameworks, rows[0]),
        "binding": _binding_loop(loaded, rows[0]),
    }
    answers = {name: loop() for name, loop in measured.items()}
    if not all(np.array_equal(answer, answers["native"]) for answer in answers.values()):
        sys.exit("the loops do not give the same answers")
    generator = random.Random(said["number"])
    times: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(said["rounds"]):
        for name in generator.sample(list(measured), len(measured)):
            begun = time.clock_gettime_ns(clock.id)
            measured[name]()
            times[name].append((time.clock_gettime_ns(clock.id) - begun) / samples)
    return {"times_ns": times, "run_ns": run_ns}


def _native_loop(model: LoadedModel, rows: Sequence[np.ndarray[Any, Any]]) -> Loop:
    """Return the data-set loop of `eval`, and argmax over what it kept."""
    samples = len(rows[0])
    return lambda: run_data(model, "native", rows, 1).outputs[0].reshape(samples, -1).argmax(axis=1)


def _in_threads(frameworks: Sequence[Any], rows: np.ndarray[Any, Any]) -> Loop:
    """Return the plain loop in a thread for each instance, over its part of the samples."""
    parts = np.array_split(rows, len(frameworks))
    loops = [_plain_loop(framework, part) for framework, part in zip(frameworks, parts)]

    def threads() -> np.ndarray[Any, Any]:
        with ThreadPoolExecutor(len(loops)) as pool:
            return np.concatenate(list(pool.map(lambda loop: loop(), loops)))

    return threads


def _plain_loop(framework: Any, rows: np.ndarray[Any, Any]) -> Loop:
    """Return the loop that a script has, over the framework's own API."""
    if hasattr(framework, "_interpreter"):  # the classic TFLite interpreter
        interpreter = framework._interpreter
        into, out = framework.input_numbers[0], framework.output_numbers[0]

        def classic() -> np.ndarray[Any, Any]:
            answers = []
            for row in rows:
                interpreter.set_tensor(into, row)
                interpreter.invoke()
                answers.append(interpreter.get_tensor(out).argmax())
            return np.array(answers)

        return classic
    if hasattr(framework, "_session"):  # ONNX Runtime
        session = framework._session
        name = session.get_inputs()[0].name

        def session_run() -> np.ndarray[Any, Any]:
            return np.array([session.run(None, {name: row})[0].argmax() for row in rows])

        return session_run
    if hasattr(framework, "_input_buffers"):  # LiteRT's CompiledModel
        model, source, (target, count, dtype) = (
            framework._model, framework._input_buffers, framework._reads[0],
        )  # fmt: skip
        targets = framework._output_buffers

        def compiled() -> np.ndarray[Any, Any]:
            answers = []
            for row in rows:
                source[0].write(row.reshape(-1))
                model.run_by_index(0, source, targets)
                answers.append(target.read(count, dtype).argmax())
            return np.array(answers)

        return compiled

    def generic() -> np.ndarray[Any, Any]:
        answers = []
        for row in rows:
            framework.set_inputs([row])
            framework.invoke()
            answers.append(framework.outputs()[0].argmax())
        return np.array(answers)

    return generic


def _binding_loop(loaded: LoadedModel, rows: np.ndarray[Any, Any]) -> Loop:
    """Return the same loop over edgeloop's own binding, on the native loop's instance."""
    engine: Any = loaded.engine
    source, target = np.asarray(engine.inputs()[0]), np.asarray(engine.outputs()[0])

    def binding() -> np.ndarray[Any, Any]:
        answers = []
        for row in rows:
            source[...] = row
            engine.run()
            answers.append(target.argmax())
        return np.array(answers)

    return binding


def _memory(sizes_mb: Sequence[int]) -> dict[str, Any]:
    """Evaluate generated sets of these sizes; return the peak memory of command and worker."""
    found = []
    for size_mb in sizes_mb:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "set.npz"
            _write_set(path, size_mb)
            done = subprocess.run(
                [sys.executable, "-c", _EVALUATE, str(ASSETS / "digits_float32.tflite"), str(path)],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
        found.append({"set_bytes": size_mb << 20, **json.loads(done.stdout.splitlines()[-1])})
    growth = {
        name: found[-1][name] - found[0][name]
        for name in ("command_peak_bytes", "worker_peak_bytes")
    }
    return {
        "sets": found,
        "growth_bytes": growth,
        "reached": max(growth.values()) <= MEMORY_TARGET_BYTES,
    }


_EVALUATE = """
import json, sys
import edgeloop
from edgeloop.measure.usage import usage
result = edgeloop.evaluate(sys.argv[1], sys.argv[2], threads=1)
print(json.dumps({
    "samples": result.summary["accuracy"]["n"],
    "command_peak_bytes": usage()["peak_rss_bytes"],
    "worker_peak_bytes": result.invocations[0].peak_rss_bytes,
}))
"""


def _write_set(path: Path, size_mb: int) -> None:
    """Write the digits over and over as float64, in pieces: 512 bytes a sample."""
    import zipfile

    with np.load(ASSETS / "digits_test.npz") as arrays:
        x, y = arrays["x_data"].astype(np.float64), arrays["y_data"]
    copies = max(1, (size_mb << 20) // x.nbytes)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for key, values in (("x_data", x), ("y_data", y)):
            with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                header = {
                    "descr": np.lib.format.dtype_to_descr(values.dtype),
                    "fortran_order": False,
                    "shape": (len(values) * copies, *values.shape[1:]),
                }
                np.lib.format.write_array_header_1_0(member, header)
                for _ in range(copies):
                    member.write(values.tobytes())


def _page(document: dict[str, Any]) -> str:
    info = host_info()
    rows = [("model", "loop", "a sample", "times as fast as plain [95 %]", "aim, or limit")]
    for row in document["speed"]:
        names = {
            "native": "native, 1 instance",
            "instances": f"native, {row['instances']} instances",
            "threads": f"plain, {row['instances']} threads",
            "binding": "binding",
        }
        rows.append((row["name"], "plain Python", f"{row['plain_ns'] / 1e3:.4g} µs", "", ""))
        for loop, found in row["loops"].items():
            bound = f"limit {row['plain_ns'] / row['run_ns']:.2f}" if loop == "native" else ""
            if loop == row["aimed"] and row["target"] is not None:
                bound = f">= {row['target']:g}" + ("" if row["reached"] else " MISSED")
            rows.append(("", names[loop], f"{found['ns'] / 1e3:.4g} µs", _speed(found), bound))
    sets = [("set", "samples", "peak of the command", "peak of the worker")]
    for one in document["memory"]["sets"]:
        sets.append((
            f"{one['set_bytes'] >> 20} MiB",
            str(one["samples"]),
            f"{one['command_peak_bytes'] / 2**20:.1f} MiB",
            f"{one['worker_peak_bytes'] / 2**20:.1f} MiB",
        ))  # fmt: skip
    verdict = "flat" if document["memory"]["reached"] else "MISSED"
    machine = (
        f"{', '.join(info.cpu.model_names)}, kernel {info.system.kernel}; 1 thread an instance"
    )
    aim = f"the larger set costs at most {MEMORY_TARGET_BYTES >> 20} MiB more"
    return f"{machine}\n{columns(rows)}\n{columns(sets)}\nmemory: {verdict} (aim: {aim})"


def _speed(loop: dict[str, Any]) -> str:
    if loop["speed_up_ci95"] is None:
        return f"{loop['speed_up']:.3f} [too few processes]"
    low, high = loop["speed_up_ci95"]
    return f"{loop['speed_up']:.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    sys.exit(main())
