"""The figures of others."""

from __future__ import annotations

import pytest

from edgeloop.host.peaks import accelerator_peak
from edgeloop.report.published import published

# Multiply-accumulates of one inference at 224 x 224, as the papers of the networks give them.
GMACS = {"ResNet-50": 4.1, "MobileNet v2": 0.3, "MobileNet v1": 0.57, "EfficientNet-B0": 0.39}
COMPATIBLE = {"Jetson Nano": ["nvidia,jetson-nano"], "Jetson Orin Nano": ["nvidia,tegra234"]}


def test_every_figure_has_its_source_and_a_time() -> None:
    entries = published()
    assert len(entries) > 80
    assert all(entry.latency_ns > 100_000 for entry in entries)
    assert all(entry.source.url.startswith("https://") for entry in entries)
    years = [entry.board_year for entry in entries if entry.board_year is not None]
    assert min(years) == 2016
    assert max(years) <= 2026


def test_what_is_marked_impossible_is_what_no_gpu_of_that_board_can_do() -> None:
    marked = {(e.model, e.board) for e in published() if e.impossible}
    computed = set()
    for entry in published():
        if entry.device != "gpu" or entry.model not in GMACS:
            continue
        peak = accelerator_peak("gpu", COMPATIBLE[entry.board], "fp16").gflops
        assert peak is not None
        # Half of ResNet-50's work can be done by Winograd's method with a quarter of it.
        least_gflop = 2 * GMACS[entry.model] * (1 - 0.5 * 0.75)
        if entry.latency_ns < least_gflop / peak * 1e9:
            computed.add((entry.model, entry.board))
    assert marked == computed == {("ResNet-50", "Jetson Nano")}


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("mobilenet_v2_1.0_224_quant.tflite", "MobileNet v2"),
        ("/models/MobileNetV1.onnx", "MobileNet v1"),
        ("resnet50.pt", "ResNet-50"),
        ("ssd_mobilenet_v1_coco_quant.tflite", "SSD MobileNet v1"),
        ("efficientnet_b0.onnx", "EfficientNet-B0"),
        ("resnet20.onnx", None),
        ("digits.tflite", None),
    ],
)
def test_a_file_name_means_a_network(name: str, model: str) -> None:
    found = {entry.model for entry in published(name)}
    assert found == (set() if model is None else {model})
