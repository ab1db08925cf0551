"""ONNX Runtime's providers in libraries of their own: one of ours, OpenVINO's, and broken ones."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pytest

from edgeloop.demo import ASSETS
from edgeloop.errors import EdgeloopError, NotAvailableError, UsageError
from edgeloop.runtimes import _onnx_plugins as plugins
from edgeloop.runtimes import runtime
from edgeloop.spec.delegates import parse_provider
from edgeloop.spec.load import LoadOptions

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
ort = pytest.importorskip("onnxruntime", reason="pip install onnxruntime")
if not hasattr(ort, "register_execution_provider_library"):
    pytest.skip("this ONNX Runtime takes no provider from a library", allow_module_level=True)

SOURCES = Path(__file__).parents[1] / "plugins"
MODEL = str(ASSETS / "digits_float32.onnx")
RUNTIME = runtime("onnxruntime")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A function that compiles a provider of tests/plugins and returns its path."""
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler was found: apt install g++")
    folder = tmp_path_factory.mktemp("providers")

    def compiled(name: str) -> str:
        library = folder / f"{name}.so"
        if not library.exists():
            command = [compiler, "-std=c++14", "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC"]
            command += ["-shared", str(SOURCES / f"{name}.cpp"), "-o", str(library), "-ldl"]
            subprocess.run(command, check=True)
        return str(library)

    return compiled


@pytest.fixture
def relu(build: Any) -> str:
    """The provider that runs every Relu, with the option slope for what is negative."""
    return str(build("relu_provider"))


def _images() -> Any:
    with np.load(ASSETS / "digits_test.npz") as arrays:
        return arrays["x_data"][:1].astype(np.float32).transpose(0, 3, 1, 2).copy()


def _outputs(loop: str, provider: Optional[str]) -> tuple[Any, Any]:
    """Return the logits of one image, and who ran which node."""
    given = () if provider is None else (parse_provider(provider),)
    options = LoadOptions(MODEL, providers=given, delegates=(), probe=True)
    if loop == "framework":
        framework = RUNTIME.load_framework(options)
        framework.set_inputs([_images()])
        framework.invoke()
        return framework.outputs()[0], framework.placement()
    engine = RUNTIME.load_engine(options, None)
    np.asarray(engine.inputs()[0])[...] = _images()
    engine.run()
    return np.array(engine.outputs()[0]), engine.placement()


@pytest.mark.parametrize("loop", ["native", "framework"])
def test_a_provider_from_a_library_runs_its_nodes(loop: str, relu: str) -> None:
    alone, _ = _outputs(loop, None)
    shared, placement = _outputs(loop, relu)
    # The CPU provider fuses Conv and Relu, which rounds otherwise: 1e-5 of logits that reach 12.
    np.testing.assert_allclose(shared, alone, rtol=1e-5, atol=1e-4)
    taken = {part.owner: (part.delegate, part.nodes) for part in placement}
    assert taken["ReluProvider"] == ("relu_provider.so", 6)
    assert sum(part.nodes for part in placement) == 15


@pytest.mark.parametrize("loop", ["native", "framework"])
def test_its_device_and_its_options_are_passed_on(loop: str, relu: str) -> None:
    alone, _ = _outputs(loop, None)
    leaky, _ = _outputs(loop, f"{relu}:cpu:slope=0.5")
    by_number, _ = _outputs(loop, f"{relu}:0:slope=0.5")
    assert not np.allclose(leaky, alone, atol=0.1)
    assert np.array_equal(by_number, leaky)


@pytest.mark.parametrize("loop", ["native", "framework"])
@pytest.mark.parametrize(
    ("suffix", "words"),
    [(":npu", "has no device 'npu'; it has 0 (cpu)"), (":7", "has no device '7'"),
     (":slope=steep", "slope")],
)  # fmt: skip
def test_what_it_lacks_is_said(loop: str, suffix: str, words: str, relu: str) -> None:
    with pytest.raises(EdgeloopError, match=re.escape(words)) as caught:
        _outputs(loop, relu + suffix)
    assert caught.value.exit_code in (3, 4)


def test_one_by_name_beside_it_is_refused(relu: str) -> None:
    options = LoadOptions(MODEL, providers=(parse_provider(relu), parse_provider("xnnpack")))
    with pytest.raises(UsageError, match="do not go together"):
        RUNTIME.load_engine(options, None)


def test_an_older_package_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        __version__ = "1.20.1"

    with pytest.raises(NotAvailableError, match=r"ONNX Runtime 1\.20\.1 takes no provider"):
        plugins.devices_of(Old(), "/x/provider.so")


@pytest.mark.parametrize("loop", ["native", "framework"])
@pytest.mark.parametrize(
    ("what", "code", "words"),
    [("missing", 3, "does not exist"), ("text", 3, "cannot use the provider of"),
     ("without-symbol", 3, "CreateEpFactories"), ("newer", 3, "needs a newer ONNX Runtime"),
     ("no-device", 3, "found no device on this machine")],
)  # fmt: skip
def test_a_library_that_cannot_be_used_is_one_sentence(
    loop: str, what: str, code: int, words: str, relu: str, build: Any, command_line: Any,
    tmp_path: Path,
) -> None:  # fmt: skip
    library = relu
    if what in ("missing", "text"):
        library = str(tmp_path / "provider.so")
    if what == "text":
        Path(library).write_text("not a library")
    if what == "without-symbol":
        library = str(tmp_path / "empty.so")
        empty = tmp_path / "empty.c"
        empty.write_text("int edgeloop_nothing;\n")
        subprocess.run(["cc", "-shared", "-fPIC", str(empty), "-o", library], check=True)
    if what == "newer":
        command_line.environment["PROVIDER_NEEDS"] = "99"
    if what == "no-device":
        command_line.environment["PROVIDER_WITHOUT_DEVICE"] = "1"
    done = command_line(
        "bench", MODEL, "--provider", library, "--loops", loop, "--runs", "2", "--no-save"
    )
    sentences = [line for line in done.stderr.splitlines() if line.startswith("edgeloop: ")]
    assert done.returncode == code, done.stderr
    assert len(sentences) == 1
    assert words in sentences[0]
    assert "Traceback" not in done.stderr


def test_a_measurement_says_what_it_ran(relu: str, command_line: Any) -> None:
    done = command_line(
        "bench", MODEL, "--provider", relu, "--runs", "5", "--require-delegate", "any",
        "--json", "-",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    (delegate,) = result["placement"]["delegates"]
    assert (delegate["name"], delegate["owners"]) == ("relu_provider.so", ["ReluProvider"])
    assert delegate["nodes"] == 6
    assert result["runtime"]["provider"] == "relu_provider.so, CPUExecutionProvider"
    done = command_line(
        "bench", MODEL, "--provider", relu, "--runs", "2", "--require-delegate", "1", "--no-save"
    )
    assert done.returncode == 1
    assert "relu_provider.so does not take every node" in done.stderr


def test_doctor_lists_the_devices(relu: str, command_line: Any) -> None:
    done = command_line("doctor", "--provider", relu, "--provider", "/x/no.so", "--json", "-")
    assert done.returncode == 0, done.stderr
    found, missing = json.loads(done.stdout)["providers"]
    (device,) = found["devices"]
    assert (device["provider"], device["version"]) == ("ReluProvider", "1.0.0")
    assert device["device"] == "cpu"
    assert missing["devices"] is None
    assert "does not exist" in missing["devices_reason"]


@pytest.mark.parametrize("loop", ["native", "framework", "framework-io"])
def test_openvinos_provider_keeps_the_accuracy_of_resnet20(
    loop: str, build: Any, shared_data: Path, command_line: Any
) -> None:
    spec = find_spec("onnxruntime_ep_openvino")
    if spec is None or spec.origin is None:
        pytest.skip("pip install onnxruntime-ep-openvino (50 MB)")
    folder = Path(spec.origin).parent
    plugin = folder / "libonnxruntime_providers_openvino_plugin.so"
    command_line.environment["REAL_PLUGIN"] = str(plugin)
    resnet = shared_data / "cifar10_resnet"
    data = str(resnet / "cifar10_test500_float32_nchw_norm.npz")
    done = command_line(
        "eval", str(resnet / "resnet20.onnx"), data,
        "--provider", f"{build('intel_vendor')}:cpu", "--loops", loop, "--require-delegate", "1",
        "--json", "-",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["accuracy"]["correct"] == pytest.approx(399, abs=1)
