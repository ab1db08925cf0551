"""`--host` against a real sshd on the loopback interface, the connection cut in the middle too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

import edgeloop
from edgeloop.demo import ASSETS
from edgeloop.results.store import read_result

_FILE = Path(__file__).parent / "loopback_ssh.py"
_SPEC = spec_from_file_location("loopback_ssh", _FILE)
loopback_ssh = module_from_spec(_SPEC)
_SPEC.loader.exec_module(loopback_ssh)

pytestmark = pytest.mark.skipif(
    loopback_ssh.SSHD is None, reason="no sshd here: apt-get install openssh-server"
)

QUICK = ("--effort", "quick", "--budget", "1")
HERE = ("--python", sys.executable)
# Of one chain of 40 µs; five processes of two seconds each.
LONG = ("bench", "null", "--set", "multiplications=50000", "--threads", "1", "--budget", "10")


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[loopback_ssh.LoopbackSsh]:
    server = loopback_ssh.LoopbackSsh(tmp_path_factory.mktemp("ssh"))
    try:
        yield server
    finally:
        server.stop()


def _start(board, *arguments: str, host: str = "board") -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "edgeloop", *arguments, "--host", host],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=board.environment,
    )


def _run(board, *arguments: str, host: str = "board") -> subprocess.CompletedProcess:
    process = _start(board, *arguments, host=host)
    out, err = process.communicate(timeout=200)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def test_a_result_comes_back_as_if_local_and_names_the_board(board, tmp_path: Path) -> None:
    model = str(ASSETS / "digits_float32.onnx")
    data = ("--data", str(ASSETS / "digits_test.npz"), "--data-layout", "nhwc")
    arguments = ("bench", model, "-r", "onnxruntime", "--threads", "1", *QUICK, *HERE, *data)
    first = _run(board, *arguments, "--out", str(tmp_path), "--json", "-")
    assert first.returncode == 0, first.stderr
    document = json.loads(first.stdout)
    assert document["remote"]["host"] == "board"
    assert document["remote"]["edgeloop"] == edgeloop.__version__
    assert document["model"]["path"] == model
    assert document["accuracy"]["accuracy"] > 0.9
    assert "copying digits_float32.onnx to board" in first.stderr
    (stored,) = tmp_path.iterdir()
    result = read_result(str(stored))
    assert result.header["remote"]["host"] == "board"
    assert result.summary["summary"]["median_ns"] == document["summary"]["median_ns"]
    again = _run(board, *arguments, "--no-save")
    assert again.returncode == 0, again.stderr
    assert "copying" not in again.stderr
    assert ", board (" in again.stdout
    copies = list((board.cache / "edgeloop" / "models").iterdir())
    assert {len(one.name) for one in copies} == {64}
    assert {next(one.iterdir()).name for one in copies} == {
        "digits_float32.onnx",
        "digits_test.npz",
    }


def test_the_other_commands_run_there_too(board, tmp_path: Path) -> None:
    doctor = _run(board, "doctor", *HERE, "--json", "-")
    assert doctor.returncode == 0, doctor.stderr
    assert json.loads(doctor.stdout)["host"]["cpu"]
    overhead = _run(board, "overhead", "null", *QUICK, *HERE, "--no-save", "--json", "-")
    assert overhead.returncode == 0, overhead.stderr
    assert "overhead" in json.loads(overhead.stdout)
    chain = "null@null,multiplications=50000"
    compared = _run(
        board, "compare", chain, chain.replace("5", "7"), *QUICK, *HERE,
        "--out", str(tmp_path), "--json", "-",
    )  # fmt: skip
    assert compared.returncode == 0, compared.stderr
    document = json.loads(compared.stdout)
    # What the machine makes of it is not asserted: that is for benchmarks/.
    assert document["pairs"] >= document["count"] >= 3
    low, high = document["ratio_ci95"]
    assert low <= document["ratio"] <= high
    assert document["a_median_ns"] > 0
    assert document["b_median_ns"] > 0
    assert sorted(document["results"]) == sorted(map(str, tmp_path.iterdir()))
    assert all(
        read_result(path).header["remote"]["host"] == "board" for path in document["results"]
    )


def test_a_suite_runs_on_a_board(board, tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text(
        f'effort = "quick"\nbudget = 0.5\npython = "{sys.executable}"\nthreads = 1\n'
        '[matrix]\nmodels = ["null"]\nruntimes = ["null"]\nloops = ["native", "binding"]\n'
        '[[include]]\nmodel = "null"\nruntime = "null"\nset = { fail-at = 3 }\n'
    )
    out = tmp_path / "out"
    done = _run(board, "suite", str(suite), "--out", str(out), "--json", "-")
    assert done.returncode == 5, done.stderr
    rows = json.loads(done.stdout)["entries"]
    assert sorted(row["state"] for row in rows) == ["failed", "finished", "finished"]
    results = [read_result(str(path)) for path in out.glob("*.edgeloop.jsonl")]
    assert [result.header["remote"]["host"] for result in results] == ["board", "board"]
    assert "failed at run 3" in next(row["error"] for row in rows if row["state"] == "failed")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_five_models_in_three_runtimes_on_a_board(board, shared_data: Path, tmp_path: Path) -> None:
    """The suite of test_suite.py's slow test, on the other side of a network."""
    other = os.environ.get("EDGELOOP_TEST_TFLITE_RUNTIME_PYTHON")
    library = Path(os.environ.get("XDG_DATA_HOME", "")) / "edgeloop/lib/libtensorflowlite_c.so"
    if other is None or not library.is_file():
        pytest.skip("tflite-runtime's Python and the library of tflite-c are named by tests/run.sh")
    models = [
        "cifar10_resnet/pretrainedResnet.tflite",
        "cifar10_resnet/pretrainedResnet_quant.tflite",
        "imagenet_mobilenet/mobilenet_v2_1.0_224_quant.tflite",
        "coco_ssd/coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite",
        "toycar_autoencoder/ad01_fp32.tflite",
    ]
    suite = tmp_path / "suite.toml"
    suite.write_text(
        f'effort = "quick"\nbudget = 0.5\nrest-at-most = 0\npython = "{sys.executable}"\n'
        f"[matrix]\nmodels = {json.dumps([str(shared_data / name) for name in models])}\n"
        'runtimes = ["litert", "tflite", "tflite-runtime"]\nthreads = [1, 2]\n'
        'delegates = ["xnnpack", "none"]\n'
        f'[[runtime]]\nname = "tflite-runtime"\npython = "{other}"\n'
        f'[[runtime]]\nname = "tflite"\nlibrary = "{library}"\n'
    )
    out = tmp_path / "out"
    process = _start(board, "suite", str(suite), "--out", str(out), "--json", "-")
    said, errors = process.communicate(timeout=1000)
    assert process.returncode == 0, errors
    rows = json.loads(said)["entries"]
    assert [row["state"] for row in rows] == ["finished"] * 60
    hosts = {read_result(str(out / row["result"])).header["remote"]["host"] for row in rows}
    assert hosts == {"board"}


def _first_process_arrived(folder: Path, process: subprocess.Popen) -> Path:
    """Wait until a result has its header and one process."""
    deadline_s = time.monotonic() + 100
    while time.monotonic() < deadline_s and process.poll() is None:
        for path in folder.glob("*.edgeloop.jsonl"):
            if path.read_bytes().count(b"\n") >= 2:
                return path
        time.sleep(0.02)
    pytest.fail(f"no process arrived: {process.communicate(timeout=10)}")


def test_a_cut_connection_keeps_what_arrived_and_leaves_no_worker(board, tmp_path: Path) -> None:
    process = _start(board, *LONG, *HERE, "--out", str(tmp_path))
    path = _first_process_arrived(tmp_path, process)
    behind = board.cut()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 5
    assert "the connection to board was cut while measuring" in err
    result = read_result(str(path))
    assert result.summary["summary"]["stop_reason"] == "failed"
    assert result.summary["summary"]["processes"] >= 1
    assert behind
    deadline_s = time.monotonic() + 40
    while any(map(loopback_ssh.alive, behind)) and time.monotonic() < deadline_s:
        time.sleep(0.1)
    assert not [pid for pid in behind if loopback_ssh.alive(pid)]


def test_an_interruption_stops_the_board_and_keeps_what_was_measured(board, tmp_path: Path) -> None:
    # Run by hand it has a terminal's SIGINT; a background job of a script would ignore it.
    process = _start(board, *LONG, *HERE, "--out", str(tmp_path))
    path = _first_process_arrived(tmp_path, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    summary = read_result(str(path)).summary["summary"]
    assert summary["stop_reason"] in ("interrupted", "failed")
    assert summary["processes"] >= 1


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("nobody", "cannot be reached"),
        ("stranger", "refuses the key that ssh offers"),
        ("unknown", "has a host key that ssh does not know"),
    ],
)
def test_a_board_out_of_reach(board, host: str, words: str) -> None:
    done = _run(board, "bench", "null", "--no-save", host=host)
    assert done.returncode == 3
    assert words in done.stderr
    assert host in done.stderr
    assert done.stderr.count("\n") <= 1


@pytest.mark.parametrize("host", ["", "-oProxyCommand=false", "pi@board -v"])
def test_what_is_no_host(board, host: str) -> None:
    done = _run(board, "bench", "null", "--no-save", host=host)
    assert done.returncode == 2
    assert "is not a host" in done.stderr


OTHER_VERSION = """#!PYTHON
import json, struct, sys
text = json.dumps({"type": "hello", "edgeloop": "9.9.9"}).encode()
sys.stdout.buffer.write(b"\\n\\0edgeloop-agent\\0\\n" + struct.pack(">I", len(text)) + text)
"""
GREETING = """#!/bin/sh
echo "Welcome to the board"
exec PYTHON "$@"
"""
NO_EDGELOOP = """#!/bin/sh
exec PYTHON -I -S "$@"
"""
NO_ROOM = """#!/bin/sh
ulimit -f 8
exec PYTHON "$@"
"""
UNWRITABLE = """#!/bin/sh
XDG_CACHE_HOME=/proc/none exec PYTHON "$@"
"""


@pytest.mark.parametrize(
    ("program", "code", "words"),
    [
        (OTHER_VERSION, 3, "has edgeloop 9.9.9 under"),
        (NO_EDGELOOP, 3, "has no edgeloop; install it there"),
        (NO_ROOM, 6, "make room there"),
        (UNWRITABLE, 6, "which cannot be written"),
        ("#!/bin/sh\nexit 7\n", 3, "no agent starts under"),
    ],
)
def test_a_board_that_will_not_do(board, program: str, code: int, words: str) -> None:
    python = board.program("python-of-board", program)
    model = str(ASSETS / "digits_int8.onnx")
    done = _run(board, "bench", model, *QUICK, "--no-save", "--python", python)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    incoming = (board.cache / "edgeloop" / "models").glob(".incoming-*")
    assert not list(incoming)


def test_what_login_scripts_print_does_no_harm(board) -> None:
    python = board.program("python-with-greeting", GREETING)
    done = _run(board, "bench", "null", *QUICK, "--no-save", "--python", python)
    assert done.returncode == 0, done.stderr


def test_an_interpreter_that_is_not_there(board) -> None:
    done = _run(board, "bench", "null", "--no-save", "--python", "/none/python3")
    assert done.returncode == 3
    assert "board has no /none/python3" in done.stderr
