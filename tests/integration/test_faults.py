"""Runtimes that crash, hang, exit, print or run out of memory: a result, or one clean sentence.

A library that stands for TensorFlow Lite misbehaves wherever it is told to; real runtimes are
struck through the C library, when they open the model or when the clock is read.
"""

from __future__ import annotations

import json
import resource
from typing import Any

import numpy as np
import pytest

import edgeloop
from edgeloop.demo import ASSETS
from edgeloop.errors import InterruptedRunError, NotAvailableError, RuntimeFailedError
from edgeloop.measure.bench import Experiment
from edgeloop.results.store import read_result
from edgeloop.runtimes import runtime

TFLITE = ASSETS / "digits_int8.tflite"

# Runtime → a model for it, and what else it has to be told.
REAL = {
    "litert": (TFLITE, ()),
    "tflite": (TFLITE, ()),
    "onnxruntime": (ASSETS / "digits_float32.onnx", ()),
    "torch": (ASSETS / "digits_float32.pt", ("--shape", "1x1x8x8")),
}
COUNT = ("--runs", "500", "--warmup", "20")

# Of the runs that the parent asks for one after the other: the first, warm-up, and a block.
FIRST, WARM, BLOCK = 1, 10, 200

GIGABYTE = 1 << 30


@pytest.fixture
def fake(build_fake: Any, watched: Any) -> Any:
    """Run a command on the fake library with an order."""
    library = build_fake("misbehaving_tflite")

    def run(order: str, *arguments: str, command: str = "bench", **more: Any) -> Any:
        environment = {"EDGELOOP_FAKE": order, **more.pop("environment", {})}
        return watched(
            command, str(TFLITE), "--runtime", "tflite", "--library", library, *COUNT,
            "--out", str(watched.results), *arguments, environment=environment, **more,
        )  # fmt: skip

    return run


@pytest.fixture(params=list(REAL))
def struck(request: pytest.FixtureRequest, build_fake: Any, watched: Any) -> Any:
    """Run a command on a real runtime, with the order for the C library under it."""
    name = request.param
    library = found(name)
    model, told = REAL[name]
    if name == "tflite":
        told = (*told, "--library", library)
    environment = {
        "LD_PRELOAD": build_fake("unruly_libc"),
        "EDGELOOP_FAKE_MODEL": str(model.resolve()),
    }

    def run(order: str, *arguments: str, command: str = "bench") -> Any:
        return watched(
            command, str(model), "--runtime", name, *told, *COUNT, *arguments,
            "--out", str(watched.results), environment={**environment, "EDGELOOP_FAKE": order},
        )  # fmt: skip

    return run


def found(name: str) -> Any:
    """Return the library of a runtime."""
    try:
        return runtime(name).find(None).library
    except NotAvailableError as error:
        pytest.skip(f"{name} is not here: {error}")


def failed(done: Any, code: int, words: str) -> None:
    """Check for one sentence with these words, and that exit code."""
    assert done.returncode == code, (done.returncode, done.stderr)
    said = [line for line in done.stderr.splitlines() if line.startswith("edgeloop:")]
    assert len(said) == 1, done.stderr
    assert words in said[0]


KILLED = "was killed by SIGKILL, as the kernel does when the memory runs out,"
LOADING, RUNNING = "while loading the model", "while running the native loop"
ENDS = [
    ("load:segv", f"crashed with SIGSEGV {LOADING}"),
    ("load:kill", f"{KILLED} {LOADING}"),
    ("load:exit", f"ended by itself with exit code 0 {LOADING}"),
    (f"invoke:segv:{FIRST}", f"crashed with SIGSEGV {LOADING}"),
    (f"invoke:kill:{FIRST}", f"{KILLED} {LOADING}"),
    (f"invoke:segv:{WARM}", f"crashed with SIGSEGV {RUNNING}"),
    (f"invoke:kill:{WARM}", f"{KILLED} {RUNNING}"),
    (f"invoke:segv:{BLOCK}", f"crashed with SIGSEGV {RUNNING}"),
    (f"invoke:kill:{BLOCK}", f"{KILLED} {RUNNING}"),
    (f"invoke:abort:{BLOCK}", f"crashed with SIGABRT {RUNNING}"),
    (f"invoke:exit:{BLOCK}", f"ended by itself with exit code 0 {RUNNING}"),
]


@pytest.mark.parametrize(("order", "words"), ENDS, ids=[order for order, _ in ENDS])
def test_a_worker_that_ends_names_signal_and_step(
    order: str, words: str, fake: Any, watched: Any
) -> None:
    failed(fake(order), 5, f"the worker {words}")
    assert not watched.results.exists()  # nothing was measured


@pytest.mark.parametrize(
    ("order", "doing"), [("load:hang", LOADING), (f"invoke:spin:{BLOCK}", RUNNING)]
)
def test_a_worker_that_hangs_is_killed_in_time(order: str, doing: str, fake: Any) -> None:
    done = fake(order, "--timeout", "2")
    failed(done, 5, f"no answer within 2 s {doing}: the worker was killed; allow more with")


@pytest.mark.parametrize(
    ("order", "code", "words"),
    [
        ("load:throw", 4, "tflite cannot load the model"),
        ("load:throw-bad-alloc", 5, "the worker ran out of memory; a smaller --batch-size needs"),
        (f"invoke:throw:{BLOCK}", 5, f"the worker crashed with SIGABRT {RUNNING}"),
    ],
)
def test_an_exception_that_leaves_a_c_function(
    order: str, code: int, words: str, fake: Any
) -> None:
    failed(fake(order), code, words)


@pytest.mark.parametrize(("step", "code"), [("load", 4), ("allocate", 4), (f"invoke:{BLOCK}", 5)])
def test_a_runtime_that_gets_no_memory_says_so(step: str, code: int, fake: Any) -> None:
    name, _, number = step.partition(":")
    done = fake(f"{name}:memory:{number or 1}", limits=((resource.RLIMIT_AS, 3 * GIGABYTE),))
    failed(done, code, f"the fake failed to {name}")


@pytest.mark.parametrize("name", ["litert", "tflite"])
def test_a_batch_that_no_memory_holds(name: str, watched: Any) -> None:
    library = found(name)
    told = ("--library", library) if name == "tflite" else ()
    done = watched(
        "bench", str(TFLITE), "--runtime", name, *told, "--batch-size", "30000000", *COUNT,
        "--no-save", limits=((resource.RLIMIT_AS, 3 * GIGABYTE),),
    )  # fmt: skip
    assert done.returncode in {4, 5}  # the runtime refuses it, or falls
    failed(done, done.returncode, "batch-size=30000000")


def test_a_library_that_crashes_when_it_is_loaded(fake: Any) -> None:
    failed(fake("library:segv"), 3, "cannot be used: it crashed (Segmentation fault)")
    failed(fake("library:exit"), 3, "cannot be used: it ended the process with code 0")


@pytest.mark.parametrize("step", ["library", "load", f"invoke:{BLOCK}"])
def test_megabytes_of_output_leave_stdout_and_the_result_alone(
    step: str, fake: Any, watched: Any
) -> None:
    name, _, number = step.partition(":")
    done = fake(f"{name}:print:{number or 1}", "--json", "-")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["summary"]["n"] == 500
    assert document["runtime"]["version"] == "0.0.fake"
    log = document["invocations"][0]["log"]
    assert "bytes dropped" in log
    assert "the last words" in log
    assert len(done.stderr) < 10_000
    assert len(log) < 100_000
    assert watched.saved().summary == {key: document[key] for key in watched.saved().summary}


def test_what_was_measured_before_a_crash_is_printed_and_kept(
    fake: Any, watched: Any, tmp_path: Any
) -> None:
    done = fake(
        f"invoke:segv:{BLOCK}", "--processes", "3",
        environment={
            "EDGELOOP_FAKE_PROCESS": "2", "EDGELOOP_FAKE_COUNTER": str(tmp_path / "counter"),
            "EDGELOOP_UNCONFINED": "1",  # the fake counts in a file outside of its worker's folder
        },
    )  # fmt: skip
    failed(done, 5, "the worker crashed with SIGSEGV while running the native loop")
    assert "500 samples" in done.stdout
    saved = watched.saved()
    assert saved.summary["summary"]["n"] == 500
    assert saved.summary["summary"]["stop_reason"] == "failed"
    assert saved.invocations[0].error is None
    assert "SIGSEGV" in saved.invocations[1].error
    assert len(saved.invocations) == 2


def test_the_error_of_the_api_carries_what_was_measured(
    build_fake: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGELOOP_FAKE", f"invoke:kill:{BLOCK}")
    monkeypatch.setenv("EDGELOOP_FAKE_PROCESS", "2")
    monkeypatch.setenv("EDGELOOP_FAKE_COUNTER", str(tmp_path / "counter"))
    monkeypatch.setenv("EDGELOOP_UNCONFINED", "1")  # the counter lies outside of its folder
    with pytest.raises(RuntimeFailedError, match="SIGKILL") as caught:
        edgeloop.bench(
            str(TFLITE), "tflite", library=build_fake("misbehaving_tflite"), runs=500, processes=3
        )
    assert caught.value.result is not None
    assert caught.value.result.summary["summary"]["n"] == 500


def test_an_interruption_between_two_processes_keeps_the_first(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Experiment, result: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Experiment, "_stop_reason", interrupted)
    path = tmp_path / "cut.edgeloop.jsonl"
    with pytest.raises(InterruptedRunError, match="what had been measured is kept") as caught:
        edgeloop.bench("null", runs=50, processes=2, out=str(path))
    assert caught.value.result.summary["summary"]["stop_reason"] == "interrupted"
    assert read_result(str(path)).summary["summary"]["n"] == 50


def test_a_crash_while_the_data_are_run_keeps_the_figures(
    fake: Any, watched: Any, tmp_path: Any
) -> None:
    data = tmp_path / "data.npz"
    np.savez(data, x_data=np.zeros((9, 4), np.float32), y_data=np.zeros(9, np.int64))
    done = fake("invoke:segv:525", "--data", str(data))  # 1 + 20 + 500 runs come before
    failed(done, 5, "the worker crashed with SIGSEGV while running the data set")
    assert "500 samples" in done.stdout
    assert watched.saved().summary["accuracy"] is None


def test_a_comparison_ends_with_the_side_that_crashed(build_fake: Any, watched: Any) -> None:
    done = watched(
        "compare", "null", f"{TFLITE}@tflite,threads=1", "--effort", "quick",
        "--out", str(watched.results),
        environment={
            "EDGELOOP_FAKE": "invoke:segv:500000",
            "EDGELOOP_TFLITE_LIBRARY": build_fake("misbehaving_tflite"),
        },
    )  # fmt: skip
    failed(done, 5, "the worker crashed with SIGSEGV while running the native loop")
    for path in watched.results.glob("*"):
        assert read_result(str(path)).summary["summary"]["stop_reason"] == "failed"


STRIKES = [
    ("segv", "crashed with SIGSEGV"),
    pytest.param("kill", "was killed by SIGKILL", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("act", "words"), STRIKES)
def test_a_real_runtime_that_dies_while_it_loads(act: str, words: str, struck: Any) -> None:
    failed(struck(f"open:{act}"), 5, f"the worker {words}")


@pytest.mark.parametrize(("act", "words"), STRIKES)
def test_a_real_runtime_that_dies_in_a_block(act: str, words: str, struck: Any) -> None:
    failed(struck(f"clock:{act}:{BLOCK}"), 5, f"the worker {words}")


def test_a_real_runtime_that_hangs_while_it_loads(struck: Any) -> None:
    done = struck("open:hang", "--timeout", "3")
    failed(done, 5, "no answer within 3 s while loading the model: the worker was killed")


def test_a_clock_that_jumps_back_is_no_duration(struck: Any) -> None:
    failed(struck(f"clock:back:{BLOCK}"), 3, "the clock ran backwards by ")


def test_a_clock_that_jumps_back_while_the_model_is_loaded(
    struck: Any, request: pytest.FixtureRequest
) -> None:
    # Reads of the clock from the file's first opening to the end of the load: a TFLite file is
    # opened for what it declares before its load is timed.
    last = 4 if request.node.callspec.id in ("litert", "tflite") else 1
    failed(struck(f"clock:back:{last}"), 3, "the clock ran backwards while the model was loaded")


@pytest.mark.slow
def test_a_clock_that_jumps_forward_shows_in_the_result(struck: Any) -> None:
    done = struck(f"clock:forward:{BLOCK}", "--json", "-")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)["summary"]
    assert summary["max_ns"] > 1e9
    assert summary["median_ns"] < 1e9


def test_a_clock_that_is_too_coarse_is_refused(struck: Any) -> None:
    failed(struck("clock:coarse:4000000"), 3, "did not move during 40,000 reads")


def test_a_coarse_clock_makes_longer_samples(build_fake: Any, watched: Any) -> None:
    done = watched(
        "bench", "null", "--set", "multiplications=1000", "--effort", "quick", "--json", "-",
        "--out", str(watched.results),
        environment={"LD_PRELOAD": build_fake("unruly_libc"), "EDGELOOP_FAKE": "clock:coarse:5000"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["clock"]["tick_ns"] == 5000
    # 1,000 ticks are 5 ms: no machine is so busy that a run of a microsecond takes as long.
    assert document["invocations"][0]["blocks"][0]["runs_per_sample"] > 1
