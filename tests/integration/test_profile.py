"""`edgeloop profile` with the real runtimes' own profilers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Optional

import pytest

import edgeloop
from edgeloop.errors import NotAvailableError
from edgeloop.runtimes import runtime

ASSETS = Path(edgeloop.__file__).parent / "demo" / "assets"
DIGITS = str(ASSETS / "digits_int8.tflite")
SHARED = {
    "mobilenet": "imagenet_mobilenet/mobilenet_v2_1.0_224_quant.tflite",
    "resnet8": "cifar10_resnet/pretrainedResnet.tflite",
    "resnet8-int8": "cifar10_resnet/pretrainedResnet_quant.tflite",
    "ssd": "coco_ssd/coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite",
    "autoencoder": "toycar_autoencoder/ad01_int8.tflite",
}
TFLITE_RUNTIMES = ("litert", "tflite", "tflite-runtime")
XNNPACK = "TfLiteXNNPackDelegate"


def python_of(name: str) -> Optional[str]:
    """Return the interpreter that has the runtime; skip where there is none."""
    if name == "tflite-runtime":
        path = os.environ.get("EDGELOOP_TEST_TFLITE_RUNTIME_PYTHON")
        if not path:
            pytest.skip("EDGELOOP_TEST_TFLITE_RUNTIME_PYTHON names no interpreter (tests/run.sh)")
        return path
    try:
        runtime(name).find(None)
    except NotAvailableError as error:
        pytest.skip(f"{name} is not here: {error}")
    return None


def profile(model: str, name: str, **options: Any) -> Any:
    return edgeloop.profile(
        model, name, python=python_of(name), threads=1, budget_s=0.5, **options
    ).document


def require_consistent(document: Any) -> None:
    """What must hold of any profile."""
    found = document["profile"]
    rows = found["operators"]
    top = [row for row in rows if row["inside"] is None]
    whole_ns = found["run"]["mean_ns"]
    assert found["run"]["share"] == 1.0
    # Every nanosecond of the mean run is an operator's or outside of them.
    parts_ns = sum(row["mean_ns"] for row in top) + found["outside"]["mean_ns"]
    assert parts_ns == pytest.approx(whole_ns, rel=1e-9)
    # The profilers that count whole microseconds may add up to a little more than the run.
    assert found["outside"]["mean_ns"] > -0.1 * whole_ns
    leaves_ns = sum(group["mean_ns"] for group in found["by_type"])
    assert leaves_ns <= sum(row["mean_ns"] for row in top) * (1 + 1e-9)
    for row in (*rows, *found["by_type"], found["run"]):
        low, high = row["mean_ci95_ns"]
        assert low <= row["mean_ns"] <= high
    for number, row in enumerate(rows):
        assert row["inside"] is None or row["inside"] < number
    low, high = found["slow_down"]["ratio_ci95"]
    assert low <= found["slow_down"]["ratio"] <= high
    assert found["slow_down"]["pairs"] >= 6


@pytest.mark.parametrize("delegate", ["xnnpack", "none"])
@pytest.mark.parametrize("name", TFLITE_RUNTIMES)
@pytest.mark.parametrize("key", [
    pytest.param(key, marks=() if key in ("resnet8-int8", "ssd") else pytest.mark.slow)
    for key in SHARED
])  # fmt: skip
def test_a_tflite_model_by_operator_and_partition(
    key: str, name: str, delegate: str, shared_data: Path
) -> None:
    document = profile(str(shared_data / SHARED[key]), name, delegate=delegate)
    require_consistent(document)
    rows = document["profile"]["operators"]
    placement = document["placement"]
    kernels = [row for row in rows if row["owner"] == "builtin"]
    partitions = [row for row in rows if row["operator"] == "partition"]
    # The profiler and the probe tell the same: each node once, each partition with its nodes.
    assert len(kernels) == placement["rest"]["nodes"]
    assert sorted({row["operator"] for row in kernels}) == sorted(placement["rest"]["operators"])
    assert len({(row["subgraph"], row["node"]) for row in kernels}) == len(kernels)
    assert all(row["name"] for row in kernels)
    if delegate == "none":
        assert partitions == []
        return
    (xnnpack,) = placement["delegates"]
    assert len(partitions) == xnnpack["partitions"]
    assert sum(len(row["nodes"]) for row in partitions) == xnnpack["nodes"]
    assert all(row["owner"] == XNNPACK for row in partitions)
    for number, row in enumerate(rows):
        if row["operator"] == "partition":
            inner = [one for one in rows if one["inside"] == number]
            assert inner, "XNNPACK tells of its operators"
            total_ns = sum(one["mean_ns"] for one in inner)
            assert total_ns == pytest.approx(row["mean_ns"], rel=1e-9)


@pytest.mark.parametrize("name", TFLITE_RUNTIMES)
def test_a_delegate_that_tells_nothing_is_one_partition(
    name: str, tiny: Any, tmp_path: Path, add_delegate: str
) -> None:
    model = tmp_path / "two.tflite"
    model.write_bytes(tiny.two_inputs())
    document = profile(str(model), name, delegate=[add_delegate, "none"])
    require_consistent(document)
    rows = {row["owner"]: row for row in document["profile"]["operators"]}
    assert rows["TestAddDelegate"]["operator"] == "partition"
    assert len(rows["TestAddDelegate"]["nodes"]) == 1
    assert rows["builtin"]["operator"] == "MUL"


def test_onnxruntime_by_node_and_provider(shared_data: Path) -> None:
    document = profile(
        str(shared_data / "imagenet_mobilenet" / "mobilenet_v2_quant.onnx"), "onnxruntime"
    )
    require_consistent(document)
    rows = document["profile"]["operators"]
    assert {row["owner"] for row in rows} == {"CPUExecutionProvider"}
    assert sum(row["operator"] == "QLinearConv" for row in rows) == 52
    assert len({row["name"] for row in rows}) == len(rows) == 70


@pytest.mark.filterwarnings(r"ignore:`torch\.jit:DeprecationWarning")  # the fixture's files
def test_torch_by_call(torch_files: Path) -> None:
    for file in ("traced.pt", "exported.pt2"):
        document = profile(str(torch_files / file), "torch", shapes={"": [1, 3, 8, 8]})
        require_consistent(document)
        operators = [row["operator"] for row in document["profile"]["operators"]]
        assert any("conv" in operator for operator in operators), operators


@pytest.mark.parametrize(("model", "name"), [
    (DIGITS, "litert"), (DIGITS, "tflite"),
    (str(ASSETS / "digits_float32.onnx"), "onnxruntime"),
])  # fmt: skip
def test_the_command(model: str, name: str, watched: Any, tmp_path: Path) -> None:
    python_of(name)
    library = runtime(name).find(None).library or ""
    json_file, trace_file = tmp_path / "profile.json", tmp_path / "trace.json"
    # `watched` sees to it that no process and no file of the profiler is left behind.
    done = watched(
        "profile", model, "--runtime", name, "--threads", "1", "--budget", "0.5", "--top", "3",
        "--json", str(json_file), "--trace", str(trace_file),
        environment={"EDGELOOP_TFLITE_LIBRARY": library}.items() if name == "tflite" else (),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for words in ("by type", "by node", "outside the operators", "as long (", "rows more (--top"):
        assert words in done.stdout
    document = json.loads(json_file.read_text())
    require_consistent(document)
    trace = json.loads(trace_file.read_text())
    spans = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert len(spans) == len(document["profile"]["operators"])
    assert all(span["ts"] >= 0 and span["dur"] >= 0 for span in spans)
    outer = [span for span, row in zip(spans, document["profile"]["operators"])
             if row["inside"] is None]  # fmt: skip
    for span, after in zip(outer, outer[1:]):
        # Rounded down to whole microseconds, an end may lie one after the next beginning.
        assert span["ts"] + span["dur"] <= after["ts"] + 1.001


def test_what_has_no_profiler_says_so(command_line: Any, plugins: Any) -> None:
    done = command_line("profile", "null")
    assert done.returncode == 3
    assert "null cannot tell the time of an operator" in done.stderr
    command_line.environment["EDGELOOP_PLUGIN_ACT"] = "least table"
    plugin = f"plugin={plugins.build('misbehaving_engine')}"
    done = command_line("profile", str(plugins.model), "--runtime", plugin, "--budget", "0.5")
    assert done.returncode == 3
    assert "the plugin cannot report the time of a layer" in done.stderr


def test_a_plugin_by_layer(plugins: Any) -> None:
    found = edgeloop.profile(
        plugins.model, f"plugin={plugins.build('scale_engine')}", threads=1, budget_s=0.5
    )
    require_consistent(found.document)
    assert [(row["operator"], row["owner"]) for row in found.operators] == [
        ("scale", "the plugin"),
        ("nothing", "the plugin"),
    ]


def test_require_delegate_fails_after_the_profile_is_shown(command_line: Any) -> None:
    python_of("litert")
    common = ["profile", DIGITS, "--runtime", "litert", "--threads", "1", "--budget", "0.5"]
    done = command_line(*common, "--require-delegate", "50%")
    assert done.returncode == 0, done.stderr
    refused = command_line(*common, "--require-delegate", "100%")
    assert refused.returncode == (0 if "100 % of the multiply" in done.stdout else 1)
    assert "by type" in refused.stdout


def test_a_file_that_cannot_be_written_fails_before_the_profile(command_line: Any) -> None:
    done = command_line("profile", DIGITS, "--trace", "/no/such/folder/trace.json")
    assert done.returncode == 6
    assert "--trace /no/such/folder/trace.json" in done.stderr
