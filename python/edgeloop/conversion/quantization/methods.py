"""The methods of quantisation: what each reads, what it writes, and which packages it needs.

How to add a method: write `edgeloop/conversion/quantization/<name>.py` with what
`_base.MethodModule` asks for, all imports of frameworks inside functions, and enter it in METHODS.
The worker, the samples, the verification, the rename and the report come by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from edgeloop.errors import UsageError, canonical, nearest

PRECISIONS = ("int8", "int16x8", "dynamic", "fp16")

# What other tools call the same.
_OTHER_NAMES = {
    "full-integer": "int8",
    "16x8": "int16x8",
    "dynamic-range": "dynamic",
    "float16": "fp16",
}

CALIBRATED = ("int8", "int16x8")
"""Precisions whose activations have fixed ranges, which samples have to show."""

IO_TYPES = ("int8", "uint8", "float32")

_ENVIRONMENT = "convert"


@dataclass(frozen=True)
class Method:
    """One tool for some precisions of one kind of model."""

    name: str
    """Also its module: "onnx-static" is edgeloop/conversion/quantization/onnx_static.py."""
    sources: tuple[str, ...]
    """Formats that it reads."""
    target: str
    """The format that it writes."""
    precisions: tuple[str, ...]
    tool: str
    packages: tuple[str, ...]
    """Modules that the interpreter must have."""
    environment: str = _ENVIRONMENT
    """The managed environment that has them."""

    @property
    def module(self) -> str:
        """The module that quantises."""
        return f"edgeloop.conversion.quantization.{self.name.replace('-', '_')}"


_AEQ = ("ai_edge_quantizer", "ai_edge_litert")
_ORT = ("onnxruntime", "onnx")

METHODS = (
    Method("tflite-static", ("tflite",), "tflite", CALIBRATED, "ai-edge-quantizer", _AEQ),
    Method("tflite-dynamic", ("tflite",), "tflite", ("dynamic",), "ai-edge-quantizer", _AEQ),
    Method("tflite-float16", ("tflite",), "tflite", ("fp16",), "ai-edge-quantizer", _AEQ),
    Method(
        "tensorflow-tflite",
        ("savedmodel", "keras"),
        "tflite",
        PRECISIONS,
        "TensorFlow's converter",
        ("tensorflow",),
    ),
    Method("onnx-static", ("onnx",), "onnx", ("int8",), "onnxruntime.quantization", _ORT),
    Method("onnx-dynamic", ("onnx",), "onnx", ("dynamic",), "onnxruntime.quantization", _ORT),
    Method("onnx-float16", ("onnx",), "onnx", ("fp16",), "onnxruntime.transformers", _ORT),
)


def parse_precision(text: str) -> str:
    """Return the precision that a name means. Raises UsageError with the nearest one."""
    name = canonical(text)
    name = _OTHER_NAMES.get(name, name)
    if name not in PRECISIONS:
        raise UsageError(
            f"unknown quantisation method '{text}'; {nearest(name, (*PRECISIONS, *_OTHER_NAMES))}"
        )
    return name


def choose_method(source_format: str, precision: str) -> Method:
    """Return the method that brings a model of this format to this precision.

    Raises UsageError that names what can be done instead.
    """
    for method in METHODS:
        if source_format in method.sources and precision in method.precisions:
            return method
    possible = possible_precisions(source_format)
    if possible:
        raise UsageError(
            f"{source_format} models are not quantised to {precision} here; possible: "
            f"{', '.join(possible)} (16x8 is TFLite's: edgeloop convert MODEL --to tflite first)"
        )
    if source_format == "pytorch":
        raise UsageError(
            "PyTorch models are quantised in the format they will run in: give --to tflite or "
            "--to onnx, which converts first"
        )
    raise UsageError(
        f"a model in the format {source_format} can no longer be quantised; give what it was "
        "made from: ONNX, TFLite, SavedModel or Keras"
    )


def possible_precisions(source_format: str) -> list[str]:
    """Return the precisions that a model of this format can be brought to."""
    reachable = {p for m in METHODS if source_format in m.sources for p in m.precisions}
    return [precision for precision in PRECISIONS if precision in reachable]


def parse_io(text: Optional[str], method: Method, precision: str) -> str:
    """Return the dtype of inputs and outputs. Raises UsageError where there is no choice."""
    free = method.target == "tflite" and precision == "int8"
    if text is None:
        return "int8" if free else "float32"
    name = canonical(text)
    if name not in IO_TYPES:
        raise UsageError(f"unknown value '{text}' for --io; {nearest(name, IO_TYPES)}")
    if not free and name != "float32":
        raise UsageError(
            f"--io {name} is for int8 in TFLite; {precision} in {method.target} keeps float32 "
            "inputs and outputs"
        )
    return name
