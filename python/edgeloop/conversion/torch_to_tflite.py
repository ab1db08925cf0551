"""PyTorch to TensorFlow Lite without TensorFlow, by litert-torch."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeloop.conversion.edge import ConversionOptions, Converted
from edgeloop.conversion.image_layout import TO_LAST, has_channels_first
from edgeloop.conversion.tflite_names import rename_interface
from edgeloop.conversion.torch_source import TorchSource, load_source
from edgeloop.errors import UsageError


def import_packages() -> None:
    """Import PyTorch and litert-torch."""
    import litert_torch  # noqa: F401


def convert(source: str, target: str, options: ConversionOptions) -> Converted:
    """Write a float .tflite with the names of the module's inputs. Raises UsageError."""
    model = load_source(options.load_options(source))
    moved: list[int] = []
    moved_outputs: list[int] = []
    if options.layout == "nhwc":
        moved = [i for i, spec in enumerate(model.inputs) if has_channels_first(spec.shape)]
        moved_outputs = [i for i, rank in enumerate(model.output_ranks()) if rank == 4]
    content = _converted(model, moved, moved_outputs)
    names = [spec.name for spec in model.inputs]
    outputs = model.output_names()
    positional = len(names) - len(model.keyword_names)
    entries = [f"args_{index}" for index in range(positional)] + list(model.keyword_names)
    # litert-torch numbers the outputs too, but for those of a dictionary.
    keyed = isinstance(model.result(), Mapping)
    given = outputs if keyed else [f"output_{index}" for index in range(len(outputs))]
    Path(target).write_bytes(
        rename_interface(content, list(zip(entries, names)), list(zip(given, outputs)))
    )
    return Converted(
        notes=(
            *model.notes,
            *(f"input '{names[index]}' has its channels at the end" for index in moved),
        ),
        inputs=tuple(names),
        outputs=tuple(outputs),
        transposed_inputs={names[index]: TO_LAST[4] for index in moved},
        transposed_outputs={outputs[index]: TO_LAST[4] for index in moved_outputs},
        parameters=model.parameters,
    )


def _converted(model: TorchSource, moved: Sequence[int], moved_outputs: Sequence[int]) -> bytes:
    import litert_torch

    module: Any = model.module
    positional, keywords = list(model.positional()), model.keywords()
    if moved or moved_outputs:
        if any(index >= len(positional) for index in moved):
            raise UsageError(
                "--layout nhwc moves inputs that are passed by position; this program takes its "
                "images by keyword: convert it with --layout keep, or --via onnx"
            )
        module = litert_torch.to_channel_last_io(
            module, args=list(moved), outputs=list(moved_outputs)
        )
        for index in moved:
            positional[index] = positional[index].permute(TO_LAST[4]).contiguous()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        edge = litert_torch.convert(module, tuple(positional), keywords or None)
    edge.export("model.tflite")
    return Path("model.tflite").read_bytes()
