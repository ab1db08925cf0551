"""PyTorch to ONNX: torch.export's exporter, and the older one that traces.

The newer exporter builds its graph at opset 18 and converts it down; where that fails it writes 18
and only logs it (PyTorch 2.13). So it is used from 18 on, and the tracing one below and for
TorchScript.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from edgeloop.conversion.edge import ConversionOptions, Converted
from edgeloop.conversion.torch_source import TorchSource, load_source
from edgeloop.errors import UsageError

DEFAULT_OPSET = 18
_LEAST_OPSET = 9
_FIRST_OF_EXPORT = 18


def import_packages() -> None:
    """Import PyTorch and what its exporter needs."""
    import onnx  # noqa: F401
    import onnxscript  # noqa: F401
    import torch.onnx  # noqa: F401


def convert(source: str, target: str, options: ConversionOptions) -> Converted:
    """Export with all dimensions fixed and the weights in the file. Raises ModelError."""
    opset = options.opset or DEFAULT_OPSET
    if opset < _LEAST_OPSET:
        raise UsageError(f"--opset {opset}: the exporter writes {_LEAST_OPSET} and newer")
    model = load_source(options.load_options(source))
    traces = model.kind == "torchscript" or opset < _FIRST_OF_EXPORT
    names = model.output_names()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are in the log of PyTorch's own users
        if traces:
            _export_by_tracing(model, target, opset, names)
        else:
            _export(model, target, opset, names)
    exporter = "the tracing exporter" if traces else "torch.export"
    return Converted(
        notes=(*model.notes, f"opset {opset}, by {exporter}"),
        inputs=tuple(spec.name for spec in model.inputs),
        outputs=tuple(names),
        parameters=model.parameters,
    )


def _export(model: TorchSource, target: str, opset: int, outputs: Sequence[str]) -> None:
    import torch

    torch.onnx.export(
        model.module,
        model.positional(),
        target,
        kwargs=model.keywords() or None,
        input_names=[spec.name for spec in model.inputs],
        output_names=list(outputs),
        opset_version=opset,
        dynamo=True,
        external_data=False,  # else the weights go into a file beside it
        verbose=False,
    )


def _export_by_tracing(model: TorchSource, target: str, opset: int, outputs: Sequence[str]) -> None:
    import torch

    if model.kind == "export":
        # The exporter switches to inference; a program is fixed, and refuses any switching.
        model.module.train = lambda mode=True: model.module
    arguments: Any = model.positional()
    if model.keywords():
        arguments = (*arguments, model.keywords())
    torch.onnx.export(
        model.module,
        arguments,
        target,
        input_names=[spec.name for spec in model.inputs],
        output_names=list(outputs),
        opset_version=opset,
        dynamo=False,
    )
