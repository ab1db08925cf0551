"""Train the bundled demo model and export it in every bundled format.

The model is a small convolutional network on scikit-learn's digits (8x8 grey images, 10
classes). Its input is the raw pixel, a real value from 0 to 16: the batch normalisation behind
the first convolution is the only normalisation, and every exporter folds it into the weights.

    python -m edgeloop.demo.train OUTDIR

Made with CPython 3.11 on x86-64 Linux (litert-torch has no wheel for other machines) and

    pip install torch==2.13.0 numpy==2.4.6 scikit-learn==1.9.1 onnx==1.23.2 onnxscript==0.7.2 \
        onnxruntime==1.31.1 litert-torch==0.10.0 litert-converter==0.5.0 ai-edge-litert==2.3.0 \
        ai-edge-quantizer==0.10.0 protobuf==7.36.2

The network and its schedule were chosen by cross-validation inside the training part; the
held-out part is only ever measured. A run on the same machine gives the same bytes; another CPU
may round differently in training and give another, equally good model.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Callable

import numpy as np

SEED = 0
EPOCHS = 80
BATCH = 64
PEAK_LEARNING_RATE = 1e-2
WEIGHT_DECAY = 0.05
LABEL_SMOOTHING = 0.05
SHIFTED_SHARE = 0.7  # of the training images, moved by up to one pixel, each epoch

HELD_OUT_SHARE = 0.3
OPSET = 17  # ONNX Runtime 1.12 and later


MIN_ACCURACY = 0.98
MAX_INT8_ACCURACY_LOSS = 0.01
# Largest difference from PyTorch, as a share of the largest logit. The int8 bound is what tells
# rounding (about 1 %) from a clipped calibration range (more than 30 %), which top-1 hides.
MAX_DIFFERENCE = {"fp32": 1e-5, "int8": 0.05}

COMMAND = "python -m edgeloop.demo.train OUTDIR"
TOOLS = (
    "torch",
    "numpy",
    "scikit-learn",
    "onnx",
    "onnxscript",
    "onnxruntime",
    "litert-torch",
    "litert-converter",
    "ai-edge-litert",
    "ai-edge-quantizer",
    "protobuf",
)
DATA_FILE = "digits_test.npz"
# CC BY 4.0 asks for the attribution to travel with the images.
DATA_SOURCE = {
    "title": "Optical Recognition of Handwritten Digits (the copy in scikit-learn, load_digits)",
    "authors": "E. Alpaydin, C. Kaynak",
    "url": "https://doi.org/10.24432/C50P49",
    "licence": "CC BY 4.0",
    "changes": f"a stratified {HELD_OUT_SHARE:.0%} of the images, stored as uint8",
}


@dataclass(frozen=True)
class Digits:
    """Images as uint8 NHWC pixels from 0 to 16, labels as int64."""

    x_train: Any
    y_train: Any
    x_test: Any
    y_test: Any


@dataclass(frozen=True)
class Export:
    """One model file, and how to get logits for float32 NHWC images out of it."""

    file: str
    format: str
    precision: str
    layout: str
    run: Callable[[Path, Any], Any]

    @property
    def input_shape(self) -> list[int]:
        return [1, 8, 8, 1] if self.layout == "nhwc" else [1, 1, 8, 8]


@dataclass(frozen=True)
class Check:
    """What an export did on the whole held-out set."""

    correct: int
    total: int
    max_abs_diff: float


def load_digits() -> Digits:
    from sklearn.datasets import load_digits as load
    from sklearn.model_selection import train_test_split

    bunch = load()
    images = bunch.images[..., np.newaxis].astype(np.uint8)
    labels = bunch.target.astype(np.int64)
    x_train, x_test, y_train, y_test = train_test_split(
        images, labels, test_size=HELD_OUT_SHARE, stratify=labels, random_state=SEED
    )
    return Digits(x_train, y_train, x_test, y_test)


def to_nchw(images: Any) -> Any:
    """Transpose by copying: a view's strides would end up in what is traced from it."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32)


def build_model() -> Any:
    """Build conv, stride-2 conv, two depthwise separable convolutions and a classifier."""
    from torch import nn

    def block(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> Any:
        convolution = nn.Conv2d(
            inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False
        )
        return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())

    return nn.Sequential(
        block(1, 16, kernel=3),
        block(16, 24, kernel=3, stride=2),
        block(24, 24, kernel=3, groups=24),
        block(24, 32, kernel=1),
        block(32, 32, kernel=3, groups=32),
        block(32, 32, kernel=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
    )


def shift_some(images: Any, generator: Any) -> Any:
    """Move a random share of the NCHW images by -1, 0 or 1 pixel in each direction."""
    import torch

    count, _, height, width = images.shape
    offsets = torch.randint(0, 3, (count, 2), generator=generator)
    offsets[torch.rand(count, generator=generator) >= SHIFTED_SHARE] = 1
    padded = torch.nn.functional.pad(images[:, 0], (1, 1, 1, 1))
    rows = offsets[:, 0, None] + torch.arange(height)
    columns = offsets[:, 1, None] + torch.arange(width)
    return padded[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]][
        :, None
    ]


def train_model(digits: Digits) -> Any:
    import torch

    torch.manual_seed(SEED)
    torch.set_num_threads(1)  # a sum's order, and so its rounding, follows the thread count
    torch.use_deterministic_algorithms(True)
    generator = torch.Generator().manual_seed(SEED)
    images = torch.from_numpy(to_nchw(digits.x_train))
    labels = torch.from_numpy(digits.y_train)
    model = build_model().train()
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=LABEL_SMOOTHING)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=PEAK_LEARNING_RATE, weight_decay=WEIGHT_DECAY
    )
    steps = len(images) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_LEARNING_RATE, total_steps=EPOCHS * steps
    )
    for _ in range(EPOCHS):
        order = torch.randperm(len(images), generator=generator)
        for batch in order[: steps * BATCH].split(BATCH):
            optimizer.zero_grad()
            loss = loss_of(model(shift_some(images[batch], generator)), labels[batch])
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def calibration_inputs(digits: Digits) -> Iterator[Any]:
    """Yield float32 NHWC training images."""
    for image in digits.x_train:
        yield image[np.newaxis].astype(np.float32)


def export_torchscript(model: Any, path: Path) -> None:
    import torch

    traced = torch.jit.trace(model, torch.zeros(1, 1, 8, 8))
    torch.jit.freeze(traced).save(str(path))


def export_onnx(model: Any, path: Path) -> None:
    """Export with the legacy exporter: the other one writes opset 18 whatever is asked for."""
    import onnx
    import torch

    torch.onnx.export(
        model,
        (torch.zeros(1, 1, 8, 8),),
        str(path),
        dynamo=False,
        opset_version=OPSET,
        input_names=["input"],
        output_names=["logits"],
    )
    written = [entry.version for entry in onnx.load(str(path)).opset_import]
    if written != [OPSET]:
        raise RuntimeError(f"{path.name}: asked for opset {OPSET}, the exporter wrote {written}")


def quantize_onnx(source: Path, path: Path, digits: Digits) -> None:
    """Quantise to QDQ with uint8 activations and int8 weights per channel."""
    from onnxruntime import quantization

    feeds = [{"input": to_nchw(image)} for image in calibration_inputs(digits)]

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            self._feeds = iter(feeds)

        def get_next(self) -> Any:
            return next(self._feeds, None)

    quantization.quantize_static(
        str(source),
        str(path),
        Reader(),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
    )


def export_tflite(model: Any, path: Path) -> None:
    import litert_torch
    import torch

    channel_last = litert_torch.to_channel_last_io(model, args=[0])
    litert_torch.convert(channel_last, (torch.zeros(1, 8, 8, 1),)).export(str(path))


def quantize_tflite(source: Path, path: Path, digits: Digits) -> None:
    """Quantise to int8 everywhere, over the whole range that the calibration images reach."""
    from ai_edge_quantizer import calibrator, quantizer, recipe
    from ai_edge_quantizer.utils import qsv_utils

    calibration = calibrator.CalibrationInterpreter(
        str(source),
        mode=calibrator.CalibrationMode.CALIBRATION,
        # The default is a moving average, which clips the range and saturates the outputs.
        qsv_update_func=qsv_utils.min_max_update,
    )
    signature = calibration.get_signature_runner()
    (name,) = signature.get_input_details()
    for image in calibration_inputs(digits):
        signature(**{name: image})
    quantiser = quantizer.Quantizer(str(source), recipe.static_wi8_ai8())
    quantised = quantiser.quantize(calibration.get_calibration_results())
    path.write_bytes(quantised.quantized_model)


def run_torchscript(path: Path, images: Any) -> Any:
    import torch

    model = torch.jit.load(str(path))
    with torch.no_grad():
        logits = [model(torch.from_numpy(image[np.newaxis])) for image in to_nchw(images)]
    return torch.cat(logits).numpy()


def run_onnx(path: Path, images: Any) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    logits = [
        session.run(["logits"], {"input": image[np.newaxis]})[0] for image in to_nchw(images)
    ]
    return np.concatenate(logits)


def run_tflite(path: Path, images: Any) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    (source,) = interpreter.get_input_details()
    (sink,) = interpreter.get_output_details()
    logits = []
    for image in images:
        interpreter.set_tensor(source["index"], quantise(image[np.newaxis], source))
        interpreter.invoke()
        logits.append(dequantise(interpreter.get_tensor(sink["index"]), sink))
    return np.concatenate(logits)


def quantise(values: Any, tensor: Any) -> Any:
    if tensor["dtype"] == np.float32:
        return values
    scale, zero_point = tensor["quantization"]
    limits = np.iinfo(tensor["dtype"])
    steps = np.round(values / scale) + zero_point
    return np.clip(steps, limits.min, limits.max).astype(tensor["dtype"])


def dequantise(values: Any, tensor: Any) -> Any:
    if tensor["dtype"] == np.float32:
        return values
    scale, zero_point = tensor["quantization"]
    return (values.astype(np.float32) - zero_point) * scale


EXPORTS = (
    Export("digits_float32.tflite", "tflite", "fp32", "nhwc", run_tflite),
    Export("digits_int8.tflite", "tflite", "int8", "nhwc", run_tflite),
    Export("digits_float32.onnx", "onnx", "fp32", "nchw", run_onnx),
    Export("digits_int8.onnx", "onnx", "int8", "nchw", run_onnx),
    Export("digits_float32.pt", "pytorch", "fp32", "nchw", run_torchscript),
)


def check(export: Export, path: Path, digits: Digits, reference: Any) -> Check:
    """Compare an export with PyTorch on the held-out set; raise where it is not that model."""
    logits = export.run(path, digits.x_test.astype(np.float32))
    correct = int((logits.argmax(1) == digits.y_test).sum())
    float_correct = int((reference.argmax(1) == digits.y_test).sum())
    total = len(digits.y_test)
    difference = float(np.abs(logits - reference).max())
    largest = float(np.abs(reference).max())
    if correct < MIN_ACCURACY * total or float_correct - correct > MAX_INT8_ACCURACY_LOSS * total:
        raise RuntimeError(
            f"{export.file}: {correct} of {total} right where PyTorch has {float_correct}"
        )
    if not difference <= MAX_DIFFERENCE[export.precision] * largest:
        raise RuntimeError(
            f"{export.file}: logits differ from PyTorch by up to {difference:.3g}, "
            f"and the largest logit is {largest:.3g}"
        )
    return Check(correct, total, difference)


def write_models(model: Any, digits: Digits, folder: Path) -> None:
    export_torchscript(model, folder / "digits_float32.pt")
    export_onnx(model, folder / "digits_float32.onnx")
    quantize_onnx(folder / "digits_float32.onnx", folder / "digits_int8.onnx", digits)
    export_tflite(model, folder / "digits_float32.tflite")
    quantize_tflite(folder / "digits_float32.tflite", folder / "digits_int8.tflite", digits)


def fingerprint(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {
        "file": path.name,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def describe(export: Export, folder: Path, result: Check) -> dict[str, Any]:
    return {
        **fingerprint(folder / export.file),
        "format": export.format,
        "precision": export.precision,
        "layout": export.layout,
        "input_shape": export.input_shape,
        "correct": result.correct,
        "total": result.total,
        "max_abs_diff": float(f"{result.max_abs_diff:.3g}"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("outdir", type=Path, metavar="OUTDIR", help="folder for the files")
    folder: Path = parser.parse_args().outdir
    folder.mkdir(parents=True, exist_ok=True)

    import torch

    digits = load_digits()
    model = train_model(digits)
    with torch.no_grad():
        reference = model(torch.from_numpy(to_nchw(digits.x_test))).numpy()
    write_models(model, digits, folder)
    np.savez_compressed(folder / DATA_FILE, x_data=digits.x_test, y_data=digits.y_test)

    models = []
    for export in EXPORTS:
        result = check(export, folder / export.file, digits, reference)
        models.append(describe(export, folder, result))
        print(f"{export.file}: {result.correct}/{result.total}, off by {result.max_abs_diff:.3g}")
    manifest = {
        "command": COMMAND,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": {tool: version(tool) for tool in TOOLS},
        "data": {**fingerprint(folder / DATA_FILE), "layout": "nhwc", "source": DATA_SOURCE},
        "models": models,
    }
    (folder / "MANIFEST.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
