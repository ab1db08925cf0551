"""Latencies that can and cannot be true."""

from __future__ import annotations

from typing import Any, Optional

import pytest

from edgeloop.models.summary import ModelSummary, TensorSummary
from edgeloop.results.plausibility import plausibility, withhold
from edgeloop.runtimes import runtime
from edgeloop.spec.load import LoadOptions

# ResNet-50 has 4.09 GMAC (8.2 GFLOP); 13 of its 3x3 convolutions have stride 1, each 56x56x64x64x9.
RESNET50_MACS = 4_089_000_000
RESNET50_FEWEST = RESNET50_MACS - 13 * 56 * 56 * 64 * 64 * 9 * 3 // 4

NANO_GPU = ["nvidia,p3450-0000", "nvidia,jetson-nano", "nvidia,tegra210"]
PI4 = [{"core_name": "Cortex-A72", "cpus": [0, 1, 2, 3], "max_hz": 1_500_000_000}]


def model(fewest: Optional[int], shape: tuple[Optional[int], ...] = (1, 3, 224, 224)) -> Any:
    tensor = TensorSummary("x", "float32", shape, (None,) * len(shape), None)
    return ModelSummary(
        path="m", format="onnx", kind=None, bytes=1, sha256="0", precision="fp32",
        precision_reason="", inputs=(tensor,), outputs=None, operators=None, parameters=None,
        parameters_reason="", parameter_bytes=None, macs=fewest, macs_reason="an LSTM is in it",
        fewest_multiplications=fewest,
    )  # fmt: skip


def header(shape: tuple[int, ...] = (1, 3, 224, 224), **more: Any):
    return {
        "host": {"board": {"compatible": more.get("compatible", [])}, "cpu": {"clusters": PI4}},
        "runtime": {"threads": 4},
        "model": {"inputs": [{"shape": list(shape)}]},
        "placement": None,
    }


def judge(
    median_ms: float,
    document: dict[str, Any],
    summary: Any = None,
    peak: Optional[float] = None,
    on: str = "cpu",
) -> dict[str, Any]:
    median_ns = median_ms * 1e6
    headline = {"median_ns": median_ns, "median_ci95_ns": [median_ns, median_ns], "cpus_used": 4.0}
    return plausibility(document, headline, summary or model(RESNET50_FEWEST), (), on, peak)


def test_the_published_resnet50_on_a_jetson_nano_is_impossible() -> None:
    """5.8 ms were published; the clock had stopped before the GPU was done."""
    found = judge(5.8, header(compatible=NANO_GPU), on="gpu")
    assert found["verdict"] == "impossible"
    assert found["text"].startswith("impossible: ")
    assert "Jetson Nano GPU" in found["text"]
    # The true floor, in half precision and by Winograd's method, is above 10 ms.
    assert found["floor_ns"] > 10e6


def test_what_a_jetson_nano_can_do_is_possible() -> None:
    found = judge(30.0, header(compatible=NANO_GPU), on="gpu")
    assert found["verdict"] == "possible"
    assert "of the most that Jetson Nano GPU can do" in found["text"]


def test_published_figures_of_a_raspberry_pi_4_are_possible() -> None:
    assert judge(401.0, header())["verdict"] == "possible"
    assert judge(40.0, header())["verdict"] == "impossible"


def test_chance_that_shortens_a_run_is_not_impossible() -> None:
    document = header()
    floor_ns = judge(401.0, document)["floor_ns"]
    headline = {
        "median_ns": floor_ns * 0.99,
        "median_ci95_ns": [floor_ns * 0.9, floor_ns * 1.01],
        "cpus_used": 4.0,
    }
    found = plausibility(document, headline, model(RESNET50_FEWEST), (), "cpu", None)
    assert found["verdict"] == "possible"


def test_the_users_peak_goes_before_the_table() -> None:
    assert judge(401.0, header(), peak=1.0)["verdict"] == "impossible"
    assert judge(401.0, header(), peak=1000.0, on="it")["verdict"] == "possible"


def test_the_batch_counts() -> None:
    one = judge(401.0, header(), model(RESNET50_FEWEST, (None, 3, 224, 224)))
    eight = judge(
        401.0, header(shape=(8, 3, 224, 224)), model(RESNET50_FEWEST, (None, 3, 224, 224))
    )
    assert eight["gflop_per_run"] == pytest.approx(8 * one["gflop_per_run"])


@pytest.mark.parametrize(
    ("document", "summary", "on", "words"),
    [
        (header(), None, "it", "where it computes is not known"),
        (header(), None, "libvx.so", "libvx.so computes"),
        (header(compatible=["rockchip,rk3588"]), None, "gpu", "the gpu here is not in"),
        (header(shape=(1, 3, 320, 320)), None, "cpu", "at the shapes that were run"),
        (header(), model(None), "cpu", "an LSTM is in it"),
        (header(), model(0), "cpu", "multiplies nothing"),
    ],
)
def test_what_is_not_known_has_no_verdict(document: Any, summary: Any, on: str, words: str) -> None:
    found = judge(0.001, document, summary, on=on)
    assert found["verdict"] is None
    assert words in found["verdict_reason"]


@pytest.mark.parametrize(
    ("name", "options", "on"),
    [
        ("litert", {}, "cpu"),
        ("litert", {"delegates": ["gpu"]}, "gpu"),
        ("tflite", {"delegates": ["edgetpu", "xnnpack"]}, "edgetpu"),
        ("tflite", {"delegates": ["/opt/libvx.so", "xnnpack"]}, "libvx.so"),
        ("coral", {"delegates": ["edgetpu"]}, "edgetpu"),
        ("onnxruntime", {"providers": ["xnnpack"]}, "cpu"),
        ("onnxruntime", {"providers": ["cuda"]}, "gpu"),
        ("onnxruntime", {"providers": ["OpenVINO"]}, "OpenVINOExecutionProvider"),
        ("torch", {}, "cpu"),
        ("torch", {"device": "cuda:0"}, "gpu"),
        ("tensorrt", {}, "gpu"),
        ("plugin", {}, "it"),
        ("null", {}, "it"),
    ],
)
def test_every_runtime_says_where_it_computes(name: str, options: Any, on: str) -> None:
    assert runtime(name).computes_on(LoadOptions("m", **options)) == on


def test_far_under_the_peak_is_explained() -> None:
    document = header()
    document["placement"] = {"rest": {"share_macs": 0.9, "runs_on": "the built-in kernels"}}
    found = judge(60_000.0, document)
    assert found["verdict"] == "possible"
    assert "90 % of the work ran on the built-in kernels" in found["text"]
    short = judge(0.9, header(), model(1000))
    assert "calls and copies" in short["text"]


def test_a_headline_is_withheld_with_its_reason() -> None:
    summary: dict[str, Any] = {"median_ns": 1.0, "median_ci95_ns": [1.0, 1.0], "n": 7}
    withhold(summary, "impossible: x")
    assert summary["median_ns"] is None
    assert summary["median_ns_reason"] == "impossible: x"
    assert summary["n"] == 7
