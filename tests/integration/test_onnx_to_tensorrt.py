"""Plans from ONNX by the stand-in of the tensorrt package, and by a trtexec of our own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

_TRTEXEC = """#!{python}
import sys
if "--help" in sys.argv:
    print("--onnx --saveEngine --minShapes {flags}")
    sys.exit()
options = dict(word.lstrip("-").partition("=")[::2] for word in sys.argv[1:])
if "broken" in options["onnx"]:
    print("[11/25/2026-12:00:00] [E] [TRT] no importer for Wings\\n&&&& FAILED")
    sys.exit(1)
print("Layers Running on DLA:\\n[DLA] Layer(DLA): a\\nLayers Running on GPU:\\n[GPU] Layer: b")
words = " ".join(sys.argv[1:])
open(options["saveEngine"], "wb").write(b"ftrt" + bytes(20) + bytes((10, 3, 0, 0)) + (
    "gpu Fake Orin\\ninput x float32 1x4\\noutput y float32 1x4\\nnote " + words + "\\nend\\n"
).encode())
"""


def network(path: Path, operators: list[str], batch: Any = "N", name: str = "only") -> Path:
    """Write a chain of operators without attributes from x to y, N x 4."""
    onnx = pytest.importorskip("onnx", reason="pip install onnx: models made on the fly")
    value, helper = onnx.helper.make_tensor_value_info, onnx.helper
    names = ["x", *(f"t{i}" for i in range(len(operators) - 1)), "y"]
    symmetric = [
        helper.make_tensor("scale", onnx.TensorProto.FLOAT, [], [1.0 / 32]),
        helper.make_tensor("zero", onnx.TensorProto.INT8, [], [0]),
    ]
    nodes = [
        helper.make_node(
            operator,
            [names[i], "scale", "zero"] if "uantize" in operator else [names[i]],
            [names[i + 1]],
            name=name if i == len(operators) - 1 else operator,
            domain="wings" if operator == "Wings" else "",
            **({"to": onnx.TensorProto.FLOAT} if operator == "Cast" else {}),
        )
        for i, operator in enumerate(operators)
    ]
    graph = helper.make_graph(
        nodes,
        "chain",
        [value("x", onnx.TensorProto.FLOAT, [batch, 4])],
        [value("y", onnx.TensorProto.FLOAT, [batch, 4])],
        symmetric if any("uantize" in operator for operator in operators) else [],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("wings", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


class Builder:
    """`edgeloop convert --to tensorrt` on a machine with the fake TensorRT."""

    def __init__(self, fake: Any, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, **fake.environment}

    def __call__(
        self, model: Path, *arguments: str, **changes: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "edgeloop", "convert", str(model), "--to", "tensorrt",
             *arguments],
            env={**self.environment, **changes}, cwd=self.folder,
            capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip

    def report(self, model: Path, *arguments: str, **changes: str) -> dict[str, Any]:
        done = self(model, *arguments, "--json", "-", **changes)
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document


@pytest.fixture
def builder(fake_tensorrt: Any, tmp_path: Path) -> Builder:
    return Builder(fake_tensorrt, tmp_path)


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    return network(tmp_path / "identity.onnx", ["Identity"])


def settings(*texts: str) -> list[str]:
    return [word for text in texts for word in ("--builder", text)]


def refused(done: Any, code: int, *words: str) -> None:
    assert done.returncode == code, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    (sentence,) = (line for line in done.stderr.splitlines() if line.startswith("edgeloop: "))
    for word in words:
        assert word in sentence


def test_a_plan_is_built_verified_and_runs(builder: Builder, identity: Path) -> None:
    cache = builder.folder / "timing.cache"
    report = builder.report(
        identity, "--batch-size", "2",
        *settings("precision=fp16", "workspace=256", "timing-cache=timing.cache"),
    )  # fmt: skip
    plan = Path(report["path"]).read_text("utf-8", "replace")
    assert report["format"] == "tensorrt"
    assert report["precision"] == "fp16"
    assert report["verification"]["passed"] is True
    assert report["verification"]["samples"] >= 8
    assert "input x float32 2x4" in plan
    assert "note flag FP16" in plan
    assert f"note workspace {256 << 20}" in plan
    assert "note explicit-batch 0" in plan
    assert cache.read_bytes() == b"timed "
    assert "built by TensorRT 10.3.0" in report["steps"][0]["notes"]
    again = builder.report(identity, "--force", *settings("timing-cache=timing.cache"))
    assert cache.read_bytes() == b"timed timed "
    assert again["precision"] == "fp32"


def test_a_layer_that_the_dla_does_not_take_is_told(builder: Builder, tmp_path: Path) -> None:
    model = network(tmp_path / "two.onnx", ["Identity", "Identity"], name="left")
    report = builder.report(model, *settings("dla-core=0"))
    (note,) = (n for n in report["steps"][0]["notes"] if "DLA" in n)
    assert note.startswith("DLA core 0 takes 1 of 2 layers; the GPU runs left (")
    plan = Path(report["path"]).read_text("utf-8", "replace")
    assert "note flag GPU_FALLBACK" in plan
    assert "note dla 0 DLA" in plan
    refused(
        builder(model, "--force", *settings("dla-core=1")), 3, "no DLA core 1: this device has 1"
    )


def test_int8_by_the_models_own_nodes(builder: Builder, tmp_path: Path) -> None:
    model = network(tmp_path / "qdq.onnx", ["QuantizeLinear", "DequantizeLinear"])
    report = builder.report(model, *settings("precision=int8"))
    assert "int8: by the 1 quantisation nodes of the model" in report["steps"][0]["notes"]
    assert "note flag INT8" in Path(report["path"]).read_text("utf-8", "replace")


def test_int8_by_calibration(builder: Builder, identity: Path, tmp_path: Path) -> None:
    refused(builder(identity, *settings("precision=int8")), 4, "symmetric Q/DQ nodes")
    np.savez(tmp_path / "data.npz", x_data=np.ones((3, 4), np.float32))
    given = settings("precision=int8", "calibration=data.npz")
    report = builder.report(identity, *given)
    assert "note batches 3" in Path(report["path"]).read_text("utf-8", "replace")
    done = builder(identity, "--force", *given, EDGELOOP_FAKE_TENSORRT_VERSION="11.1.0")
    refused(done, 3, "TensorRT 11.1.0 no longer has a calibrator")


def test_version_11_takes_the_types_of_the_model(
    builder: Builder, identity: Path, tmp_path: Path
) -> None:
    new = {"EDGELOOP_FAKE_TENSORRT_VERSION": "11.1.0"}
    done = builder(identity, *settings("precision=fp16"), **new)
    refused(done, 3, "takes the types of the model and this one has no float16")
    half = network(tmp_path / "half.onnx", ["Cast"])
    report = builder.report(half, *settings("precision=fp16"), **new)
    assert "fp16: 1 of 1 layers are float16 in the model" in report["steps"][0]["notes"]


def test_version_8_2_has_other_words_for_the_same(builder: Builder, identity: Path) -> None:
    old = {"EDGELOOP_FAKE_TENSORRT_VERSION": "8.2.1"}
    report = builder.report(identity, *settings("workspace=16", "precision=fp16"), **old)
    plan = Path(report["path"]).read_text("utf-8", "replace")
    assert "note explicit-batch 1" in plan
    assert f"note workspace {16 << 20}" in plan


@pytest.mark.parametrize(
    ("setting", "code", "words"),
    [
        ("precision=int4", 2, "precision=int4 is not one of fp32, fp16, int8"),
        ("workspace=much", 2, "workspace=much is not a whole number of at least 1"),
        ("wings=2", 2, "'wings'"),
        ("calibration=x.npz", 2, "calibration=FILE is for precision=int8"),
    ],
)
def test_a_setting_that_is_wrong(
    setting: str, code: int, words: str, builder: Builder, identity: Path
) -> None:
    refused(builder(identity, *settings(setting)), code, words)


def test_what_tensorrt_refuses_is_told_in_its_words(builder: Builder, tmp_path: Path) -> None:
    model = network(tmp_path / "wings.onnx", ["Wings"])
    refused(builder(model), 4, "No importer registered for op: Wings")
    model = network(tmp_path / "impossible.onnx", ["Identity"], name="impossible")
    refused(builder(model), 4, "no implementation for node impossible")
    assert not list(tmp_path.glob("*.engine"))


def test_without_tensorrt_the_requirements_are_named(builder: Builder, identity: Path) -> None:
    bare = {"PYTHONPATH": "", "TENSORRT_ROOT": ""}
    done = builder(identity, **bare)
    refused(done, 3, "onnx to tensorrt needs TensorRT's builder", "lacks tensorrt", "trtexec")
    planned = builder(identity, "--plan", **bare)
    assert planned.returncode == 0
    assert "/usr/src/tensorrt/bin/trtexec" in planned.stdout
    other = builder(identity, "--builder", "precision=fp16", "--via", "direct", **bare)
    refused(other, 3, "trtexec")


@pytest.fixture
def trtexec(builder: Builder, tmp_path: Path) -> Any:
    """A function that puts a trtexec with some flags on PATH, and takes the package away."""

    def put(flags: str) -> dict[str, str]:
        program = tmp_path / "bin" / "trtexec"
        program.parent.mkdir(exist_ok=True)
        program.write_text(_TRTEXEC.format(python=sys.executable, flags=flags), encoding="utf-8")
        program.chmod(0o755)
        return {"PYTHONPATH": "", "PATH": f"{program.parent}:{builder.environment['PATH']}"}

    return put


def test_trtexec_builds_with_the_flags_that_it_has(
    builder: Builder, identity: Path, trtexec: Any
) -> None:
    new = trtexec("--fp16 --memPoolSize --skipInference")
    report = builder.report(
        identity, "--shape", "x=1x4", *settings("precision=fp16", "workspace=64", "dla-core=0"),
        **new,
    )  # fmt: skip
    plan = Path(report["path"]).read_text("utf-8", "replace")
    for flag in (
        "--fp16",
        "--memPoolSize=workspace:64",
        "--skipInference",
        "--minShapes=x:1x4",
        "--optShapes=x:1x4",
        "--maxShapes=x:1x4",
        "--useDLACore=0",
        "--allowGPUFallback",
    ):
        assert flag in plan, flag  # fmt: skip
    notes = report["steps"][0]["notes"]
    assert "DLA core 0 runs 1 groups of layers, the GPU 1" in notes
    old = trtexec("--fp16 --workspace --buildOnly")
    report = builder.report(identity, "--force", *settings("workspace=64"), **old)
    plan = Path(report["path"]).read_text("utf-8", "replace")
    assert "--workspace=64" in plan
    assert "--buildOnly" in plan


def test_trtexec_is_not_asked_for_what_it_cannot_do(
    builder: Builder, identity: Path, trtexec: Any
) -> None:
    bare = trtexec("")
    refused(builder(identity, *settings("precision=fp16"), **bare), 3, "has no --fp16")
    refused(builder(identity, *settings("precision=int8"), **bare), 4, "has no Q/DQ nodes")
    refused(builder(identity, "--batch-size", "2", **bare), 2, "--shape NAME=")
    refused(builder(identity, "--shape", "1x4", **bare), 2, "needs the name of the input")
    broken = network(identity.parent / "broken.onnx", ["Identity"])
    refused(builder(broken, **bare), 4, "[TRT] no importer for Wings")
