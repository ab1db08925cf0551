"""What is done to a model before it is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from edgeloop.spec.option import PREPARE, option


@dataclass(frozen=True)
class Preparation:
    """To convert or quantise a model first; nothing of it: as it is."""

    to: Optional[str] = option(
        None,
        "--to",
        section=PREPARE,
        metavar="FORMAT",
        help="Convert first: tflite, onnx, ... The result is kept.",
    )
    precision: Optional[str] = option(
        None,
        "--quantize",
        section=PREPARE,
        metavar="PRECISION",
        help="Quantise first: int8, int16x8, dynamic or fp16.",
    )
    representative_data: Optional[str] = option(
        None,
        "--representative-data",
        "--representative-data-path",
        section=PREPARE,
        metavar="PATH",
        help="Samples that show the ranges of the activations, from the training set: an .npz, an "
        ".npy, a folder or a list (.csv) of pictures. Preprocessed like --data.",
        file=True,
        more=True,
    )
    samples: int = option(
        200,
        "--samples",
        section=PREPARE,
        help="Number of samples of --representative-data, drawn by --seed.",
        more=True,
    )
    layout: str = option(
        "keep",
        "--layout",
        section=PREPARE,
        help="keep: inputs as the model has them. nhwc: channels of images at the end, as TFLite "
        "models have them; the data is then transposed for you.",
        more=True,
    )
    via: Sequence[str] = option(
        (),
        "--via",
        section=PREPARE,
        metavar="FORMAT",
        help="Convert by way of this format, or 'direct' for a single step: PyTorch to TFLite goes "
        "both ways.",
        repeat=True,
        more=True,
    )
    opset: Optional[int] = option(
        None,
        "--opset",
        section=PREPARE,
        help="ONNX opset to write (default 18; 13 to 17 suit older runtimes).",
        more=True,
    )
    model_out: Optional[str] = option(
        None,
        "--model-out",
        section=PREPARE,
        metavar="PATH",
        help="The model file to write. Default: the model's name with the format's ending, here.",
        more=True,
    )
    force: bool = option(
        False,
        "--force",
        section=PREPARE,
        help="Replace the model file that is there under that name.",
        more=True,
    )
