"""What every engine must do, run in an interpreter that has it: `python conformance.py ENGINE`.

ENGINE is JSON: the runtime's name, a model, the fields of LoadOptions, what its inputs and outputs
are, how many load cycles to do, and four facts: whether it starts threads, whether they are one
pool for the process, whether it survives a damaged file by itself, and how many bytes the runtime
itself loses with each model. Each check prints one JSON line, so that a crash costs no more than
itself.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from edgeloop.data.synthetic import random_inputs
from edgeloop.errors import EdgeloopError, ModelError, UsageError
from edgeloop.measure.loaded import LoadedModel, kernel_threads, load
from edgeloop.models.formats import detect_format
from edgeloop.runtimes import runtime
from edgeloop.spec.load import FRAMEWORK_LOOPS, LoadOptions, TensorSpec

CLOCK = 4  # CLOCK_MONOTONIC_RAW
DTYPES = {"bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
          "float32", "float64"}  # fmt: skip

# A heap that has settled wanders by 0.2 MB; a thousand lost engines, without their models, are more
# than this.
MOST_GROWTH = 500_000  # bytes

ENGINE = json.loads(sys.argv[1])
RUNTIME = runtime(ENGINE["runtime"])
FIRST_LOOP = RUNTIME.loops[0]


class NotApplicableError(Exception):
    """The check asks for something that this engine cannot have."""


def loaded(*loops: str, model: str | None = None, **changes: object) -> LoadedModel:
    options = {**ENGINE["options"], **changes, "model": model or ENGINE["model"]}
    return load(RUNTIME, LoadOptions(**options), loops or (FIRST_LOOP,), CLOCK, False)


def check_tensors() -> None:
    """Names, dtypes and shapes are what NumPy can hold, and memory is exactly as large."""
    model = loaded()
    assert model.inputs
    if model.engine is None:
        outputs = run(model, random_inputs(model.inputs, 0))
    else:
        tensors = [*model.engine.inputs(), *model.engine.outputs()]
        for tensor in tensors:
            array = np.asarray(tensor)
            assert array.nbytes == tensor.nbytes
            assert array.flags.writeable
            assert array.flags.c_contiguous
            assert array.ctypes.data % array.itemsize == 0
        specs = [TensorSpec.of(tensor) for tensor in model.engine.outputs()]
        assert all(spec.name for spec in specs)
        outputs = [np.array(tensor) for tensor in model.engine.outputs()]
    assert outputs
    assert all(str(array.dtype) in DTYPES for array in outputs)
    names = [spec.name for spec in model.inputs]
    assert all(names)
    assert len(set(names)) == len(names)
    for spec in model.inputs:
        assert spec.dtype in DTYPES
        assert all(isinstance(dim, int) and dim >= 0 for dim in spec.shape)
    assert [list(spec.shape) for spec in model.inputs] == ENGINE["input_shapes"]
    assert [array.size for array in outputs] == ENGINE["output_sizes"]


def check_loops_agree() -> None:
    """Every loop that the runtime has gives the same outputs, bit by bit, and again later."""
    model = loaded(*RUNTIME.loops)
    first = None
    for seed in (0, 1, 0):
        inputs = random_inputs(model.inputs, seed)
        results = {loop: run(model, inputs, loop) for loop in RUNTIME.loops}
        for loop, outputs in results.items():
            for ours, theirs in zip(outputs, results[FIRST_LOOP]):
                assert np.array_equal(ours, theirs), f"{loop} differs from {FIRST_LOOP}"
        if seed == 1:
            assert first is not None
            assert not same(first, results[FIRST_LOOP]), "other inputs, but the same outputs"
        first = first or results[FIRST_LOOP]
    assert same(first, results[FIRST_LOOP])


def check_a_block() -> None:
    """A thousand runs in every loop: as many samples, and the outputs stay."""
    model = loaded(*RUNTIME.loops)
    inputs = random_inputs(model.inputs, 0)
    for loop in RUNTIME.loops:
        before = run(model, inputs, loop)
        _, durations = model.run_block(loop, 1000, 10)
        assert len(durations) == 100
        assert durations.min() > 0
        assert same(model.outputs(loop), before)


def check_threads() -> None:
    """It adds one kernel thread less than was asked for, where it has work for them."""
    run(loaded(threads=1), None)  # what a library starts once for the process
    before = kernel_threads()
    for threads in (1, 2, 3):
        gc.collect()
        if not ENGINE["one_pool"]:
            before = kernel_threads()
        model = loaded(threads=threads)
        run(model, random_inputs(model.inputs, 0))
        started = len(kernel_threads() - before - {threading.get_native_id()})
        expected = threads - 1 if ENGINE["starts_threads"] else 0
        assert started == expected, f"{started} threads were started for --threads {threads}"
        del model


def check_bad_models() -> None:
    """A file that is no model is a ModelError, in one sentence."""
    if ENGINE["model"] == "null":
        raise NotApplicableError("it reads no model")
    whole = Path(ENGINE["model"]).read_bytes()
    contents = {
        "empty": b"",
        "text": b"this is no model\n" * 20,
        "zeros": bytes(4096),
        "cut": whole[: len(whole) * 6 // 10],
    }
    with tempfile.TemporaryDirectory() as folder:
        paths = {"missing": Path(folder) / "missing"}
        for name, content in contents.items():
            paths[name] = Path(folder) / f"{name}{Path(ENGINE['model']).suffix}"
            paths[name].write_bytes(content)
        for name, path in paths.items():
            for loop in dict.fromkeys((FIRST_LOOP, RUNTIME.loops[-1])):
                said = refusal(ModelError, partial(load_file, path, loop), f"{name} file, {loop}")
                require_sentence(said)
    run(loaded(), None)  # and a good one loads after them


def check_an_unknown_setting() -> None:
    """It is refused in one sentence that names it."""
    said = refusal(UsageError, lambda: loaded(settings={"no-such-setting": "1"}), "the setting")
    require_sentence(said)
    assert "no-such-setting" in said


def check_two_at_once() -> None:
    """Two loaded models do not disturb each other, and one outlives the other."""
    first, second = loaded(), loaded()
    inputs = [random_inputs(first.inputs, seed) for seed in (0, 1)]
    alone = [run(first, arrays) for arrays in inputs]
    for model, arrays in zip((first, second), inputs):
        model.set_inputs(arrays)
    for _ in range(3):
        for model in (first, second):
            model.run_block(FIRST_LOOP, 1, 1)
    assert same(first.outputs(FIRST_LOOP), alone[0])
    assert same(second.outputs(FIRST_LOOP), alone[1])
    del first, model
    gc.collect()
    assert same(run(second, inputs[0]), alone[0])


def check_cycles() -> None:
    """Loading and unloading again and again leaves nothing behind."""
    cycles = ENGINE["cycles"]
    for _ in range(max(10, cycles // 5)):
        run(loaded(), None)
    parts = []
    for _ in range(4):
        gc.collect()
        before = rss_bytes()
        for _ in range(cycles // 4):
            run(loaded(), None)
        gc.collect()
        parts.append(rss_bytes() - before)
    # A leak grows in every part; an allocator or a table that once takes a step, in one.
    growth = 4 * median(parts)
    most = MOST_GROWTH + cycles * ENGINE["own_leak"]
    assert growth < most, f"{cycles} cycles grew by {growth:.0f} bytes, {most} were allowed"


def run(model: LoadedModel, inputs: list | None, loop: str = FIRST_LOOP) -> list:
    if inputs is not None:
        model.set_inputs(inputs)
    model.run_block(loop, 1, 1)
    return model.outputs(loop)


def same(a: list, b: list) -> bool:
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b))


def load_file(path: Path, loop: str) -> None:
    if not ENGINE["verifies"]:
        detect_format(path)  # as every command does before a runtime sees the file
    loaded(loop, model=str(path))


def refusal(kind: type[EdgeloopError], call: Callable[[], object], what: str) -> str:
    try:
        call()
    except kind as error:
        return str(error)
    raise AssertionError(f"it was taken: {what}")


def require_sentence(text: str) -> None:
    assert len(text) > 20, text
    assert text == text.strip(), text
    assert text.isprintable(), repr(text)
    assert not text.endswith((":", ",")), text


def rss_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def main() -> None:
    if FIRST_LOOP in FRAMEWORK_LOOPS:
        RUNTIME.import_packages(RUNTIME.loops)
    for name in sys.argv[2:]:
        failure = skipped = None
        try:
            globals()[f"check_{name}"]()
        except NotApplicableError as reason:
            skipped = str(reason)
        except Exception:
            failure = traceback.format_exc()
        print(json.dumps({"check": name, "failure": failure, "skipped": skipped}), flush=True)
        gc.collect()


if __name__ == "__main__":
    main()
