"""Figures of published models, against what is known of them from elsewhere.

MobileNet v2 (1.0, 224): 300 M multiply-adds, 3.47 M parameters (Sandler et al. 2018, table 4).
ResNet20 for CIFAR-10: 0.27 M parameters, 41 M (He et al. 2016; akamaster/pytorch_resnet_cifar10).
ResNet8 and the autoencoder: MLPerf Tiny, 12.5 M and 0.26 M. SSD MobileNet v1: this file has the
0.75-wide backbone (768 channels at its end), hence not the 1.2 G of the full one; 0.75 of MobileNet
v1 is 325 M at 224 pixels, (300/224)^2 times that is 583 M, and the heads are the rest.
"""

from __future__ import annotations

import pytest

from edgeloop.models.inspect import inspect_model

CASES = [
    ("cifar10_resnet/pretrainedResnet.tflite", "fp32", 12_501_632, 77_706),
    ("cifar10_resnet/pretrainedResnet_quant.tflite", "int8", 12_501_632, 77_706),
    ("cifar10_resnet/pretrainedResnet_tf2onnx.onnx", "fp32", 12_501_632, 77_706),
    ("cifar10_resnet/resnet20.onnx", "fp32", 40_551_040, 269_034),
    # 269,722 trainable numbers and 1,376 batch-norm statistics
    ("cifar10_resnet/resnet20_state_dict.pth", "fp32", None, 271_098),
    ("cifar10_resnet/resnet20-12fca82f.th", "fp32", None, 271_098),
    ("cifar10_resnet/resnet20_torchscript.pt", "fp32", None, 271_098),
    (
        "coco_ssd/coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite",
        "int8",
        728_036_496,
        4_108_899,
    ),
    ("imagenet_mobilenet/mobilenet_v2_1.0_224_quant.tflite", "int8", 300_775_552, 3_489_097),
    # 1000 classes, one less
    ("imagenet_mobilenet/mobilenet_v2_quant.onnx", "int8", 300_774_272, 3_487_816),
    ("imagenet_mobilenet/mobilenet_v2_1.0_224_quant_edgetpu.tflite", "int8", None, None),
    ("toycar_autoencoder/ad01_fp32.tflite", "fp32", 264_192, 265_864),
    ("toycar_autoencoder/ad01_int8.tflite", "int8", 264_192, 265_864),
    ("toycar_autoencoder/ad01_fp32_tf2onnx.onnx", "fp32", 264_192, 265_864),
]


@pytest.mark.parametrize(("name", "precision", "macs", "parameters"), CASES)
def test_figures(shared, name, precision, macs, parameters):
    path = shared(name)
    if path.suffix == ".onnx":
        pytest.importorskip("onnx")
    found = inspect_model(path)
    assert (found.precision, found.macs, found.parameters) == (precision, macs, parameters)
    assert f"{found.bytes} bytes, sha256 {found.sha256}" in shared("MANIFEST.md").read_text()


def test_edgetpu_and_custom_operators(shared):
    compiled = inspect_model(shared("imagenet_mobilenet/mobilenet_v2_1.0_224_quant_edgetpu.tflite"))
    assert (compiled.format, compiled.custom_operators) == ("edgetpu", ("edgetpu-custom-op",))
    detector = inspect_model(shared("coco_ssd/coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite"))
    assert detector.custom_operators == ("TFLite_Detection_PostProcess",)
    assert [tensor.shape for tensor in detector.outputs] == [None] * 4


def test_tensors(shared):
    found = inspect_model(shared("cifar10_resnet/pretrainedResnet_quant.tflite"))
    (source,), (result,) = found.inputs, found.outputs
    assert (source.name, source.dtype, source.shape) == ("input_1_int8", "int8", (None, 32, 32, 3))
    assert (source.quantization.scales, source.quantization.zero_points) == ((1.0,), (-128,))
    assert (result.name, result.shape) == ("Identity_int8", (None, 10))
    assert result.quantization.scales == (0.00390625,)
