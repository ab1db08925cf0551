"""Say what a model file holds, whatever its format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from edgeloop.errors import ModelError
from edgeloop.models import (
    ncnn_file,
    onnx_worker,
    opaque_file,
    openvino_file,
    tensorflow_file,
    tflite_file,
    torch_file,
)
from edgeloop.models.formats import detect_format
from edgeloop.models.summary import ModelSummary

_READERS: Mapping[str, Callable[[Path], ModelSummary]] = {
    **dict.fromkeys(("tflite", "edgetpu"), tflite_file.summarise),
    **dict.fromkeys(("pytorch", "aotinductor"), torch_file.summarise),
    **dict.fromkeys(("savedmodel", "graphdef"), tensorflow_file.summarise),
    "onnx": onnx_worker.summarise,
    "ncnn": ncnn_file.summarise,
    "openvino": openvino_file.summarise,
}


def inspect_model(path: str | Path) -> ModelSummary:
    """Summarise a model; nothing of it is executed or unpickled.

    Raises ModelError where it is not a model or is damaged, NotAvailableError where the package
    that reads the format is missing (onnx for ONNX; the others need none).
    """
    target = Path(path)
    try:
        return _summarised(target)
    except RecursionError as error:
        raise ModelError(f"{target} is nested more deeply than any model") from error
    except MemoryError as error:
        raise ModelError(f"{target} needs more memory to inspect than there is") from error


def _summarised(target: Path) -> ModelSummary:
    found = detect_format(target)
    reader = _READERS.get(found.format)
    return reader(target) if reader is not None else opaque_file.summarise(target, found)
