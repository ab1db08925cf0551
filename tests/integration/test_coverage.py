"""What results say of who ran which node, against what the runtimes themselves say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgeloop.errors import NotAvailableError
from edgeloop.runtimes import runtime

SHARED = {
    "mobilenet": "imagenet_mobilenet/mobilenet_v2_1.0_224_quant.tflite",
    "resnet8": "cifar10_resnet/pretrainedResnet.tflite",
    "resnet8-int8": "cifar10_resnet/pretrainedResnet_quant.tflite",
    "ssd": "coco_ssd/coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite",
    "autoencoder": "toycar_autoencoder/ad01_fp32.tflite",
    "autoencoder-int8": "toycar_autoencoder/ad01_int8.tflite",
}

# Asks the package's own classic interpreter: which operators its plan still runs itself, and how
# many nodes stand for a delegate's.
ASK = """
import json, sys
from importlib import import_module
package = import_module(sys.argv[1])
kinds = package.OpResolverType
interpreter = package.Interpreter(
    model_path=sys.argv[2],
    experimental_op_resolver_type=kinds.AUTO
    if sys.argv[3] == "xnnpack" else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
)
interpreter.allocate_tensors()
operators = [detail["op_name"] for detail in interpreter._get_ops_details()]
print("ANSWER" + json.dumps(operators))
"""


def own_words(python: str, package: str, model: Path, delegate: str) -> list[str]:
    done = subprocess.run(
        [python, "-c", ASK, package, str(model), delegate],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return list(json.loads(done.stdout.partition("ANSWER")[2]))


def coverage(command_line: Any, model: Path, name: str, delegate: str, *more: str) -> Any:
    done = command_line(
        "inspect", str(model), "--runtime", name, "--delegate", delegate, "--threads", "1",
        "--json", "-", *more,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["coverage"]


@pytest.fixture
def tflite_library(command_line: Any) -> None:
    try:
        found = runtime("tflite").find().library
    except NotAvailableError as error:
        pytest.skip(str(error))
    command_line.environment["EDGELOOP_TFLITE_LIBRARY"] = found


@pytest.mark.parametrize("key", SHARED)
def test_litert_says_the_same(key: str, shared_data: Path, command_line: Any) -> None:
    pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")
    model = shared_data / SHARED[key]
    for delegate in ("xnnpack", "none"):
        placement = coverage(command_line, model, "litert", delegate)["placement"]
        said = own_words(sys.executable, "ai_edge_litert.interpreter", model, delegate)
        require_the_same(placement, said, delegate)


@pytest.mark.parametrize("key", SHARED)
def test_tflite_runtime_says_the_same(
    key: str, shared_data: Path, command_line: Any, tflite_runtime_python: str
) -> None:
    model = shared_data / SHARED[key]
    for delegate in ("xnnpack", "none"):
        found = coverage(
            command_line, model, "tflite-runtime", delegate, "--python", tflite_runtime_python
        )
        said = own_words(tflite_runtime_python, "tflite_runtime.interpreter", model, delegate)
        require_the_same(found["placement"], said, delegate)
        # tflite-runtime 2.14 delegates no quantised node to XNNPACK: to be said, not to be hidden.
        if delegate == "xnnpack" and ("int8" in key or key in ("mobilenet", "ssd")):
            assert found["placement"]["delegates"][0]["macs"] == 0
            assert found["warnings"][0]["code"] in ("delegate-unused", "delegate-useless")


def require_the_same(placement: Any, said: list[str], delegate: str) -> None:
    """The interpreter's list keeps the nodes that were replaced and adds one per partition."""
    partitions = said.count("DELEGATE")
    originals = [name for name in said if name != "DELEGATE"]
    assert placement["nodes"] == len(originals)
    if delegate == "none":
        assert partitions == 0
        assert placement["delegates"] == []
        assert placement["rest"]["nodes"] == len(originals)
        return
    (xnnpack,) = placement["delegates"]
    assert xnnpack["partitions"] == partitions
    assert xnnpack["nodes"] + placement["rest"]["nodes"] == len(originals)
    names = set(originals)
    for name, count in placement["rest"]["operators"].items():
        assert name in names or name == "TFLite_Detection_PostProcess"
        assert 0 < count <= max(originals.count(name), 1)


@pytest.mark.usefixtures("tflite_library")
@pytest.mark.parametrize(("key", "left"), [
    # Read off the library's own plan once: what XNNPACK of TensorFlow Lite 2.17 leaves.
    ("resnet8", {}),
    ("resnet8-int8", {"AVERAGE_POOL_2D": 1, "SOFTMAX": 1}),
    ("autoencoder", {}),
    ("autoencoder-int8", {}),
])  # fmt: skip
def test_tflite_with_xnnpack(key: str, left: Any, shared_data: Path, command_line: Any) -> None:
    model = shared_data / SHARED[key]
    placement = coverage(command_line, model, "tflite", "xnnpack")["placement"]
    assert placement["rest"]["operators"] == left
    assert placement["delegates"][0]["share_macs"] == 1.0
    plain = coverage(command_line, model, "tflite", "none")["placement"]
    assert plain["delegates"] == []
    assert plain["rest"]["nodes"] == placement["nodes"]


def test_the_share_is_that_of_the_multiply_accumulates(
    shared_data: Path, command_line: Any
) -> None:
    pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")
    model = shared_data / SHARED["ssd"]
    found = coverage(command_line, model, "litert", "xnnpack")
    import edgeloop

    assert found["placement"]["macs"] == edgeloop.inspect(model).macs
    rest = found["placement"]["rest"]
    assert (rest["macs"], rest["operators"]) == (
        0, {"CONCATENATION": 2, "TFLite_Detection_PostProcess": 1},
    )  # fmt: skip


def test_onnxruntime_says_the_same(shared_data: Path, command_line: Any) -> None:
    ort = pytest.importorskip("onnxruntime", reason="pip install onnxruntime")
    if "AzureExecutionProvider" not in ort.get_available_providers():
        pytest.skip("this onnxruntime has no provider that takes no node")
    model = shared_data / "imagenet_mobilenet" / "mobilenet_v2_quant.onnx"
    options = ort.SessionOptions()
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    own = session.get_provider_graph_assignment_info()
    nodes = sum(len(part.get_nodes()) for part in own)

    done = command_line("inspect", str(model), "--provider", "cpu", "--json", "-")
    placement = json.loads(done.stdout)["coverage"]["placement"]
    assert placement["nodes"] == placement["delegates"][0]["nodes"] == nodes > 0
    assert placement["rest"]["nodes"] == 0

    idle = command_line("inspect", str(model), "--provider", "azure", "--require-delegate", "any")
    assert idle.returncode == 1
    assert "AzureExecutionProvider: NONE of the" in idle.stdout
    assert "warning: AzureExecutionProvider took none" in idle.stdout
    assert "--require-delegate any" in idle.stderr


def test_inspect_with_a_delegate(
    command_line: Any, tiny: Any, tmp_path: Path, add_delegate: str, tflite_library: None
) -> None:
    model = tmp_path / "two.tflite"
    model.write_bytes(tiny.two_inputs())
    words = "MUL: not supported by the test delegate"
    common = ["inspect", str(model), "--runtime", "tflite", "--delegate", "none"]
    took = command_line(*common, "--delegate", f"{add_delegate}:log={words}",
                        "--require-delegate", "50%")  # fmt: skip
    assert took.returncode == 0, took.stderr
    assert "libadd_delegate.so (TestAddDelegate): 1 of 2 nodes in 1 partition" in took.stdout
    assert "the library's built-in kernels: 1 nodes: MUL 1" in took.stdout
    assert f"it said: {words} (prepare)" in took.stdout
    assert "operators" in took.stdout  # the model itself is described as ever

    refused = command_line(*common, "--delegate", add_delegate, "--require-delegate", "90%")
    assert refused.returncode == 1
    assert "took 50 % of the nodes" in refused.stderr
    nothing = command_line(*common, "--delegate", f"{add_delegate}:mode=none")
    assert nothing.returncode == 0
    assert "NONE of the 2 nodes" in nothing.stdout
    assert "warning: libadd_delegate.so took none of the 2 nodes" in nothing.stdout
    crashed = command_line(*common, "--delegate", f"{add_delegate}:mode=crash")
    assert crashed.returncode == 5
    assert "SIGABRT" in crashed.stderr


def test_an_edgetpu_model_is_described_and_asks_for_its_device(
    command_line: Any, shared_data: Path, edgetpu_stub: str
) -> None:
    path = str(shared_data / "imagenet_mobilenet" / "mobilenet_v2_1.0_224_quant_edgetpu.tflite")
    done = command_line("inspect", path)
    assert done.returncode == 0, done.stderr
    for words in ("edgetpu-custom-op", "runs with that device", "edgetpu cached parameter bytes"):
        assert words in done.stdout, words
    asked = command_line("inspect", path, "--delegate", f"edgetpu={edgetpu_stub}")
    assert asked.returncode == 3
    assert "no Edge TPU found" in asked.stderr
