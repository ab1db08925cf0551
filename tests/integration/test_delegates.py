"""External delegates and providers in every host, with delegates that misbehave as they are told.

The plugins are compiled here, from tests/plugins.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeloop.errors import EdgeloopError, NotAvailableError, RuntimeFailedError
from edgeloop.runtimes import runtime
from edgeloop.worker.client import WorkerClient
from edgeloop.worker.requests import Load, Outputs

HOSTS = ["tflite", "litert", "tflite-runtime"]
HOSTS_AND_LOOPS = [
    (host, loop)
    for host in HOSTS
    for loop in ("native", "binding", "callable", "framework", "framework-io")
    if host != "tflite" or loop in ("native", "binding")
]
WORDS = "words of the plugin"


@pytest.fixture
def plugin(add_delegate):
    return add_delegate


@pytest.fixture(scope="session")
def model(tiny, tmp_path_factory):
    """One ADD and one MUL of the same two inputs."""
    path = tmp_path_factory.mktemp("model") / "two.tflite"
    path.write_bytes(tiny.two_inputs())
    return str(path)


@pytest.fixture
def host(request):
    """Start workers that have loaded a model with delegates in the host that is asked for."""
    workers = []

    def load(name, loop, model, *delegates):
        python = sys.executable
        if name == "tflite-runtime":
            python = request.getfixturevalue("tflite_runtime_python")
        else:
            try:
                runtime(name).find()
            except NotAvailableError as error:
                pytest.skip(str(error))
        worker = WorkerClient(python, 60.0)
        workers.append(worker)
        options = {"model": model, "delegates": list(delegates)}
        loaded = worker.request(Load(name, options, [loop]), "loading the model").body
        answer = worker.request(Outputs(loop), "running the model")
        arrays = [
            np.frombuffer(frame, dtype=spec["dtype"]).reshape(spec["shape"])
            for spec, frame in zip(answer.body["outputs"], answer.frames)
        ]
        return arrays, loaded, worker

    yield load
    for worker in workers:
        worker.close()


def claimed(loaded):
    return {part["delegate"] or part["owner"]: part["nodes"] for part in loaded["placement"]}


@pytest.mark.parametrize(("name", "loop"), HOSTS_AND_LOOPS)
def test_the_delegate_runs_and_says_what_it_took(host, model, plugin, name, loop):
    plain, without, _ = host(name, loop, model)
    if without["placement"] is not None:  # a CompiledModel does not tell in Python
        assert "libadd_delegate.so" not in claimed(without)
    delegated, loaded, worker = host(name, loop, model, f"{plugin}:offset=1000;log={WORDS}")
    np.testing.assert_allclose(delegated[0], plain[0] + 1000, rtol=1e-6)
    np.testing.assert_array_equal(delegated[1], plain[1])
    assert claimed(loaded) == {"libadd_delegate.so": 1, "builtin": 1}
    assert loaded["placement"][0]["owner"] == "TestAddDelegate"
    assert loaded["delegate_libraries"][0][:2] == ["libadd_delegate.so", plugin]
    worker.said()
    assert WORDS in worker.log.text()


@pytest.mark.parametrize("name", ["tflite", "tflite-runtime"])
def test_xnnpack_takes_the_rest(host, model, plugin, name):
    _, loaded, _ = host(name, "native", model, plugin, "xnnpack")
    owners = [(part["owner"], part["nodes"]) for part in loaded["placement"]]
    assert sorted(owners) == [("TestAddDelegate", 1), ("TfLiteXNNPackDelegate", 1)]


@pytest.mark.parametrize("name", HOSTS)
def test_the_first_of_two_delegates_claims_first(host, model, plugin, name):
    _, loaded, _ = host(name, "native", model, f"one={plugin}:offset=1", f"two={plugin}")
    assert claimed(loaded) == {"one": 1, "builtin": 1}


@pytest.mark.parametrize(
    ("name", "loop"), [pair for pair in HOSTS_AND_LOOPS if pair[1] != "binding"]
)
def test_a_delegate_that_claims_nothing_changes_nothing(host, model, plugin, name, loop):
    plain, _, _ = host(name, loop, model)
    outputs, loaded, _ = host(name, loop, model, f"{plugin}:mode=none,offset=1000")
    assert claimed(loaded) == {"builtin": 2}
    for left, right in zip(plain, outputs):
        np.testing.assert_array_equal(left, right)


FAULTS = {
    "create": (NotAvailableError, "cannot be made, as it was told"),
    "create-silent": (NotAvailableError, "gave no reason"),
    "prepare": (RuntimeFailedError, "libadd_delegate.so"),
    "kernel": (RuntimeFailedError, "libadd_delegate.so"),
    "invoke": (RuntimeFailedError, ""),
    "crash": (RuntimeFailedError, "SIGABRT.*crashes as it was told"),
    "crash-invoke": (RuntimeFailedError, "SIGABRT"),
}


@pytest.mark.parametrize("mode", FAULTS)
@pytest.mark.parametrize(
    ("name", "loop"), [pair for pair in HOSTS_AND_LOOPS if pair[1] in ("native", "framework")]
)
def test_faults(host, model, plugin, name, loop, mode):
    kind, words = FAULTS[mode]
    with pytest.raises(kind, match=words or None):
        host(name, loop, model, f"{plugin}:mode={mode}")


@pytest.mark.parametrize("name", HOSTS)
def test_libraries_that_are_no_delegates(host, model, plugin, edgetpu_stub, tmp_path, name):
    elf = bytearray(Path(plugin).read_bytes())
    elf[18] = 0xF3  # e_machine: RISC-V
    (tmp_path / "foreign.so").write_bytes(elf)
    (tmp_path / "text.so").write_text("no library")
    other = tmp_path / "other.so"
    source = tmp_path / "other.c"
    source.write_text("int other(void) { return 0; }\n")
    subprocess.run(["cc", "-shared", "-fPIC", str(source), "-o", str(other)], check=True)
    cases = {
        str(tmp_path / "nosuch.so"): "does not exist",
        str(tmp_path / "text.so"): "cannot load the library .*text.so",
        str(tmp_path / "foreign.so"): "cannot load the library .*built for this machine",
        str(other): "is not a TFLite delegate: it has no symbol tflite_plugin_create_delegate",
        f"{plugin}:bogus=1": "with bogus=1: unknown option 'bogus'$",
        f"edgetpu={edgetpu_stub}": "no Edge TPU found.*USB 3.*udev",
    }
    for delegate, words in cases.items():
        with pytest.raises(NotAvailableError, match=words):
            host(name, "native", model, delegate)


def test_named_delegates_say_what_to_install(host, model, monkeypatch, tmp_path):
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    for name in ("armnn", "edgetpu"):
        with pytest.raises(EdgeloopError, match=f"the delegate {name} needs lib") as caught:
            host("tflite", "native", model, name)
        assert caught.value.exit_code == 3


def test_armnn_gets_its_defaults(tmp_path, monkeypatch):
    from edgeloop.runtimes._external_delegates import described_delegates
    from edgeloop.spec.load import LoadOptions

    (tmp_path / "libarmnnDelegate.so").touch()
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    path = str(tmp_path / "libarmnnDelegate.so")
    for text in ("armnn", f"armnn={tmp_path}", f"armnn={path}"):
        options = LoadOptions(model="m", threads=3, delegates=(text,))
        ((name, library, given),) = described_delegates(options)
        assert (name, library) == ("armnn", path)
        assert dict(given) == {"backends": "CpuAcc,CpuRef", "number-of-threads": "3"}
    options = LoadOptions(model="m", delegates=("armnn:backends=CpuRef",))
    assert dict(described_delegates(options)[0][2]) == {"backends": "CpuRef"}


def test_bench_shows_and_requires(command_line, model, plugin, tmp_path):
    try:
        runtime("tflite").find()
    except NotAvailableError as error:
        pytest.skip(str(error))
    # The workers find the library where this process does.
    command_line.environment["EDGELOOP_TFLITE_LIBRARY"] = runtime("tflite").find().library
    common = ["bench", model, "-r", "tflite", "--runs", "20", "--threads", "1"]
    document = tmp_path / "result.json"
    done = command_line(
        *common, "--delegate", f"{plugin}:log={WORDS}", "--require-delegate", "50%",
        "--json", str(document),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "libadd_delegate.so ran " in done.stdout
    assert f"{WORDS} (created)" not in done.stdout + done.stderr
    result = json.loads(document.read_text())
    assert f"{WORDS} (created)" in result["invocations"][0]["log"]
    assert result["placement"]["delegates"][0]["share_nodes"] == 0.5
    assert result["runtime"]["delegate_libraries"][0]["path"] == plugin

    silent = command_line(
        *common, "--delegate", f"{plugin}:mode=none", "--require-delegate", "any",
        "--json", str(document),
    )  # fmt: skip
    assert silent.returncode == 1
    assert "took none of the 2 nodes" in silent.stderr
    assert "warning: libadd_delegate.so took none of the 2 nodes" in silent.stdout
    assert json.loads(document.read_text())["placement"]["delegates"][0]["nodes"] == 0

    crashed = command_line(*common, "--delegate", f"{plugin}:mode=crash")
    assert crashed.returncode == 5
    assert "SIGABRT" in crashed.stderr
    assert "crashes as it was told" in crashed.stderr


def test_an_edgetpu_model(command_line, shared_data, edgetpu_stub):
    path = str(shared_data / "imagenet_mobilenet" / "mobilenet_v2_1.0_224_quant_edgetpu.tflite")
    command_line.environment["LD_LIBRARY_PATH"] = ""
    for delegate, code, words in (
        (None, 2, "runs with that device"),
        ("none", 2, "runs with that device"),
        (f"edgetpu={edgetpu_stub}", 3, "no Edge TPU found"),
        ("edgetpu", 3, "libedgetpu"),
    ):
        asked = [] if delegate is None else ["--delegate", delegate]
        done = command_line("bench", path, "--runs", "1", *asked)
        assert (done.returncode, words in done.stderr) == (code, True), done.stderr


@pytest.mark.parametrize("loop", ["native", "framework"])
def test_providers(command_line, loop, tmp_path):
    ort = pytest.importorskip("onnxruntime", reason="pip install onnxruntime")
    if "AzureExecutionProvider" not in ort.get_available_providers():
        pytest.skip("this onnxruntime has no provider that takes no node")
    assets = Path(__file__).parents[2] / "python" / "edgeloop" / "demo" / "assets"
    model = assets / "digits_float32.onnx"
    document = tmp_path / "result.json"
    common = ["bench", str(model), "--loops", loop, "--runs", "20", "--threads", "1"]

    unknown = command_line(*common, "--provider", "cuda")
    assert unknown.returncode == 3
    assert "no provider 'CUDAExecutionProvider'; it has " in unknown.stderr
    assert "CPUExecutionProvider" in unknown.stderr

    idle = command_line(*common, "--provider", "azure", "--json", str(document))
    assert idle.returncode == 0, idle.stderr
    result = json.loads(document.read_text())
    assert result["runtime"]["provider"] == "AzureExecutionProvider, CPUExecutionProvider"
    placement = result["placement"]
    assert placement["delegates"][0]["nodes"] == 0
    assert placement["rest"]["nodes"] == placement["nodes"] > 0
    assert sum(placement["rest"]["operators"].values()) == placement["nodes"]
    assert "warning: AzureExecutionProvider took none" in idle.stdout

    for share in ("any", "1"):
        refused = command_line(*common, "--provider", "azure", "--require-delegate", share)
        assert (refused.returncode, "--require-delegate" in refused.stderr) == (1, True)

    cpu = command_line(*common, "--provider", "cpu", "--require-delegate", "1")
    assert cpu.returncode == 0, cpu.stderr
