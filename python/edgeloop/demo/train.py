r"""Train the bundled demo model and export it in every bundled format.

The model is a small convolutional network on scikit-learn's digits (8x8 grey images, 10
classes). Its input is the raw pixel, a real value from 0 to 16: the batch normalisation behind
the first convolution is the only normalisation, and it is folded into the weights. The float32
files hold weights that bfloat16 can hold too: three files of them shall not fill the wheel.

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
import io
import json
import platform
import re
import zipfile
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
SHIFTED_SHARE = 0.7  # of the training images, moved by up to one pixel, drawn again each epoch

HELD_OUT_SHARE = 0.3
OPSET = 17  # ONNX Runtime 1.12 and later

MIN_ACCURACY = 0.98
MAX_ACCURACY_LOSS = 0.01
# Largest difference from PyTorch, as a share of the largest logit. The int8 bound lies between
# rounding (4 %) and a clipped calibration range (26 %), which costs one image here: top-1 hides it.
MAX_DIFFERENCE = {"fp32": 1e-5, "int8": 0.05}

TOOLS = re.findall(r"([\w-]+)==", __doc__ or "")
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
    """Return float32 NCHW images, contiguous: PyTorch would keep the strides of a view."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32)


def build_model() -> Any:
    """Build conv, stride-2 conv, two depthwise separable convolutions and a classifier."""
    from torch import nn

    def block(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> Any:
        padding = kernel // 2
        return (
            nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        )

    return nn.Sequential(
        *block(1, 16, kernel=3),
        *block(16, 32, kernel=3, stride=2),
        *block(32, 32, kernel=3, groups=32),
        *block(32, 32, kernel=1),
        *block(32, 32, kernel=3, groups=32),
        *block(32, 32, kernel=1),
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
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1))
    each = torch.arange(count)[:, None, None, None]
    rows = offsets[:, 0, None, None, None] + torch.arange(height)[:, None]
    columns = offsets[:, 1, None, None, None] + torch.arange(width)
    return padded[each, 0, rows, columns]


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


def fold_and_round(model: Any) -> Any:
    """Fold each normalisation into its convolution, and round the weights to bfloat16's values.

    Half of every float32 weight is then zeros, which compress away.
    """
    import torch
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    layers: list[Any] = []
    for layer in model:
        if isinstance(layer, nn.BatchNorm2d):
            layers[-1] = fuse_conv_bn_eval(layers[-1], layer)
        else:
            layers.append(layer)
    folded = nn.Sequential(*layers).eval()
    with torch.no_grad():
        for weights in folded.parameters():
            weights.copy_(weights.bfloat16())
    return folded


def calibration_inputs(digits: Digits) -> list[Any]:
    """Return the training images one by one, as float32 NHWC."""
    return [image[np.newaxis].astype(np.float32) for image in digits.x_train]


def export_torchscript(model: Any, path: Path) -> None:
    """Export without the debug records: the source paths of this machine, and a hash of them."""
    import torch

    archive = io.BytesIO()
    torch.jit.save(torch.jit.freeze(torch.jit.trace(model, torch.zeros(1, 1, 8, 8))), archive)
    with zipfile.ZipFile(archive) as full, zipfile.ZipFile(path, "w") as stripped:
        for record in full.infolist():
            if not record.filename.endswith((".debug_pkl", "/serialization_id")):
                stripped.writestr(record, full.read(record))


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
    """Quantise to QDQ with uint8 activations and signed weights per channel."""
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
        # 7-bit weights: x86 with AVX2 but no VNNI adds pairs of products in 16 bits, and with
        # 8-bit weights that sum saturates: logits off by half their range, on that CPU only.
        reduce_range=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
    )


def export_tflite(model: Any, path: Path) -> None:
    import litert_torch
    import torch

    channel_last = litert_torch.to_channel_last_io(model, args=[0]).eval()
    litert_torch.convert(channel_last, (torch.zeros(1, 8, 8, 1),)).export(str(path))


def quantize_tflite(source: Path, path: Path, digits: Digits) -> None:
    """Quantise to int8 everywhere, over the whole range that the calibration images reach."""
    from ai_edge_quantizer import calibrator, qtyping, quantizer, recipe
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
    # TFLite's kernels of 2020 read a single scale for the weights of this operator.
    quantiser.add_static_config(
        ".*",
        qtyping.TFLOperationName.FULLY_CONNECTED,
        activation_num_bits=8,
        weight_num_bits=8,
        weight_granularity=qtyping.QuantGranularity.TENSORWISE,
    )
    result = quantiser.quantize(calibration.get_calibration_results())
    path.write_bytes(result.quantized_model)


def run_torchscript(path: Path, images: Any) -> Any:
    import torch

    model = torch.jit.load(str(path))
    with torch.no_grad():
        logits = [model(torch.from_numpy(image[np.newaxis])) for image in to_nchw(images)]
    return torch.cat(logits).numpy()


def run_onnx(path: Path, images: Any) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    logits = [session.run(["logits"], {"input": image[np.newaxis]})[0] for image in to_nchw(images)]
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
    levels = np.round(values / scale) + zero_point
    return np.clip(levels, limits.min, limits.max).astype(tensor["dtype"])


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


def measure(export: Export, path: Path, digits: Digits, reference: Any) -> dict[str, Any]:
    """Compare an export with PyTorch on the held-out set; raise where it is not that model."""
    logits = export.run(path, digits.x_test.astype(np.float32))
    correct = int((logits.argmax(1) == digits.y_test).sum())
    float_correct = int((reference.argmax(1) == digits.y_test).sum())
    total = len(digits.y_test)
    if correct < MIN_ACCURACY * total or float_correct - correct > MAX_ACCURACY_LOSS * total:
        raise RuntimeError(f"{path.name}: {correct}/{total} right, PyTorch {float_correct}")
    difference = float(np.abs(logits - reference).max())
    largest = float(np.abs(reference).max())
    if not difference <= MAX_DIFFERENCE[export.precision] * largest:  # "not" so that NaN fails
        raise RuntimeError(
            f"{path.name}: logits differ from PyTorch by up to {difference:.3g}, "
            f"where the largest logit is {largest:.3g}"
        )
    return {"correct": correct, "total": total, "max_abs_diff": float(f"{difference:.3g}")}


def write_models(model: Any, digits: Digits, folder: Path) -> None:
    export_torchscript(model, folder / "digits_float32.pt")
    export_onnx(model, folder / "digits_float32.onnx")
    quantize_onnx(folder / "digits_float32.onnx", folder / "digits_int8.onnx", digits)
    export_tflite(model, folder / "digits_float32.tflite")
    quantize_tflite(folder / "digits_float32.tflite", folder / "digits_int8.tflite", digits)


def fingerprint(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return {"file": path.name, "bytes": len(content), "sha256": digest}


def describe(export: Export, folder: Path, digits: Digits, reference: Any) -> dict[str, Any]:
    path = folder / export.file
    return {
        **fingerprint(path),
        "format": export.format,
        "precision": export.precision,
        "layout": export.layout,
        **measure(export, path, digits, reference),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("outdir", type=Path, metavar="OUTDIR", help="folder for the files")
    folder: Path = parser.parse_args().outdir
    folder.mkdir(parents=True, exist_ok=True)

    import torch

    digits = load_digits()
    model = fold_and_round(train_model(digits))
    reference = model(torch.from_numpy(to_nchw(digits.x_test))).detach().numpy()
    write_models(model, digits, folder)
    np.savez_compressed(folder / DATA_FILE, x_data=digits.x_test, y_data=digits.y_test)

    manifest: dict[str, Any] = {
        "command": "python -m edgeloop.demo.train OUTDIR",
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": {tool: version(tool) for tool in TOOLS},
        "data": {**fingerprint(folder / DATA_FILE), "layout": "nhwc", "source": DATA_SOURCE},
        "models": [describe(export, folder, digits, reference) for export in EXPORTS],
    }
    (folder / "MANIFEST.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    for entry in manifest["models"]:
        print("{file}: {correct}/{total}, off by {max_abs_diff}".format(**entry))


if __name__ == "__main__":
    main()
